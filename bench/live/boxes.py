"""The owner's input boxes as the server saw them change: who put what in, and whose text had to go for it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.journal import Event


@dataclass(slots=True)
class Boxes:
    """Read from the journal. A text of the owner's that the twin replaces is an overwrite, whatever comes afterwards;
    beside it is told whether it was put back, and which of them are gone: the owner's own next text, or an empty box of
    theirs, takes the place of one."""

    counts: Counter[str] = field(
        default_factory=lambda: Counter(drafts_placed=0, overwrites=0, drafts_given_back=0)  # a zero is told too
    )
    replaced: list[str] = field(default_factory=list)
    """The owner's texts that had to go, in one line each."""
    _owners: dict[int, str] = field(default_factory=dict)
    """What the owner began, by chat, whether it is still there or not."""
    _there: dict[int, str] = field(default_factory=dict)
    """What is in the box now."""

    def read(self, events: Iterable[Event]) -> None:
        """Take in what has happened since."""
        for event in events:
            if event.kind != "draft" or event.peer_id is None:
                continue
            text = str(event.detail["text"])
            if event.via_session is None:
                self._owners[event.peer_id] = text
            else:
                self._twins(event.peer_id, text)
            self._there[event.peer_id] = text

    @property
    def gone(self) -> int:
        """In how many boxes the owner's last text has to be missed."""
        return sum(bool(text) and self._there[chat] != text for chat, text in self._owners.items())

    def _twins(self, chat: int, text: str) -> None:
        owners = self._owners.get(chat, "")
        if owners and text == owners:
            self.counts["drafts_given_back"] += self._there.get(chat) != owners
            return
        self.counts["drafts_placed"] += bool(text)
        if owners and self._there.get(chat) == owners:
            self.counts["overwrites"] += 1
            self.replaced.append(f"{owners!r} in {chat} by {text!r}")
