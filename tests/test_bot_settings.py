"""Settings: where a value comes from, and that nothing misspelt is taken for silence."""

from pathlib import Path
from typing import Any

import pytest

from bot import settings
from data.errors import ExitCode, UserError

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "-----BEGIN RSA PUBLIC KEY-----", "-----END RSA PUBLIC KEY-----"
HEAD = """# Settings of doppelgram. Copy this file to .env and take the # away from what you set.
# A flag beats the environment, which beats .env, which beats config.toml in the home folder.
# To write this file anew after a change of bot/settings.py: python -m tests.test_bot_settings > .env.example
"""


def example() -> str:
    """What `.env.example` must be: every setting with its description and default, the two needed ones open."""
    lines = [HEAD]
    for name, field in settings.names().items():
        lines.append(f"# {field.description}")
        default = field.default
        shown = (
            ""
            if default is None or isinstance(default, Path)
            else str(default).lower()
            if default in (True, False) and isinstance(default, bool)
            else default
        )
        needed = name in ("DOPPELGRAM_API_ID", "DOPPELGRAM_API_HASH")
        lines.append(f"{'' if needed else '# '}{name}={shown}\n")
    return "\n".join(lines)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine the tests run on."""
    import os

    for name in list(os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOPPELGRAM_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


def refusal(**flags: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        settings.read(**flags)
    assert caught.value.code is ExitCode.CONFIGURATION
    return caught.value


def test_the_example_file_is_the_settings_model() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example()


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in settings.names().values())


def test_a_flag_beats_the_environment_beats_dotenv_beats_config_toml_beats_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.read().live.debounce_seconds == 8.0
    (tmp_path / "home" / "config.toml").write_text(
        "[live]\ndebounce_seconds = 1.0\n[pull]\nrequests_per_second = 1.5\n"
    )
    assert settings.read().live.debounce_seconds == 1.0
    (tmp_path / ".env").write_text("DOPPELGRAM_LIVE__DEBOUNCE_SECONDS=2\n")
    assert settings.read().live.debounce_seconds == 2.0
    monkeypatch.setenv("DOPPELGRAM_LIVE__DEBOUNCE_SECONDS", "3")
    assert settings.read().live.debounce_seconds == 3.0
    assert settings.read(live={"debounce_seconds": 4}).live.debounce_seconds == 4.0
    assert settings.read().pull.requests_per_second == 1.5, "the other values still come from the file"


def test_the_home_folder_of_dotenv_is_where_config_toml_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOPPELGRAM_HOME")
    (tmp_path / ".env").write_text(f"DOPPELGRAM_HOME={tmp_path / 'home'}\n")
    (tmp_path / "home" / "config.toml").write_text("api_id = 7\n")
    assert settings.read().api_id == 7


@pytest.mark.parametrize("name", ["DOPPELGRAM_APIID", "DOPPELGRAM_LIVE__DEBOUNCE", "doppelgram_live__debounce"])
def test_an_unknown_name_in_the_environment_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert name in refusal().message


def test_an_unknown_name_in_dotenv_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOPPELGRAM_LIVE__QUIETHOURS=23:00-07:00\n")
    assert "QUIETHOURS" in refusal().message


def test_an_unknown_name_in_config_toml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home" / "config.toml").write_text("[live]\nquiethours = '23:00-07:00'\n")
    assert "QUIETHOURS" in refusal().message


def test_other_programs_settings_in_dotenv_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("EDITOR=vim\nDOPPELGRAM_API_ID=5\n")
    assert settings.read().api_id == 5


def test_a_damaged_config_toml_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home" / "config.toml").write_text("[live\n")
    refusal()


def test_a_wrong_value_is_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOPPELGRAM_API_ID", "s3cret-typed-into-the-wrong-line")
    error = refusal()
    assert "DOPPELGRAM_API_ID" in error.message
    assert "s3cret" not in error.message + error.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DOPPELGRAM_TRANSCRIPT__ZONE", "Mars/Olympus"),
        ("DOPPELGRAM_LIVE__AUTO_CONFIDENCE", "1.5"),
        ("DOPPELGRAM_LIVE__QUIET_HOURS", "late"),
        ("DOPPELGRAM_LIVE__QUIET_HOURS", "23:00"),
        ("DOPPELGRAM_LIVE__QUIET_HOURS", "23:00Z-07:30Z"),
        ("DOPPELGRAM_LIVE__QUIET_HOURS", "00:00-00:00"),
        ("DOPPELGRAM_MODEL__QUANTIZATION", "int3"),
        ("DOPPELGRAM_TELEGRAM__SERVER_KEY", "/etc/keys/server.pem"),
        ("DOPPELGRAM_TELEGRAM__SERVER_KEY", f"{BEGIN}\\nMIIB\\n{END}"),
        ("DOPPELGRAM_TELEGRAM__SERVER_KEY", f"{BEGIN}\\nnot base64!\\n{END}"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_at_once(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert name in refusal().message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DOPPELGRAM_API_ID", "abc", " must be a whole number."),
        ("DOPPELGRAM_LIVE__DEBOUNCE_SECONDS", "soon", " must be a number."),
        ("DOPPELGRAM_LIVE__HOLD_MEDIA", "perhaps", " must be true or false."),
        ("DOPPELGRAM_LIVE__AUTO_CONFIDENCE", "1.5", " must be at most 1."),
        ("DOPPELGRAM_LIVE__CHAT_DAY", "-1", " must be at least 0."),
        ("DOPPELGRAM_PULL__REQUESTS_PER_SECOND", "0", " must be more than 0."),
        ("DOPPELGRAM_MODEL__QUANTIZATION", "int3", " must be 'auto', 'nf4' or 'none'."),
        ("DOPPELGRAM_LIVE__DIGEST", "late", ": write it as 21:00."),
    ],
)
def test_what_a_value_must_be_is_said_in_words_for_people(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert refusal().message == f"{name}{said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("api_hash = 5", "DOPPELGRAM_API_HASH must be text, in quotes."),
        ("live = 5", "DOPPELGRAM_LIVE is a group of settings, such as DOPPELGRAM_LIVE__DEBOUNCE_SECONDS."),
    ],
)
def test_what_config_toml_must_hold_is_said_in_words_for_people(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "home" / "config.toml").write_text(f"{text}\n")
    assert refusal().message == said


@pytest.mark.parametrize("where", ["environment", ".env", "config.toml"])
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PULL__REQUEST_PER_SECOND", "Did you mean DOPPELGRAM_PULL__REQUESTS_PER_SECOND?"),
        ("APIID", "Did you mean DOPPELGRAM_API_ID?"),
        ("ZEBRAWOOD", "See .env.example for every name."),
    ],
)
def test_a_mistyped_name_is_said_to_be_unknown_with_the_nearest_that_there_is(
    name: str, meant: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "environment":
        monkeypatch.setenv(f"DOPPELGRAM_{name}", "3")
    elif where == ".env":
        (tmp_path / ".env").write_text(f"DOPPELGRAM_{name}=3\n")
    else:
        (tmp_path / "home" / "config.toml").write_text(f"{name.lower().replace('__', '.')} = 3\n")
    error = refusal()
    assert (error.message, error.hint) == (f"There is no setting DOPPELGRAM_{name}.", meant)


def test_an_empty_value_in_the_example_means_not_set(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOPPELGRAM_API_ID=\nDOPPELGRAM_API_HASH=\n")
    read = settings.read()
    assert (read.api_id, read.api_hash) == (None, None)


def test_the_api_hash_never_shows_in_a_printed_settings_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOPPELGRAM_API_HASH", "0123456789abcdef")
    assert "0123456789abcdef" not in f"{settings.read()!r} {settings.read()}"


if __name__ == "__main__":
    from bot.show import line

    line(example().rstrip("\n"))
