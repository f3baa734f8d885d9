"""The model of a client that runs already: loaded beside its work, in a thread of its own. What was interrupted is
settled, and a pause obeyed, before there is anything that could speak; the replies wait.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.respond import Candidate, Confidence, Generator
from data.transcript import Transcript
from data.uncollected import loaded

LOOK = 0.05
"""Seconds between two looks, while a reply waits, at whether it is still wanted."""


@dataclass(slots=True)
class Waking:
    """`respond.Generator` of a model that `load` brings, together with the confidence in what it says. `told` hears in
    that thread how it ended: of None, or of what went wrong; then it is loaded anew for whoever asks next."""

    load: Callable[[], tuple[Generator, Confidence]]
    told: Callable[[Exception | None], None] = lambda _: None
    _loaded: tuple[Generator, Confidence] | None = field(default=None, init=False)
    _failed: Exception | None = field(default=None, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def begin(self) -> None:
        """Load it, unless that has begun. At the end of the process nobody waits for it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._load, name="waking", daemon=True)
            self._thread.start()

    def _load(self) -> None:
        try:
            self._loaded = self.load()
        except Exception as error:  # of whatever kind: raised where somebody asks
            self._failed = error
        loaded()  # also where another server has the model, or none came: from here on the client runs for weeks
        self.told(self._failed)

    def reply(
        self, transcript: Transcript, n: int, seed: int, *, dialog: int, stop: Callable[[], bool] | None = None
    ) -> Sequence[Candidate]:
        """Up to `n` replies, once it is there; none when stopped. Raises what kept it from being loaded."""
        self.begin()
        while (thread := self._thread) and thread.is_alive():
            thread.join(LOOK)
            if stop and stop():
                return []
        if self._loaded is None:
            failed, self._failed, self._thread = self._failed, None, None
            raise failed or RuntimeError("the model was not loaded")
        return self._loaded[0].reply(transcript, n, seed, dialog=dialog, stop=stop)

    def confidence(self, candidate: Candidate, siblings: Sequence[Candidate]) -> float | None:
        """How sure we are of what it said."""
        return self._loaded[1](candidate, siblings) if self._loaded else None

    def forget(self, dialog: int) -> None:
        """Drop what it has read of a chat."""
        if self._loaded:
            self._loaded[0].forget(dialog)

    def restart(self) -> None:
        """Drop everything it has read."""
        if self._loaded:
            self._loaded[0].restart()
