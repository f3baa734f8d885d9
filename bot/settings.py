"""Settings: the one page of knobs, and the only place where the environment is read.

A value comes from a flag, else the environment, else `.env` in the working folder, else `config.toml` in the home
folder, else the default here. Names are prefixed `DOPPELGRAM_` and nested by `__`. An unknown name is an error, so a
typo cannot silently switch a safeguard off.
"""

import os
import re
from collections.abc import Iterable
from datetime import time
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_cache_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot import misfit
from data.errors import ExitCode, UserError

PREFIX = "DOPPELGRAM_"
ENV_FILE = Path(".env")


class Group(BaseModel):
    """A group of knobs; an unknown name in it is an error."""

    model_config = ConfigDict(extra="forbid")


class TelegramSettings(Group):
    """Which MTProto server to talk to. All empty: Telegram's own."""

    server: str | None = Field(None, description="host:port of another MTProto server")
    server_dc: int = Field(2, description="its data centre number")
    server_key: str | None = Field(None, description="its RSA public key, PKCS#1 PEM (\\n for line ends)")
    test_dc: bool = Field(False, description="use Telegram's own test servers")

    @field_validator("server_key")
    @classmethod
    def _a_key(cls, text: str | None) -> str | None:
        """Found out later, a key that is none looks like a server that is not there."""
        if text is None:
            return None
        import rsa

        try:
            rsa.PublicKey.load_pkcs1(text.replace("\\n", "\n").encode())
        except Exception:  # each damage has a class of its own, some of another package's
            raise ValueError("not an RSA public key; it begins with -----BEGIN RSA PUBLIC KEY-----") from None
        return text


class ModelSettings(Group):
    """The base model and how it answers."""

    base: str = Field(
        "Qwen/Qwen2.5-7B-Instruct", description="hub id (with @revision), local folder, GGUF file, or smollm2"
    )
    adapter: str | None = Field(None, description="which adapter speaks; empty: the newest that is not stale")
    quantization: Literal["auto", "nf4", "none"] = Field("auto", description="auto: nf4 on CUDA, none on a CPU")
    threads: int | None = Field(None, ge=1, description="CPU threads; empty: torch decides")
    cache: Path = Field(user_cache_path("doppelgram"), description="where converted public models are kept")
    server: str | None = Field(
        None, description="another model server, such as http://127.0.0.1:8080/v1: it gets the text of the chats"
    )
    server_model: str | None = Field(None, description="what that server calls the model or adapter")
    server_key: SecretStr | None = Field(None, description="its API key, where it wants one; a secret")
    memory_mib: int = Field(1024, ge=0, description="MiB for what was read of the chats, kept for the next reply there")
    candidates: int = Field(3, ge=1, le=16, description="replies generated for one suggestion")
    max_tokens: int = Field(96, ge=8, description="longest reply, in tokens")
    temperature: float = Field(0.8, gt=0, description="sampling temperature")
    top_p: float = Field(0.9, gt=0, le=1, description="nucleus sampling")


class TranscriptSettings(Group):
    """How much history a reply is written from. Training and live use the same values."""

    window: int = Field(2400, ge=200, description="characters of one conversation in view")
    zone: str = Field("UTC", description="the owner's time zone, such as Europe/Berlin")

    @field_validator("zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {name!r}") from error
        return name


class PullSettings(Group):
    """How fast history is read."""

    requests_per_second: float = Field(
        4.0, gt=0, description="the most; a pull begins near one. Accounts matter more than minutes"
    )


class TrainSettings(Group):
    """How an adapter is trained."""

    epochs: float = Field(3.0, gt=0, description="passes over the dataset, unless minutes are given")
    minutes: float | None = Field(None, gt=0, description="stop after this long instead")
    method: Literal["auto", "qlora", "lora", "full"] = Field(
        "auto", description="what learns: LoRA weights (qlora: on a base in 4 bit) or, with full, every weight"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="empty: 1e-3 below a billion parameters and 2e-4 above; 2e-5 with full"
    )
    micro_batch_tokens: int | None = Field(
        None, ge=1, description="most tokens computed at a time (CPU 256, GPU 4,096); less takes less memory"
    )
    seed: int = Field(1, description="of shuffling and initialisation")


class LiveSettings(Group):
    """When the twin speaks. Times in seconds, minutes or hours as named."""

    debounce_seconds: float = Field(8.0, ge=0, description="wait until a chat is quiet for this long")
    auto_confidence: float = Field(0.5, ge=0, le=1, description="auto sends at this confidence or more, else it asks")
    chat_seconds: float = Field(20.0, ge=0, description="at most one automatic reply per chat in this time")
    chat_hour: int = Field(10, ge=0, description="automatic replies per chat and hour")
    chat_day: int = Field(40, ge=0, description="automatic replies per chat and day")
    all_day: int = Field(100, ge=0, description="automatic replies in all chats and a day")
    in_a_row: int = Field(6, ge=1, description="automatic replies in a conversation without the owner; then it asks")
    quick_answers: int = Field(3, ge=1, description="so many answers within 5 s in a row are a machine's: it asks")
    owner_seconds: float = Field(60.0, ge=0, description="no automatic reply so soon after the owner wrote there")
    hold_media: bool = Field(True, description="what came with a photo, a voice message or a file waits for the owner")
    quiet_hours: str = Field("", description="no automatic replies then, such as 23:00-07:30")
    expire_minutes: float = Field(180.0, gt=0, description="a suggestion older than this is dropped")
    auto_days: float = Field(7.0, gt=0, description="auto falls back to ask after this unless renewed")
    bubble_seconds: float = Field(1.5, ge=0, description="typing time before a message, at the least")
    digest: str = Field("", description="once a day at this time, such as 21:00, counts of the day in Saved Messages")

    @field_validator("digest")
    @classmethod
    def _a_time(cls, text: str) -> str:
        try:
            if text and time.fromisoformat(text).tzinfo:
                raise ValueError
        except ValueError:
            raise ValueError("write it as 21:00") from None
        return text

    @field_validator("quiet_hours")
    @classmethod
    def _a_span(cls, text: str) -> str:
        """A safeguard that is misspelt must not be found out in the night that it was for."""
        try:
            parts = [time.fromisoformat(part.strip()) for part in text.split("-")] if text else []
            if any(part.tzinfo for part in parts) or len(set(parts)) != (2 if text else 0):
                raise ValueError
        except ValueError:
            raise ValueError("write it as 23:00-07:30") from None
        return text


