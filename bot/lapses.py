"""What ends by itself in the list of chats: `auto` that was not renewed, and a chat in which nobody can be answered any
more. The owner is told once of each.

It is noted among the notices, under a number that no message has; for `auto` it is the moment when that was set, in
seconds below 0.
"""

from dataclasses import dataclass
from datetime import datetime

from bot import unlock
from bot.notices import Notices
from bot.policy import Mode, Policy
from data.message import Dialog

SILENT, CLOSED = 0, -1
EVERY = 1.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Lapses:
    """Those of one twin."""

    policy: Policy
    notices: Notices

    def look(self, now: datetime) -> None:
        """Note what has ended."""
        for dialog_id, set_at in self.policy.listed_since():
            dialog = self.notices.archive.dialog(dialog_id)
            if dialog and not dialog.may_be_answered:
                self.notices.note(dialog_id, SILENT)
            elif self.policy.lapsed(dialog_id, now):
                self.notices.note(dialog_id, min(CLOSED - 1, -int(set_at)))

    def closed(self, dialog_id: int) -> None:
        """A chat can be read no more."""
        self.notices.note(dialog_id, CLOSED)

    def words(self, dialog_id: int, number: int) -> str | None:
        """How the owner is told; None for a message."""
        dialog = self.notices.archive.dialog(dialog_id)
        if number > 0 or dialog is None:
            return None
        if number == CLOSED:
            return (
                f"{dialog.title} can no longer be read. Were you removed, or was it deleted? Your twin is silent there."
            )
        return _why(dialog) if number == SILENT else self._renewal(dialog)

    def _renewal(self, dialog: Dialog) -> str:
        force = "" if unlock.record(self.policy.live, dialog.id).earned else " --force"
        return (
            f"Auto was not renewed in {dialog.title} for {self.policy.limits.auto_days:g} days: your twin asks there"
            f" now. To renew it: doppelgram chats set {dialog.id} --mode {Mode.AUTO}{force}"
        )


def _why(dialog: Dialog) -> str:
    if dialog.migrated_to:
        return (
            f"{dialog.title} has become a supergroup, which is another chat for Telegram, where nobody has agreed yet:"
            " your twin is silent in both. To see the new one: doppelgram chats --refresh"
        )
    if dialog.protected:
        return f"In {dialog.title} it is forbidden now to save what is said: your twin is silent there."
    return f"{dialog.title} is {dialog.kind.noun} now: your twin is silent there."
