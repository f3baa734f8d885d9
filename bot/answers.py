"""What the twin answers in Saved Messages: how it stands, what it wrote last, and that a chat is in another mode."""

from dataclasses import dataclass
from datetime import datetime

from bot.policy import Mode
from bot.suggestion import OPEN
from bot.switching import switch
from bot.twin import Twin
from bot.written import Written, written
from data.errors import UserError

LAST, SHOWN = 5, 500
"""So many of its messages are shown, and so many characters of each: together they fit into one."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Questions about one running twin."""

    twin: Twin

    def status(self) -> str:
        """One line."""
        twin, now = self.twin, self.twin.now()
        listed = sum(mode is not Mode.OFF for mode in twin.policy.modes(now).values())
        waiting = len(twin.suggestions.in_state(*OPEN))
        limited = (
            f" Telegram limits this account until {self._at(until)}."
            if (until := twin.policy.limited_until()) > now
            else ""
        )
        return f"{self.standing()} Chats listed: {listed}. Waiting for you: {waiting}.{limited}"

    def standing(self) -> str:
        """Whether it is paused, and until when."""
        control = self.twin.control
        if not control.paused(self.twin.now()):
            return "Twin running."
        until = control.paused_until()
        return f"Twin paused until {self._at(until)}." if until else "Twin paused."

    def _at(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.twin.policy.zone):%a %d %b %H:%M}"

    def mode(self, chat: str, mode: str) -> str:
        """Put a chat into a mode; what is against it is the answer."""
        wanted = mode.casefold()
        if wanted not in list(Mode):
            return f"There is no mode {mode}: off, draft, ask or auto."
        try:
            made = switch(self.twin.archive, self.twin.policy, chat, Mode(wanted), self.twin.now())
        except UserError as error:
            return f"{error} {error.hint}"
        silent = " It stays silent there until a consent for the whole chat is recorded." if made.silent else ""
        return " ".join([f"{made.dialog.title}: {made.mode}.{silent}", *made.remarks])

    def log(self) -> str:
        """Its last messages, the newest last."""
        lines = [self._line(each) for each in written(self.twin.policy.live)[-LAST:]]
        return "\n".join(lines) or "The twin has written nothing yet."

    def _line(self, each: Written) -> str:
        at = each.sent_at.astimezone(self.twin.policy.zone).strftime("%a %H:%M") if each.sent_at else each.state
        text = each.text if len(each.text) <= SHOWN else f"{each.text[:SHOWN]} …"
        return f"{at} {self.twin.outbox.title(each.dialog_id)}: {text}"
