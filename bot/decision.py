"""What the owner made of a suggestion: each is a label of what the model proposed.

A draft is decided on in the input box, where nobody presses a key for it: what was sent from there tells.
"""

import difflib
from enum import StrEnum

from bot.suggestion import State, Suggestion

ALIKE = 0.6
"""From this ratio on two texts are close matches, by difflib's own rule of thumb."""
_TAKEN = (State.APPROVED, State.EDITED, State.PLANNED, State.SENDING, State.SENT, State.UNKNOWN)


class Decision(StrEnum):
    """How the owner decided."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    SKIPPED = "skipped"
    OWNER_ANSWERED = "owner_answered"


def decision(suggestion: Suggestion) -> Decision | None:
    """What was decided; None while it is open, when nobody decided, and for what was sent automatically."""
    if suggestion.surface == "auto":
        return None
    if suggestion.state in _TAKEN:
        return Decision.EDITED if _said(suggestion) != _proposed(suggestion) else Decision.ACCEPTED
    if suggestion.state is State.SKIPPED:
        return Decision.SKIPPED
    if suggestion.state is State.OWNER_ANSWERED:
        return _of_draft(suggestion) if suggestion.was_draft else Decision.OWNER_ANSWERED
    return None


def _of_draft(suggestion: Suggestion) -> Decision:
    proposed, said = _proposed(suggestion), _said(suggestion)
    if said == proposed:
        return Decision.ACCEPTED
    proposed, said = proposed.casefold(), said.casefold()
    derived = said.startswith(proposed) or difflib.SequenceMatcher(None, proposed, said).ratio() >= ALIKE
    return Decision.EDITED if derived else Decision.OWNER_ANSWERED


def _proposed(suggestion: Suggestion) -> str:
    return "\n".join(suggestion.texts).strip()


def _said(suggestion: Suggestion) -> str:
    return "\n".join(suggestion.final or suggestion.texts).strip()
