"""A chat's own limits on automatic replies, where the owner has set any: caps and quiet hours."""

from dataclasses import dataclass

from pydantic import ValidationError

from bot import misfit
from bot.livedb import LiveDb
from bot.settings import LiveSettings
from data.errors import ExitCode, UserError


@dataclass(frozen=True, slots=True)
class Limits:
    """None: as the settings say. Caps count replies (turns); `quiet_hours` as in the settings, such as 23:00-07:30."""

    chat_hour: int | None = None
    chat_day: int | None = None
    quiet_hours: str | None = None

    @classmethod
    def of(cls, live: LiveDb, dialog_id: int) -> "Limits":
        """Those of a chat."""
        row = live.db.execute(
            "SELECT chat_hour, chat_day, quiet_hours FROM limits WHERE dialog_id = ?", (dialog_id,)
        ).fetchone()
        return cls(*row) if row else cls()

    def keep(self, live: LiveDb, dialog_id: int) -> None:
        """Set them for a chat, by the rules of the settings. Raises UserError for what they do not allow."""
        try:
            LiveSettings.model_validate(self.given)
        except ValidationError as error:
            wrong = misfit.first(error)
            told = misfit.sentence(wrong, NAMES[str(wrong["loc"][0])])
            raise UserError(told, "Nothing was changed.", ExitCode.USAGE) from None
        live.db.execute(
            "REPLACE INTO limits VALUES (?, ?, ?, ?)", (dialog_id, self.chat_hour, self.chat_day, self.quiet_hours)
        )

    def over(self, general: LiveSettings) -> LiveSettings:
        """The settings as they hold in this chat."""
        return general.model_copy(update=self.given)

    @property
    def given(self) -> dict[str, int | str]:
        """What the owner has set."""
        return {name: value for name in NAMES if (value := getattr(self, name)) is not None}


NAMES = {"chat_hour": "Replies an hour", "chat_day": "Replies a day", "quiet_hours": "Quiet hours"}
