"""What stands in for the model where its words do not matter, a recording behind the `Generator` seam, and for time."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data.transcript import Transcript
from training.adapter import Adapter, Card


@dataclass(slots=True)
class HandClock:
    """A clock that only a test moves: what waits for a moment is neither early nor late, however slow the machine."""

    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        """Let so much time pass."""
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class RecordedCandidate:
    """One reply as a model would hand it over."""

    texts: tuple[str, ...]
    logprob_mean: float | None = -1.0
    finished: bool = True
    tokens: int = 8


@dataclass(slots=True)
class RecordedGenerator:
    """Replays replies in turn. `gate`, when given, holds each generation until it is set, or until it is stopped."""

    replies: Sequence[tuple[str, ...]] = (("sounds good",),)
    gate: threading.Event | None = None
    asked: list[Transcript] = field(default_factory=list)
    stopped: int = 0
    restarted: int = 0
    forgotten: list[int] = field(default_factory=list)

    def reply(
        self, transcript: Transcript, n: int, seed: int, *, dialog: int, stop: Callable[[], bool] | None = None
    ) -> list[RecordedCandidate]:
        """The next recorded reply, `n` times the same."""
        self.asked.append(transcript)
        while self.gate and not self.gate.wait(0.02):
            if stop and stop():
                self.stopped += 1
                return []
        texts = self.replies[(len(self.asked) - 1) % len(self.replies)]
        return [RecordedCandidate(texts)] * n

    def restart(self) -> None:
        """Count that it was started anew."""
        self.restarted += 1

    def forget(self, dialog: int) -> None:
        """Remember that a chat was to be dropped."""
        self.forgotten.append(dialog)


def recorded_adapter(name: str = "recorded", **scopes: str) -> Adapter:
    """The card of an adapter that learned from these chats (`_7="chat"`); its weights are nowhere."""
    chats = {key.lstrip("_"): scope for key, scope in scopes.items()}
    words = dict.fromkeys(("base", "revision", "template", "tokenizer", "quantization", "dataset"), "recorded")
    card = Card(name=name, created_at="", chats=tuple(map(int, chats)), window=4000, zone="UTC", scopes=chats, **words)
    return Adapter(Path(name), card)


def sure(_candidate: object, _siblings: object) -> float:
    """A confidence that always suffices."""
    return 0.99


def unsure(_candidate: object, _siblings: object) -> None:
    """No calibration table."""
    return
