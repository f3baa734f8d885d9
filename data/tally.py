"""What became of the messages, in counts: each was kept, or dropped for one reason."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts while a dataset is made; `dropped` and `not_learned` by reason."""

    messages: int = 0
    kept: int = 0
    turns: int = 0
    characters: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    not_learned: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """What became of other messages."""
        self.messages += other.messages
        self.kept += other.kept
        self.turns += other.turns
        self.characters += other.characters
        self.dropped.update(other.dropped)
        self.not_learned.update(other.not_learned)
