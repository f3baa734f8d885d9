"""What anybody can see of a style: how long, how many, how it begins and ends."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """Means and shares over replies; `n` replies with `messages` messages."""

    n: int
    messages: int
    words_per_message: float
    messages_per_turn: float
    ends_with_stop: float
    """Share of messages that end in . ! or ?"""
    starts_lower: float
    """Share of messages that begin with a lower-case letter, among those that begin with a letter."""

    def as_json(self) -> dict[str, float]:
        """The figures."""
        return asdict(self)


def of(replies: Sequence[tuple[str, ...]]) -> Style:
    """The style of replies, each a tuple of message texts: real ones or generated ones."""
    texts = [text for reply in replies for text in reply]
    first = [text[0] for text in texts if text and text[0].isalpha()]
    return Style(
        n=len(replies),
        messages=len(texts),
        words_per_message=sum(len(text.split()) for text in texts) / max(1, len(texts)),
        messages_per_turn=len(texts) / max(1, len(replies)),
        ends_with_stop=sum(text.rstrip().endswith((".", "!", "?")) for text in texts) / max(1, len(texts)),
        starts_lower=sum(letter.islower() for letter in first) / max(1, len(first)),
    )
