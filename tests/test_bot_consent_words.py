"""What `consent`, `pull` and `forget` say before anything is asked of Telegram: whole sentences, about the right
person."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.commands import consent, history, privacy
from bot.desk import Desk
from bot.home import Home
from bot.policy import Mode, Policy
from bot.settings import Settings
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind, Person

CARLA, ALMA, BOT, GONE, HIKE, SECRET = 6, 7, 8, 100901, -5, -9


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A home that knows some chats, as the verbs of this process find it."""
    monkeypatch.setenv("DOPPELGRAM_HOME", str(tmp_path))
    with Desk.at(Settings(home=tmp_path), Home.at(tmp_path)) as desk:
        desk.archive.save_dialogs(
            [
                Dialog(CARLA, Kind.PRIVATE, "Carla"),
                Dialog(ALMA, Kind.PRIVATE, "Alma Reyes"),
                Dialog(BOT, Kind.BOT, "Weather"),
                Dialog(GONE, Kind.DELETED, "(deleted account)"),
                Dialog(HIKE, Kind.GROUP, "Sunday hike"),
                Dialog(SECRET, Kind.GROUP, "Closed circle", protected=True),
            ]
        )
        desk.archive.save_people([Person(9, Kind.PRIVATE, "Dora Lund")])
        yield desk


def refusal(act: Callable[[], None], code: ExitCode) -> UserError:
    with pytest.raises(UserError) as caught:
        act()
    assert caught.value.code is code
    return caught.value


@pytest.mark.parametrize("how", ["   ", "", "\t\n"])
@pytest.mark.parametrize("member", [None, "Carla"])
def test_a_blank_statement_of_how_they_agreed_is_refused_and_records_nothing(
    desk: Desk, how: str, member: str | None
) -> None:
    chat = "Sunday hike" if member else "Carla"
    error = refusal(lambda: consent.grant("chat", [chat], member=member, how=how), ExitCode.USAGE)
    assert "--how is blank" in error.message
    assert Ledger(desk.archive).history() == []
    consent.grant("chat", [chat], member=member, how="over tea")
    assert [each.how for each in Ledger(desk.archive).history()][-1] == "over tea"


@pytest.mark.parametrize(
    ("chat", "said"),
    [
        ("Weather", "Weather is a bot, not a person."),
        (str(GONE), "(deleted account) is a deleted account, not a person."),
    ],
)
@pytest.mark.parametrize(
    ("act", "fit"),
    [
        (lambda chat: consent.grant("own", [chat]), "Consents and pulls are for people, groups and your own notes."),
        (lambda chat: history.pull([chat]), "Consents and pulls are for people, groups and your own notes."),
    ],
    ids=["consent", "pull"],
)
def test_what_is_no_person_is_told_by_a_noun_and_with_what_is_possible(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, act: Callable[[str], None], fit: str, chat: str, said: str
) -> None:
    monkeypatch.setenv("DOPPELGRAM_API_ID", "1")
    monkeypatch.setenv("DOPPELGRAM_API_HASH", "0" * 32)
    error = refusal(lambda: act(chat), ExitCode.ERROR)
    assert (error.message, error.hint) == (said, fit)


def test_a_group_that_protects_its_content_is_not_said_to_be_no_person(desk: Desk) -> None:
    error = refusal(lambda: consent.grant("own", ["Closed circle"]), ExitCode.ERROR)
    assert "does not allow its content to be saved" in error.message


@pytest.mark.parametrize(
    "act", [lambda: consent.grant("own", ["Carla"], every=True), lambda: history.pull(["Carla"], every=True)]
)
def test_names_and_all_at_once_are_said_to_be_one_too_many(desk: Desk, act: Callable[[], None]) -> None:
    assert "two ways" in refusal(act, ExitCode.USAGE).message


def test_a_folder_without_a_name_is_asked_for_its_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOPPELGRAM_API_ID", "1")
    monkeypatch.setenv("DOPPELGRAM_API_HASH", "0" * 32)
    error = refusal(lambda: history.pull(["folder: "]), ExitCode.USAGE)
    assert "no name" in error.message
    assert "folder:Work" in error.hint


def test_revoking_for_one_member_names_them_and_who_still_agrees(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    for who in ("Carla", "Alma Reyes", "Dora Lund"):
        consent.grant("chat", ["Sunday hike"], member=who)
    capsys.readouterr()
    consent.revoke("Sunday hike", member="Carla")
    told = capsys.readouterr().err
    assert "Carla in Sunday hike: revoked" in told
    assert "Still agreed there: Alma Reyes, Dora Lund." in told
    assert "Sunday hike: revoked, and off." not in told.splitlines()
    consent.revoke("Sunday hike", member="Carla")
    assert "Carla had no consent on record in Sunday hike." in capsys.readouterr().err
    for who in ("Dora Lund", "Alma Reyes"):
        consent.revoke("Sunday hike", member=who)
    assert "Nobody else has agreed there; your own words there may still be used." in capsys.readouterr().err
    consent.revoke("Sunday hike")
    assert "Sunday hike: revoked, and off." in capsys.readouterr().err


def test_without_a_terminal_forget_names_its_flag_and_forgets_nothing(desk: Desk) -> None:
    consent.grant("own", ["Carla"])
    error = refusal(lambda: privacy.forget("Carla"), ExitCode.USAGE)
    assert (error.message, "--yes" in error.hint) == ("Nothing was removed.", True)
    assert Ledger(desk.archive).of(CARLA)
    privacy.forget("Carla", yes=True)
    assert Ledger(desk.archive).of(CARLA) is None


def test_revoking_for_one_who_is_unknown_or_never_agreed_there_leaves_the_group_as_it_was(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    consent.grant("chat", ["Sunday hike"], member="Carla")
    policy = Policy(desk.live, desk.settings.live)
    policy.set_mode(Dialog(HIKE, Kind.GROUP, "Sunday hike"), Mode.ASK, desk.now)
    error = refusal(lambda: consent.revoke("Sunday hike", member="Nobody"), ExitCode.ERROR)
    assert "Nobody called Nobody is known" in error.message
    consent.revoke("Sunday hike", member="Dora Lund")
    assert "Dora Lund had no consent on record in Sunday hike." in capsys.readouterr().err
    assert policy.mode(HIKE, desk.now) is Mode.ASK
    consent.revoke("Sunday hike", member="Carla")
    assert policy.mode(HIKE, desk.now) is Mode.OFF
