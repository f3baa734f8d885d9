"""The turns of one topic, as `transcript.of` makes them: column by column, which is faster."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise
from operator import not_

import numpy as np
from numpy.typing import NDArray

from data import pseudonym, samples, transcript, weights
from data.clock import Clock
from data.columns import Columns, Who
from data.duplicates import SHORTEST
from data.held_out import HeldOut
from data.pauses import Pauses
from data.redact import Surrogates
from data.rhythm import Rhythm
from data.told import Told

EMBARGO = "close to the held-out time"
_MICROSECOND = timedelta(microseconds=1)
_Times = NDArray[np.int64]


@dataclass(slots=True)
class Teller:
    """Writes them as they come."""

    told: Told
    surrogates: Surrogates
    pauses: Pauses
    held_out: HeldOut
    common: Mapping[str, float]
    newest: float
    """See `Cutter`."""
    rhythm: Rhythm
    clock: Clock
    _last: int = 0
    """When the message before was sent."""
    _theirs: bool = False
    """Whether the other side sent it."""

    def tell(self, shown: Columns, bounds: list[int]) -> None:
        """The next turns, which begin at these places."""
        told, at, edges, first = self.told, np.array(shown.at), np.array(bounds), len(self.told.sizes)
        began, ended = at[edges[:-1]], at[edges[1:] - 1]
        gaps = began - np.append(self._last if first else began[0], ended[:-1])
        who = [shown.who[start] for start in bounds[:-1]]
        mine = [isinstance(each, str) for each in who]
        parts = self._parts(began, gaps)
        targets = [each == "" and part != "" for each, part in zip(who, parts, strict=True)]
        told.against += [
            (place, each or EMBARGO)
            for place, (each, target) in enumerate(zip(who, targets, strict=True), first)
            if isinstance(each, str) and not target
        ]
        hours, stamps = self.clock.read(began)
        self._note_rhythm(at, edges, gaps, who, mine, np.array(hours))
        more = self._more(shown, bounds, who, targets)
        pause = self.pauses.pause // _MICROSECOND
        marks = [gap / 1e6 if gap >= pause else 0 for gap in gaps.tolist()]
        texts = samples.quoted(self.surrogates.redact_all(shown.said))
        said = ['"' + '","'.join(texts[start:end]) + '"' for start, end in pairwise(bounds)]
        told.write(list(map(samples.turn_line, mine, said, stamps, marks, more)))
        lengths = np.fromiter(map(len, shown.said), np.int64, len(shown.said))
        told.sizes.extend((np.add.reduceat(lengths, edges[:-1]) + np.diff(edges)).tolist())
        told.upto.extend((told.upto[-1] + edges[1:]).tolist())
        told.targets += targets
        told.theirs += map(not_, mine)
        told.parts += parts
        told.began.extend(began.tolist())
        told.first.extend([shown.ids[start] for start in bounds[:-1]])
        told.last.extend([shown.ids[end - 1] for end in bounds[1:]])
        self._last, self._theirs = int(ended[-1]), not mine[-1]

    def _parts(self, began: _Times, gaps: _Times) -> list[str]:
        """The part of each turn: that of its conversation."""
        silence = self.pauses.silence // _MICROSECOND
        begins = np.flatnonzero(gaps >= silence).tolist()
        if not self.told.parts and begins[:1] != [0]:
            begins.insert(0, 0)
        parts = self.told.parts[-1:] * (begins[0] if begins else len(gaps))
        for begin, end in pairwise([*begins, len(gaps)]):
            part = self.held_out.part(self.surrogates.dialog_id, int(began[begin]) / 1e6) or ""
            parts += [part] * (end - begin)
        return parts

    def _note_rhythm(
        self, at: _Times, edges: _Times, gaps: _Times, who: list[Who], mine: list[bool], hours: _Times
    ) -> None:
        own = np.array([each == "" for each in who])
        theirs = np.append(self._theirs, ~np.array(mine[:-1], bool))
        inside = np.repeat(own, np.diff(edges))
        inside[edges[:-1]] = False
        answers = own & theirs
        self.rhythm.wrote(self.surrogates.dialog_id, np.diff(at)[inside[1:]], gaps[answers], hours[answers])

    def _more(self, shown: Columns, bounds: list[int], who: list[Who], targets: list[bool]) -> list[str]:
        """What else there is to say of each turn."""
        more, dialog_id, first = [""] * len(who), self.surrogates.dialog_id, len(self.told.sizes)
        own = [place for place, target in enumerate(targets) if target]
        said = [(place, text) for place in own for text in shown.said[bounds[place] : bounds[place + 1]]]
        replies = weights.normals([text for _, text in said])
        counts = [bounds[place + 1] - bounds[place] for place in own]
        ages = [self.newest - shown.at[bounds[place]] / 1e6 for place in own]
        for place, weight in zip(own, weights.each(replies, counts, self.common, ages), strict=True):
            more[place] = _learned(weight)
        self.told.long += [
            (first + place, reply) for (place, text), reply in zip(said, replies, strict=True) if len(text) >= SHORTEST
        ]
        if dialog_id < 0 or shown.quotes:
            for place, each in enumerate(who):
                if not isinstance(each, str):
                    named = each is not None and dialog_id < 0
                    speaker = pseudonym.of(self.surrogates.key, dialog_id, each) if named else None
                    quotes = _quotes(shown, bounds[place], bounds[place + 1], self.surrogates) if shown.quotes else ()
                    more[place] = samples.more(False, speaker, quotes, 1.0)
        return more


@cache
def _learned(weight: float) -> str:
    """Of an own turn, whose weight has two digits."""
    return samples.more(True, None, (), weight)


def _quotes(shown: Columns, start: int, end: int, surrogates: Surrogates) -> tuple[str, ...]:
    quotes = tuple(transcript.shortened(shown.quotes.get(each), surrogates) for each in shown.ids[start:end])
    return quotes if any(quotes) else ()
