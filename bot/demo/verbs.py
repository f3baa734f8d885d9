"""The demo types what a person would type: each step is the real command in a process of its own."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bot import show
from data.errors import UserError


@dataclass(frozen=True, slots=True)
class Verbs:
    """The commands of one home."""

    environment: dict[str, str]

    def run(self, *words: str, fails_with: int = 0, **settings: object) -> Any:
        """Run a verb with `--json`, its talk and bars shown as they come. Returns its JSON value."""
        with self.started(*words, **settings) as process:
            out, _ = process.communicate()
        return self._value(words, process.returncode, out, fails_with)

    def run_answering(self, *words: str, answers: Callable[[], list[str]]) -> Any:
        """The same for a verb that reads lines; `answers` is called once it is running."""
        with self.started(*words) as process:
            out, _ = process.communicate("".join(line + "\n" for line in answers()))
        return self._value(words, process.returncode, out, 0)

    def _value(self, words: tuple[str, ...], code: int, out: str, expected: int) -> Any:
        if code not in (0, expected):
            raise UserError(
                f"The demo's step `doppelgram {' '.join(words)}` ended with exit code {code}.",
                "Its own message stands above.",
            )
        return json.loads(out.splitlines()[-1])

    @contextmanager
    def started(self, *words: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
        """A verb that goes on for a while; ended with this context."""
        more = {f"DOPPELGRAM_{name}": str(value) for name, value in settings.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", *words, "--json"],
            env=self.environment | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe and not pipe.closed:
                    pipe.close()


class Events:
    """The event lines of a running client."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.seen: list[dict[str, Any]] = []
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process = process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def wait(self, *names: str, seconds: float = 240, **fields: Any) -> dict[str, Any] | None:
        """The next event with one of these names and these fields; None when none comes in time."""
        import time

        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._lines.get(timeout=left)
            except queue.Empty:
                return None
            if event is None:
                raise UserError("The live client ended by itself.", "Its own message stands above.")
            self.seen.append(event)
            if event["event"] in names and fields.items() <= event.items():
                return event
        return None


def step(number: int, verb: str, sentence: str) -> None:
    """The heading of a step."""
    show.say("")
    show.say(f"{number:>2}. {verb}", "bold cyan")
    show.say(f"    {sentence}")
