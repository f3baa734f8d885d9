"""What the twin answers in Saved Messages: how it stands, what it wrote last, and that a chat is in another mode."""

from dataclasses import dataclass

from bot.policy import Mode
from bot.suggestion import OPEN
from bot.switching import switch
from bot.twin import Twin
from bot.written import Written, written
from data.errors import UserError

LAST = 5
"""So many of its messages are shown."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Questions about one running twin."""

    twin: Twin

    def status(self) -> str:
        """One line."""
        twin = self.twin
        waiting = len(twin.suggestions.in_state(*OPEN))
        state = "paused" if twin.control.paused(twin.now()) else "running"
        return f"Twin {state}. Chats listed: {len(twin.policy.modes(twin.now()))}. Waiting for you: {waiting}."

    def mode(self, chat: str, mode: str) -> str:
        """Put a chat into a mode; what is against it is the answer."""
        if mode not in list(Mode):
            return f"There is no mode {mode}: off, draft, ask or auto."
        try:
            made = switch(self.twin.archive, self.twin.policy, chat, Mode(mode), self.twin.now())
        except UserError as error:
            return f"{error} {error.hint}"
        silent = " It stays silent there until a consent for the whole chat is recorded." if made.silent else ""
        return f"{made.dialog.title}: {made.mode}.{silent}"

    def log(self) -> str:
        """Its last messages, the newest last."""
        lines = [self._line(each) for each in written(self.twin.policy.live)[-LAST:]]
        return "\n".join(lines) or "The twin has written nothing yet."

    def _line(self, each: Written) -> str:
        at = each.sent_at.astimezone(self.twin.policy.zone).strftime("%a %H:%M") if each.sent_at else each.state
        return f"{at} {self.twin.outbox.title(each.dialog_id)}: {each.text}"
