"""The windows of one chat, in one pass over its messages, and what became of each of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import compress, pairwise
from typing import BinaryIO

from data import columns, conversation
from data.archive import Archive
from data.clock import Clock
from data.consent import Consent
from data.controls import Newest
from data.conversation import Window
from data.held_out import HeldOut
from data.redact import Surrogates
from data.rhythm import Rhythm
from data.samples import Shape
from data.tally import Tally
from data.teller import Teller
from data.told import Told

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """Where the turns of a window lie in a file, and what must be known of it later."""

    split: str
    began: int
    """When what is fresh in it began, in microseconds since 1970."""
    dialog_id: int
    first: int
    """The id of the first message that is fresh in it."""
    share: int
    """The number of the file."""
    offset: int
    size: int
    context: int
    """Turns before what is fresh."""
    fresh: int
    """Messages that only this window shows."""
    long: tuple[tuple[int, str], ...]
    """Normal forms of own messages that are long enough to be copies, with the index of their turn."""


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
    clock: Clock
    share: int = 0
    """The number of the file that the turns go to."""

    def write(
        self, consent: Consent, file: BinaryIO, newest: Newest, progress: Callable[[], None] = lambda: None
    ) -> Iterator[Row]:
        """Write the turns of a chat, topic by topic; the windows of each, oldest first."""
        pause = self.shape.pauses.pause // _MICROSECOND
        for topic in self.archive.topics(consent.dialog_id):
            told = Told(file)
            teller = Teller(
                told=told,
                surrogates=Surrogates(self.key, consent.dialog_id),
                pauses=self.shape.pauses,
                held_out=self.held_out,
                common=self.common,
                newest=self.newest,
                rhythm=self.rhythm,
                clock=self.clock,
            )
            for shown, bounds in columns.turns(columns.shown(self.archive, consent, topic, self.tally), pause):
                teller.tell(shown, bounds)
                progress()
            for window in self._cut(told):
                begin, fresh, end = window
                theirs = sum(compress(told.sizes[begin:end], told.theirs[begin:end]))
                newest.passed(topic, told.first[begin], told.last[end - 1], told.messages(begin, fresh), theirs)
                yield _row(told, window, consent.dialog_id, self.share)

    def _cut(self, told: Told) -> Iterator[Window]:
        """The windows of one topic, its messages counted."""
        covered = kept = 0
        against = iter([*told.against, (len(told.sizes), "")])
        place, reason = next(against)
        for window in conversation.windows(told.sizes, told.targets, told.parts, self.shape.window):
            begin, covered = max(covered, window.begin), window.end
            kept += told.messages(begin, covered)
            while place < covered:
                if place >= begin:
                    self.tally.not_learned[reason] += told.messages(place, place + 1)
                place, reason = next(against)
            yield window
        upto = told.upto[covered]
        self.tally.turns += sum(told.targets)
        self.tally.characters += sum(compress(told.sizes, told.targets))
        self.tally.characters -= sum(compress((end - begin for begin, end in pairwise(told.upto)), told.targets))
        self.tally.kept += kept
        self.tally.dropped["far from any turn of yours"] += upto - kept
        self.tally.dropped["after your last turn"] += told.upto[-1] - upto


def _row(told: Told, window: Window, dialog_id: int, share: int) -> Row:
    begin, fresh, end = window
    return Row(
        split=told.parts[fresh],
        began=told.began[fresh],
        dialog_id=dialog_id,
        first=told.first[fresh],
        share=share,
        offset=told.begins[begin],
        size=told.begins[end] - told.begins[begin] - 1,
        context=fresh - begin,
        fresh=told.messages(fresh, end),
        long=tuple((place - begin, text) for place, text in told.long_in(fresh, end)),
    )
