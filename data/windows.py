"""The windows of one chat, in one pass over its messages, and what became of each of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, compress, pairwise
from operator import not_, sub
from typing import BinaryIO

from data import columns, conversation, pseudonym, samples, transcript, weights
from data.archive import Archive
from data.clock import Clock
from data.columns import Columns, Who
from data.consent import Consent
from data.controls import Newest
from data.conversation import Window
from data.duplicates import SHORTEST
from data.held_out import HeldOut
from data.redact import Surrogates
from data.rhythm import Rhythm
from data.samples import Shape
from data.tally import Tally
from data.told import Told

EMBARGO = "close to the held-out time"
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
            teller = _Teller(self, Surrogates(self.key, consent.dialog_id), told)
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


@dataclass(slots=True)
class _Teller:
    """Makes the turns of one topic, as `transcript.of` makes them: column by column, which is faster."""

    cutter: Cutter
    surrogates: Surrogates
    told: Told
    _last: int = 0
    """When the message before was sent."""
    _theirs: bool = False
    """Whether the other side sent it."""

    def tell(self, shown: Columns, bounds: list[int]) -> None:
        """The next turns, which begin at these places."""
        told, at, pauses = self.told, shown.at, self.cutter.shape.pauses
        starts, ends, first = bounds[:-1], bounds[1:], len(told.sizes)
        who = [shown.who[start] for start in starts]
        mine = [isinstance(each, str) for each in who]
        began, ended = [at[start] for start in starts], [at[end - 1] for end in ends]
        gaps = list(map(sub, began, [self._last if first else began[0], *ended]))
        parts = self._parts(began, gaps, pauses.silence // _MICROSECOND)
        targets = [each == "" and part != "" for each, part in zip(who, parts, strict=True)]
        told.against += [
            (place, each or EMBARGO)
            for place, (each, target) in enumerate(zip(who, targets, strict=True), first)
            if isinstance(each, str) and not target
        ]
        hours, stamps = self.cutter.clock.read(began)
        self._note_rhythm(shown, bounds, who, hours)
        more = self._more(shown, bounds, who, targets)
        pause = pauses.pause // _MICROSECOND
        marks = [gap / 1e6 if gap >= pause else 0 for gap in gaps]
        texts = samples.quoted(self.surrogates.redact_all(shown.said))
        said = ['"' + '","'.join(texts[start:end]) + '"' for start, end in zip(starts, ends, strict=True)]
        told.write(list(map(samples.turn_line, mine, said, stamps, marks, more)))
        characters = [0, *accumulate(map(len, shown.said))]
        told.sizes.extend(characters[end] - characters[start] + end - start for start, end in pairwise(bounds))
        told.upto.extend([told.upto[-1] + end for end in ends])
        told.targets += targets
        told.theirs += map(not_, mine)
        told.parts += parts
        told.began.extend(began)
        told.first.extend([shown.ids[start] for start in starts])
        told.last.extend([shown.ids[end - 1] for end in ends])
        self._last, self._theirs = ended[-1], not mine[-1]

    def _parts(self, began: list[int], gaps: list[int], silence: int) -> list[str]:
        """The part of each turn: that of its conversation."""
        held_out, dialog_id = self.cutter.held_out, self.surrogates.dialog_id
        part = self.told.parts[-1] if self.told.parts else None
        parts = list[str]()
        for at, gap in zip(began, gaps, strict=True):
            if gap >= silence or part is None:
                part = held_out.part(dialog_id, at / 1e6) or ""
            parts.append(part)
        return parts

    def _note_rhythm(self, shown: Columns, bounds: list[int], who: list[Who], hours: list[int]) -> None:
        at, wrote = shown.at, self.cutter.rhythm.wrote
        for place, each in enumerate(who):
            if each == "":
                start = bounds[place]
                answers = self._theirs if not place else not isinstance(who[place - 1], str)
                answered = (at[start - 1] if start else self._last) if answers else None
                wrote(self.surrogates.dialog_id, at[start : bounds[place + 1]], answered, hours[place])

    def _more(self, shown: Columns, bounds: list[int], who: list[Who], targets: list[bool]) -> list[str]:
        """What else there is to say of each turn."""
        more, dialog_id, first = [""] * len(who), self.surrogates.dialog_id, len(self.told.sizes)
        own = [each for each, target in enumerate(targets) if target]
        spans = [(bounds[each], bounds[each + 1]) for each in own]
        replies = weights.normals([text for start, end in spans for text in shown.said[start:end]])
        done = 0
        for place, (start, end) in zip(own, spans, strict=True):
            said, done = replies[done : done + end - start], done + end - start
            age = self.cutter.newest - shown.at[start] / 1e6
            more[place] = samples.more(True, None, (), weights.of(said, self.cutter.common, age))
            for reply, text in zip(said, shown.said[start:end], strict=True):
                if len(text) >= SHORTEST:
                    self.told.long.append((first + place, reply))
        if dialog_id < 0 or shown.quotes:
            for place, each in enumerate(who):
                if not isinstance(each, str):
                    named = each is not None and dialog_id < 0
                    speaker = pseudonym.of(self.surrogates.key, dialog_id, each) if named else None
                    quotes = _quotes(shown, bounds[place], bounds[place + 1], self.surrogates) if shown.quotes else ()
                    more[place] = samples.more(False, speaker, quotes, 1.0)
        return more


def _quotes(shown: Columns, start: int, end: int, surrogates: Surrogates) -> tuple[str, ...]:
    quotes = tuple(transcript.shortened(shown.quotes.get(each), surrogates) for each in shown.ids[start:end])
    return quotes if any(quotes) else ()
