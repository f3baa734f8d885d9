"""The demo types what a person would type: each step is the real command in a process of its own."""

import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bot import show
from data.errors import UserError

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a demo."""
ABOVE = "Its own message stands above."


@dataclass(frozen=True, slots=True)
class Verbs:
    """The commands of one home."""

    environment: dict[str, str]

    def run(self, *words: str, fails_with: int = 0, nf4: bool = False) -> Any:
        """Run a verb with `--json`, its talk and bars shown as they come. Returns its JSON value. `nf4`: the
        model in 4 bit, as it speaks on a GPU."""
        with self.started(*words, nf4=nf4) as process:
            out, _ = process.communicate()
        return self._value(words, process.returncode, out, fails_with)

    def run_quietly(
        self, *words: str, answers: Callable[[], list[str]] = list, fails_with: int = 0, nf4: bool = False
    ) -> Any:
        """The same for a verb without a bar: a sign of life stands for its talk, which is shown if it fails. `answers`
        are lines for it to read; they are asked for once it is running."""
        with (
            show.busy(f"doppelgram {words[0]} ..."),
            self.started(*words, aloud=False, fails_with=fails_with, nf4=nf4) as process,
        ):
            out, _ = process.communicate("".join(line + "\n" for line in answers()))
        return self._value(words, process.returncode, out, fails_with)

    def _value(self, words: tuple[str, ...], code: int, out: str, expected: int) -> Any:
        if code not in (0, expected):
            raise UserError(f"The demo's step `doppelgram {' '.join(words)}` ended with exit code {code}.", ABOVE)
        return json.loads(out.splitlines()[-1])

    @contextmanager
    def started(
        self, *words: str, aloud: bool = True, fails_with: int = 0, nf4: bool = False
    ) -> Iterator[subprocess.Popen[str]]:
        """A verb that goes on for a while; ended with this context.

        It gets a session of its own, so that Ctrl-C reaches the demo alone: the verb would say "run the same command to
        go on", and here there is nothing left to go on with.
        """
        more = {"DOPPELGRAM_MODEL__QUANTIZATION": "nf4"} if nf4 else {}
        with tempfile.TemporaryFile("w+") as talk:
            process: subprocess.Popen[str] | None = None
            try:
                with _held_back():
                    process = subprocess.Popen(
                        [sys.executable, "-m", "bot", *words, "--json"],
                        env=self.environment | more,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=None if aloud else talk,
                        text=True,
                        start_new_session=True,
                    )
                yield process
            finally:
                if process is not None:
                    _end(process)
                    if not aloud and process.returncode not in (0, fails_with, -signal.SIGTERM):
                        talk.seek(0)
                        show.say(talk.read().rstrip())


@contextmanager
def _held_back() -> Iterator[None]:
    """Ctrl-C and the like wait: raised inside of `Popen` they would leave a process that nobody knows, and ends."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda got, _: came.append(got)) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe and not pipe.closed:
            pipe.close()


class Events:
    """The event lines of a running client."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        try:
            for line in self._process.stdout:
                self._lines.put(json.loads(line))
        except ValueError:  # closed while it was read, or half a line: the client is being stopped
            pass
        self._lines.put(None)

    def wait(self, *names: str, seconds: float = 240, **fields: Any) -> dict[str, Any] | None:
        """The next event with one of these names and these fields; None when none comes in time. Raises UserError when
        the client has ended."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._lines.get(timeout=left)
            except queue.Empty:
                return None
            if event is None:
                raise UserError("The live client ended by itself.", ABOVE)
            if event["event"] in names and fields.items() <= event.items():
                return event
        return None


def step(number: int, verb: str, sentence: str) -> None:
    """The heading of a step."""
    show.say("")
    show.say(f"{number:>2}. {verb}", "bold cyan")
    show.say(sentence, indent=4)
