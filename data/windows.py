"""The windows of one chat, in one pass over its messages, and what became of each of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from data import conversation, target, transcript, weights
from data.archive import Archive
from data.consent import Consent
from data.conversation import Burst, Step, Window
from data.held_out import HeldOut
from data.message import Message
from data.redact import Surrogates
from data.rhythm import Rhythm
from data.samples import Shape, turn_to_json
from data.transcript import Turn

EMBARGO = "close to the held-out time"
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Told:
    """One turn with what it was made from."""

    burst: Burst
    turn: Turn
    line: str
    """The turn as JSON."""
    upto: int
    """How many shown messages of its chat stand up to its end."""


@dataclass(slots=True)
class Tally:
    """What became of the messages."""

    messages: int = 0
    kept: int = 0
    turns: int = 0
    characters: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    not_learned: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Cutter:
    """All that is the same for every chat."""

    archive: Archive
    key: bytes
    shape: Shape
    held_out: HeldOut
    common: Mapping[str, float]
    """Frequency weights of the owner's stock answers."""
    newest: float
    """When the owner last wrote, seconds since 1970."""
    rhythm: Rhythm
    tally: Tally

    def windows(self, consent: Consent) -> Iterator[Window[Told]]:
        """The windows of a chat, oldest first, topic by topic."""
        surrogates = Surrogates(self.key, consent.dialog_id)
        for thread in self.archive.threads(consent.dialog_id):
            covered = kept = upto = 0
            shown = _Counted(self._shown(thread, consent))
            for window in conversation.windows(self._steps(shown, surrogates), self.shape.window):
                for step in window.steps[max(0, covered - window.start) :]:
                    kept += self._keep(step)
                covered, upto = window.start + len(window.steps), window.steps[-1].turn.upto
                fresh = [step.turn for step in window.steps[window.fresh :] if step.target]
                self.tally.turns += len(fresh)
                self.tally.characters += sum(len(message.said) for told in fresh for message in told.burst)
                yield window
            self.tally.kept += kept
            self.tally.dropped["far from any turn of yours"] += upto - kept
            self.tally.dropped["after your last turn"] += shown.count - upto

    def _keep(self, step: Step[Told]) -> int:
        told = step.turn
        if told.turn.mine and not step.target:
            self.tally.not_learned[target.against(told.burst[0]) or EMBARGO] += len(told.burst)
        return len(told.burst)

    def _shown(self, thread: Iterable[Message], consent: Consent) -> Iterator[Message]:
        def find(message_id: int) -> Message | None:
            return self.archive.message(consent.dialog_id, message_id)

        messages = iter(transcript.quoting(thread, find))
        while chunk := list(islice(messages, _CHUNK)):
            self.tally.messages += len(chunk)
            for message in consent.allows(chunk):
                if message.service:
                    self.tally.dropped["not said but happened"] += 1
                elif not message.said:
                    self.tally.dropped["empty"] += 1
                else:
                    yield message

    def _steps(self, shown: "_Counted", surrogates: Surrogates) -> Iterator[Step[Told]]:
        pauses = self.shape.pauses
        part: str | None = None
        last: Message | None = None
        upto = 0
        bursts = list[Burst]()  # of one turn: what `turns_of` was given last

        def watched() -> Iterator[Burst]:
            for burst in conversation.turns(shown, pauses):
                bursts[:] = [burst]
                yield burst

        for turn in transcript.turns_of(watched(), surrogates, self.shape.zone, pauses):
            (burst,) = bursts
            first = burst[0]
            if last is None or first.sent_at - last.sent_at >= pauses.silence:
                part = self.held_out.part(first.dialog_id, first.sent_at.timestamp())
            if turn.mine and turn.target:
                self.rhythm.wrote(burst, last, turn.at)
                turn = self._weighed(turn, burst, part)
            upto += len(burst)
            told = Told(burst, turn, turn_to_json(turn), upto)
            yield Step(told, conversation.length(burst), turn.target, part or "")
            last = burst[-1]

    def _weighed(self, turn: Turn, burst: Burst, part: str | None) -> Turn:
        if part is None:
            return replace(turn, target=False)
        age = self.newest - burst[0].sent_at.timestamp()
        weight = weights.of((message.said for message in burst), self.common, age)
        return turn if weight == 1.0 else replace(turn, weight=weight)


class _Counted:
    """Messages that are counted as they pass by."""

    def __init__(self, messages: Iterator[Message]) -> None:
        self.count = 0
        self._messages = messages

    def __iter__(self) -> Iterator[Message]:
        for message in self._messages:
            self.count += 1
            yield message


def began(window: Window[Told]) -> datetime:
    """When what is new in a window begins."""
    return window.steps[window.fresh].turn.burst[0].sent_at