class WebSettings(Group):
    """Where the page listens."""

    host: str = Field(
        "127.0.0.1",
        description="where the page listens; anything else than this lets others read your chats on the way",
    )
    port: int = Field(8760, ge=0, le=65535, description="its port; 0: any that is free")


class CompanionSettings(Group):
    """The owner's own bot, which shows what waits and takes decisions by buttons. Off without a token."""

    token: SecretStr | None = Field(
        None, description="of a bot of yours, from @BotFather: cards to decide on; a secret"
    )

    @field_validator("token")
    @classmethod
    def _a_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token and not re.fullmatch(r"[1-9]\d{0,17}:[\w-]{20,}", token.get_secret_value()):
            raise ValueError("not a bot token; @BotFather gives one, such as 123456789:AAF...")
        return token


class Settings(BaseSettings):
    """Every knob there is."""

    # An empty value is one that is not set, and other programs' names in `.env` are none of our business.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        dotenv_filtering="match_prefix",
        extra="forbid",
    )

    home: Path = Field(user_data_path("doppelgram"), description="the folder of everything private")
    api_id: int | None = Field(None, description="from my.telegram.org; each person needs their own")
    api_hash: SecretStr | None = Field(None, description="from my.telegram.org; a secret")
    telegram: TelegramSettings = TelegramSettings()
    model: ModelSettings = ModelSettings()
    transcript: TranscriptSettings = TranscriptSettings()
    pull: PullSettings = PullSettings()
    train: TrainSettings = TrainSettings()
    live: LiveSettings = LiveSettings()
    web: WebSettings = WebSettings()
    companion: CompanionSettings = CompanionSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, `.env`, then the home folder's config.toml."""
        dotenv = DotEnvSettingsSource(settings_cls, env_file=ENV_FILE, env_file_encoding="utf-8")
        sources = (init_settings, env_settings, dotenv)
        home = next((found for source in sources if (found := source().get("home"))), None)
        folder = Path(home) if home else user_data_path("doppelgram")
        return (*sources, TomlConfigSettingsSource(settings_cls, toml_file=folder.expanduser() / "config.toml"))


def read(**flags: Any) -> Settings:
    """The settings of this call. Raises UserError (exit 3) with the name that is wrong, never its value."""
    try:
        _refuse_unknown_names()
        settings = Settings(**flags)
    except ValidationError as error:
        wrong = misfit.first(error)
        name = PREFIX + "__".join(str(part) for part in wrong["loc"]).upper()
        raise misfit.setting(name, wrong, PREFIX, names()) from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"The settings cannot be read: {error}.", "Check .env and config.toml.", ExitCode.CONFIGURATION
        ) from None
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})


def names() -> dict[str, Any]:
    """Every setting by its full name, with its field."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Group):
            found |= {f"{PREFIX}{name}__{inner}".upper(): each for inner, each in group.model_fields.items()}
        else:
            found[f"{PREFIX}{name}".upper()] = field
    return found


def unset(switches: Iterable[str]) -> list[str]:
    """Those of these environment variables that have no value: for the doctor's look at the telemetry switches."""
    return [name for name in switches if not os.environ.get(name)]


def by_torchrun() -> bool:
    """Whether `torchrun` started this process: its mark, read here so that nobody loads torch to know."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def supervisor() -> tuple[str, float | None]:
    """Where a service manager wants to hear of this process, and within how many seconds: sd_notify(3)."""
    meant = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    microseconds = int(os.environ.get("WATCHDOG_USEC") or 0) if meant else 0
    return os.environ.get("NOTIFY_SOCKET", ""), microseconds / 1_000_000 or None


def _refuse_unknown_names() -> None:
    """pydantic-settings notices an unknown name in `.env`, but not in the environment."""
    known = names()
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise misfit.unknown(name, PREFIX, known)


def environment(home: Path, **values: object) -> dict[str, str]:
    """The environment of a child process that has exactly these settings, named without the prefix."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    return kept | {f"{PREFIX}HOME": str(home)} | {f"{PREFIX}{name}": str(value) for name, value in values.items()}


def spelled(settings: Settings) -> dict[str, str]:
    """What differs from the defaults, as `environment` takes it: for a process that is to have the same settings."""
    found: dict[str, str] = {}
    for name, value in settings:
        group = value if isinstance(value, Group) else None
        inner = {f"{name}__{each}": part for each, part in group} if group else {name: value}
        defaults = type(group).model_fields if group else Settings.model_fields
        for full, part in inner.items():
            if full == "home" or part is None or part == defaults[full.rpartition("__")[2]].default:
                continue
            found[full.upper()] = part.get_secret_value() if isinstance(part, SecretStr) else str(part)
    return found
