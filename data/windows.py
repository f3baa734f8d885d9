"""The windows of one chat, in one pass over its messages, and what became of each of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from data import columns, conversation, pseudonym, transcript, weights
from data.archive import Archive
from data.columns import Columns, Who
from data.consent import Consent
from data.conversation import Step, Window
from data.duplicates import SHORTEST
from data.held_out import HeldOut
from data.redact import Surrogates
from data.rhythm import Rhythm
from data.samples import Shape, turn_line
from data.tally import Tally

EMBARGO = "close to the held-out time"
_MICROSECOND = timedelta(microseconds=1)


class Told(NamedTuple):
    """One turn with what must be known of it later."""

    line: str
    """The turn as JSON."""
    who: Who
    began: int
    """Microseconds since 1970."""
    first: int
    """The id of its first message."""
    last: int
    messages: int
    """How many it is made of."""
    upto: int
    """How many shown messages of its topic stand up to its end."""
    topic: int | None
    long: tuple[str, ...]
    """Normal forms of own messages, to be learned, that are long enough to be copies."""


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
        for topic in self.archive.topics(consent.dialog_id):
            covered = kept = upto = 0
            counted = _Counted(columns.shown(self.archive, consent, topic, self.tally))
            for window in conversation.windows(self._steps(counted, surrogates, topic), self.shape.window):
                for step in window.steps[max(0, covered - window.start) :]:
                    kept += self._keep(step)
                covered, upto = window.start + len(window.steps), window.steps[-1].turn.upto
                for step in window.steps[window.fresh :]:
                    if step.target:
                        self.tally.turns += 1
                        self.tally.characters += step.size - step.turn.messages
                yield window
            self.tally.kept += kept
            self.tally.dropped["far from any turn of yours"] += upto - kept
            self.tally.dropped["after your last turn"] += counted.count - upto

    def _keep(self, step: Step[Told]) -> int:
        told = step.turn
        if not step.target and isinstance(told.who, str):
            self.tally.not_learned[told.who or EMBARGO] += told.messages
        return told.messages

    def _steps(self, chunks: Iterable[Columns], surrogates: Surrogates, topic: int | None) -> Iterator[Step[Told]]:
        """The turns of one topic, as `transcript.of` makes them."""
        pause, silence = (each // _MICROSECOND for each in (self.shape.pauses.pause, self.shape.pauses.silence))
        dialog_id, zone, redact = surrogates.dialog_id, self.shape.zone, surrogates.redact
        part, last, answered, upto = "", 0, None, 0
        for shown, bounds in columns.turns(chunks, pause):
            texts = list(map(redact, shown.said))
            for start, end in pairwise(bounds):
                who, began, said = shown.who[start], shown.at[start], shown.said[start:end]
                gap = began - last if upto else 0
                if not upto or gap >= silence:
                    part = self.held_out.part(dialog_id, began / 1e6) or ""
                at = datetime.fromtimestamp(began / 1e6, zone)
                speaker, weight = None, 1.0
                quotes = long = tuple[str, ...]()
                if who == "":
                    self.rhythm.wrote(dialog_id, shown.at[start:end], answered, at.hour)
                    if part:
                        weight, long = self._weighed(said, began)
                elif not isinstance(who, str):
                    if who is not None and dialog_id < 0:
                        speaker = pseudonym.of(surrogates.key, dialog_id, who)
                    quotes = _quotes(shown, start, end, surrogates) if shown.quotes else ()
                upto += end - start
                mine, target = isinstance(who, str), who == "" and part != ""
                mark = gap / 1e6 if gap >= pause else 0
                line = turn_line(mine, texts[start:end], at, mark, target, speaker, quotes, weight)
                told = Told(line, who, began, shown.ids[start], shown.ids[end - 1], end - start, upto, topic, long)
                yield Step(told, sum(map(len, said)) + end - start, target, part)
                last = shown.at[end - 1]
                answered = None if mine else last

    def _weighed(self, said: list[str], began: int) -> tuple[float, tuple[str, ...]]:
        """How much an own turn counts, and what of it is long enough to be a copy, in normal form."""
        replies = list(map(weights.normal, said))
        weight = weights.of(replies, self.common, self.newest - began / 1e6)
        return weight, tuple(reply for reply, text in zip(replies, said, strict=True) if len(text) >= SHORTEST)


def _quotes(shown: Columns, start: int, end: int, surrogates: Surrogates) -> tuple[str, ...]:
    quotes = tuple(transcript.shortened(shown.quotes.get(each), surrogates) for each in shown.ids[start:end])
    return quotes if any(quotes) else ()


class _Counted:
    """Counts the messages that pass by."""

    def __init__(self, chunks: Iterator[Columns]) -> None:
        self.count = 0
        self._chunks = chunks

    def __iter__(self) -> Iterator[Columns]:
        for chunk in self._chunks:
            self.count += len(chunk.ids)
            yield chunk
