"""The face of a card: what it says while it waits and when it has ended, and what its buttons hold. Plain text, so that
nothing in a chat can become a link, a button or a heading of ours."""

import re
from dataclasses import dataclass
from enum import StrEnum

from bot import show
from bot.review import Card
from bot.suggestion import State, Suggestion

LONGEST = 4096
"""Of a message on Telegram, in UTF-16 units. A longer one that somebody pastes is cut into several by their app."""
CONTEXT, WHOLE = 300, 3000
"""So much of one message of the chat, and of the suggestion, is shown."""
SPARE = 80
"""For the line that says where the rest is, marks and line breaks."""
VERSION = "v1"


class Act(StrEnum):
    """What a button does."""

    SEND = "send"
    EDIT = "edit"
    ANOTHER = "another"
    SKIP = "skip"
    OFF = "off"


BUTTONS = (
    (("Send", Act.SEND), ("Edit", Act.EDIT)),
    (("Another", Act.ANOTHER), ("Skip", Act.SKIP), ("Pause chat", Act.OFF)),
)
"""In rows."""


@dataclass(frozen=True, slots=True)
class Tap:
    """A button that was pressed: which suggestion, at which revision."""

    suggestion_id: int
    revision: int
    act: Act

    @property
    def data(self) -> bytes:
        """What the button holds, 64 bytes at most: `v1:<id>:<rev>:<act>`."""
        return f"{VERSION}:{self.suggestion_id}:{self.revision}:{self.act}".encode()

    @classmethod
    def of(cls, data: bytes | None) -> "Tap | None":
        """What somebody's client says was pressed; None for anything that no button of ours holds."""
        found = re.fullmatch(rb"v1:([1-9]\d{0,17}):([1-9]\d{0,17}):([a-z]{1,10})", data or b"")
        if found is None or found[3].decode() not in list(Act):
            return None
        return cls(int(found[1]), int(found[2]), Act(found[3].decode()))


def waiting(card: Card, *, writing: bool) -> str:
    """A card to decide on; `writing` while the owner's next message is their version."""
    each = card.suggestion
    title = _line(card.title, 100)
    said = [f"{'you' if m.mine else 'they'}: {_line(m.said, CONTEXT)}" for m in card.context]
    sure = "no confidence" if each.confidence is None else f"confidence {each.confidence:.2f}, uncalibrated"
    held = f"held: {'; '.join(each.reasons)}" if each.reasons else ""
    version = f"Your next message here goes to {title} instead." if writing else ""
    tail = [sure, _line(held, WHOLE // 4), version]
    taken = sum(length(line) + 1 for line in (title, *said, *tail)) + SPARE
    parts = ([title], said, _texts(each.texts, min(WHOLE, LONGEST - taken)), tail)
    return "\n\n".join("\n".join(line for line in part if line) for part in parts if any(part))


def ended(suggestion: Suggestion, title: str) -> str:
    """What became of it. The other side's words are not repeated."""
    texts = _texts(suggestion.final or suggestion.texts) if suggestion.state in _SAID else []
    return "\n".join([_line(title, 100), *texts, outcome(suggestion)])


FORGOTTEN = "This card is empty: its chat was forgotten."
GOING = (State.APPROVED, State.EDITED, State.PLANNED, State.SENDING)
"""States in which it is on its way."""
_SAID = (*GOING, State.SENT, State.UNKNOWN)
_OUTCOMES = {
    State.SENT: "Sent",
    State.UNKNOWN: "It may not have been delivered: please look there.",
    State.CANCELLED: "Stopped before it was sent.",
    State.SKIPPED: "Skipped",
    State.EXPIRED: "Expired: nothing was sent.",
    State.SUPERSEDED: "Nothing was sent: something newer happened there.",
    State.OWNER_ANSWERED: "You answered yourself.",
    **dict.fromkeys(GOING, "On its way"),
}
_SURFACES = {"terminal": "in the terminal", "companion": "here", "page": "on the page", "draft": "from the input box"}


def outcome(suggestion: Suggestion) -> str:
    """In one sentence, with where it was decided if that is known."""
    said = _OUTCOMES.get(suggestion.state, "It waits for you.")
    if said.endswith("."):
        return said
    where = _SURFACES.get(suggestion.surface or "")
    version = ", in your own version" if suggestion.final and suggestion.final != suggestion.texts else ""
    return f"{said}{version}{f', decided {where}' if where else ''}."


def length(text: str) -> int:
    """As Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _texts(texts: tuple[str, ...], room: int = WHOLE) -> list[str]:
    """One line with a mark for each message, and all of them in so much room, a line break and a mark aside."""
    shown, left = [], room
    for text in texts:
        shown.append(f"» {_line(text, left)}")
        left -= length(shown[-1])
        if left <= 0:
            return [*shown, "(the rest is shown by: doppelgram review)"]
    return shown


def _line(text: str, most: int) -> str:
    """Without line breaks and direction overrides, cut to so many characters."""
    flat = show.plain(text)
    if length(flat) <= most:
        return flat
    cut = flat[: max(0, most)]
    while length(cut) > most:
        cut = cut[: most - length(cut)]
    return f"{cut} …"
