"""What stands in for the model's words: each reply was never said before, and it is remembered for which chat."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.transcript import Transcript
from training.adapter import Adapter, Card

SYLLABLES = ("ba", "do", "fi", "gu", "ka", "le", "mo", "nu", "pi", "ra", "so", "tu", "va", "we", "zo", "yu")
OPENINGS = ("mm", "ah", "oh", "well", "hm", "right", "so", "yes")


def words(number: int) -> str:
    """A text that belongs to this number alone, of words that are in no language."""
    digits: list[str] = []
    left = number
    while left or len(digits) < 4:
        left, digit = divmod(left, len(SYLLABLES))
        digits.append(SYLLABLES[digit])
    return f"{OPENINGS[number % len(OPENINGS)]} {''.join(digits[:2])} {''.join(digits[2:])}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reply as a model would hand it over."""

    texts: tuple[str, ...]
    logprob_mean: float | None = -1.0
    finished: bool = True


@dataclass(slots=True)
class Recording:
    """`respond.Generator` without a model. `gate`, when it is there, holds each reply until it is set or stopped."""

    gate: threading.Event | None = None
    bubbles: int = 3
    """Replies have one to so many bubbles, in turn."""
    said: dict[str, int] = field(default_factory=dict)
    """For which chat each text was made."""
    asked: int = 0
    stopped: int = 0

    def reply(
        self, transcript: Transcript, n: int, seed: int, *, dialog: int, stop: Callable[[], bool] | None = None
    ) -> Sequence[Candidate]:
        """One reply that was never said before; none when it was stopped."""
        self.asked += 1
        while self.gate and not self.gate.wait(0.005):
            if stop and stop():
                self.stopped += 1
                return []
        texts = tuple(self.fresh(dialog) for _ in range(1 + self.asked % self.bubbles))
        return [Candidate(texts)]

    def fresh(self, dialog: int) -> str:
        """A text for this chat that nobody said before."""
        text = words(len(self.said))
        self.said[text] = dialog
        return text

    def forget(self, dialog: int) -> None:
        """Nothing is kept of a chat."""

    def restart(self) -> None:
        """Nothing is kept at all."""


def recorded_adapter() -> Adapter:
    """The card of an adapter that learned from no chat; its weights are nowhere."""
    blank: dict[str, Any] = dict.fromkeys(
        ("base", "revision", "template", "tokenizer", "quantization", "dataset"), "recorded"
    )
    return Adapter(Path("recorded"), Card(name="recorded", created_at="", chats=(), window=4000, zone="UTC", **blank))


def sure(_candidate: object, _siblings: object) -> float:
    """A confidence that always suffices."""
    return 0.99
