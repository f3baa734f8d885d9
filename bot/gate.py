"""The gate: every check a bubble must pass in the moment before it is sent. Fails closed.

It is asked inside the transaction that marks the row as being sent, so nothing can change between the answer and the
mark. What was true when the suggestion was approved counts for nothing here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.bubbles import Bubble
from bot.calling import Calling
from bot.control import Control
from bot.policy import Mode, Policy
from bot.suggestion import State, Suggestion, fingerprint
from data.archive import Archive
from data.consent import Ledger
from data.message import Message
from data.transcript import Scope

EXPIRED = "expired"
Ours = Callable[[Message], bool]
"""Whether an outgoing message is one of the twin's own."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What the checks look at."""

    archive: Archive
    policy: Policy
    control: Control
    expire: timedelta

    @property
    def calling(self) -> Calling:
        """Who may be answered in a group."""
        return Calling(self.archive)

    def against(self, bubble: Bubble, suggestion: Suggestion | None, now: datetime, ours: Ours) -> str | None:
        """Why this bubble must not go out now, or None."""
        dialog = self.archive.dialog(bubble.dialog_id)
        consent = Ledger(self.archive).of(bubble.dialog_id)
        if self.control.paused(now):
            return "paused"
        if suggestion is None or suggestion.dialog_id != bubble.dialog_id:
            return "no such suggestion"
        if dialog is None or not dialog.may_be_answered:
            return "not a person"
        if consent is None or consent.scope is not Scope.CHAT:
            return "no consent for this chat"
        if abs(now - suggestion.created_at) > self.expire:  # our clock may have been set back
            return EXPIRED
        if reason := self._changed(suggestion) or self._unasked(suggestion) or self._overtaken(suggestion, ours):
            return reason
        mode = self.policy.mode(bubble.dialog_id, now)
        begun = suggestion.state is not State.PLANNED
        if mode is Mode.OFF or (begun and suggestion.surface == "auto" and mode is not Mode.AUTO):
            return "switched off"
        return None

    def against_auto(self, suggestion: Suggestion, now: datetime) -> str | None:
        """Why a reply that nobody approved, and of which nothing was sent, is now the owner's to decide on, or None."""
        if suggestion.surface != "auto" or suggestion.state is not State.PLANNED:
            return None
        if self.policy.mode(suggestion.dialog_id, now) is not Mode.AUTO:
            return "no longer automatic"
        return self.stranger(suggestion.dialog_id) or self.policy.against_auto(suggestion.dialog_id, now)

    def stranger(self, dialog_id: int) -> str | None:
        """Why nothing is said by itself to this person, or None: only who stands in the address book is known."""
        dialog = self.archive.dialog(dialog_id)
        return "not in your contacts" if dialog is None or (dialog.with_a_person and not dialog.contact) else None

    def _changed(self, suggestion: Suggestion) -> str | None:
        """Whether what is answered here does not stand there any more as it was read."""
        if self.archive.message(suggestion.dialog_id, suggestion.upto_id) is None:
            return "what it answers was deleted"
        for message_id, said in suggestion.answers.items():
            message = self.archive.message(suggestion.dialog_id, message_id)
            if message is None:
                return "what it answers was deleted"
            if fingerprint(message.said) != said:
                return "what it answers was edited"
        return None

    def _unasked(self, suggestion: Suggestion) -> str | None:
        """Whether it would be said in a group where nobody who agreed has called for it."""
        called = self.calling.asking(suggestion.dialog_id, suggestion.answers)
        if suggestion.dialog_id < 0 and (called is None or not self.calling.to_us(called)):
            return "nobody who agreed has called"
        return None

    def _overtaken(self, suggestion: Suggestion, ours: Ours) -> str | None:
        """Whether somebody wrote after what is answered here."""
        asked = self.archive.message(suggestion.dialog_id, suggestion.upto_id)
        later = [m for m in self.archive.after(suggestion.dialog_id, suggestion.upto_id) if not m.service]
        # A call, a pin or a new title is no answer and no question: the same rule as `Hearing.read`.
        if any(m.mine and not m.by_twin and not ours(m) for m in later):
            return "the owner answered"
        if asked is None or any(self.calling.overtakes(m, asked) for m in later if not m.mine):
            return "a newer message"
        return None
