"""The lines of a dataset straight to token ids: how training reads what `build` wrote, for a value per turn, per piece
and per token takes longer than all else. Many windows are made together, in columns.

What is shown is what `transcript.render` shows, in the same pieces; that `Encoder.sample` comes to the same tokens is
held by a test over any transcript.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from data import transcript
from data.samples import Row, Sample, turn_of
from data.transcript import START_MARK, Transcript
from data.uncollected import uncollected
from training.encode import Encoded, Encoder, Kind, Part
from training.spelling import Numbers, Places, Words, stretches

AT_ONCE = 500
"""Windows that are made together."""
_START, _OPENING, _TO_OWN, _TO_OTHER, _END, _NEXT = map(int, list(Part)[:-1])
_LATER, _NOTHING = bytes([Part.NEXT]), bytes([Part.NOTHING])


@dataclass(slots=True)
class _Window:
    """Where it begins, and what is known of its turns that carry loss."""

    begin: int
    """The place of its first piece."""
    characters: int = 0
    weights: dict[int, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Pieces:
    """Windows in pieces, one behind the other."""

    texts: list[str] = field(default_factory=list)
    before: bytearray = field(default_factory=bytearray)
    """What the template puts before each piece, a `Part`."""
    windows: list[_Window] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    """Those that carry loss: the index of each in its window,"""
    firsts: list[int] = field(default_factory=list)
    """the place of its first piece,"""
    ends: list[int] = field(default_factory=list)
    """and the one behind its last piece."""

    def add(self, row: Row) -> None:
        """The next window."""
        texts, before, fresh, turns = self.texts, self.before, row["fresh"], row["turns"]
        window, learned = _Window(len(texts)), len(self.ends)
        self.windows.append(window)
        self._write(_START, [transcript.header([turn_of(turns[0])] if turns else [])])
        theirs, to_other = False, _OPENING
        for place, turn in enumerate(turns):
            said = turn["texts"]
            if not turn["mine"] and len(turn) > 3:
                self._write(_NEXT if theirs else to_other, _theirs(turn))
                theirs = True
                continue
            if turn["mine"] and not theirs:
                self._write(to_other, [_mark(turn) or START_MARK])
            before.append(_TO_OWN if turn["mine"] else _NEXT if theirs else to_other)
            before += _LATER * (len(said) - 1)
            texts += map(transcript.escape, said)
            theirs, to_other = not turn["mine"], _TO_OTHER
            if turn["mine"] and place >= fresh and turn.get("target"):
                self._learn(window, place, turn)
        if len(self.ends) > learned:  # with the end of the last of them, and nothing behind it
            del texts[self.ends[-1] :], before[self.ends[-1] :]
            self._write(_END, [""])

    def _write(self, before: int, pieces: Sequence[str]) -> None:
        """Pieces that nothing stands between."""
        self.texts += pieces
        self.before.append(before)
        self.before += _NOTHING * (len(pieces) - 1)

    def _learn(self, window: _Window, place: int, turn: Row) -> None:
        first, end = len(self.texts) - len(turn["texts"]), len(self.texts)
        self.turns.append(place)
        self.firsts.append(first)
        self.ends.append(end)
        window.characters += sum(map(len, self.texts[first:end]))
        if (weight := turn.get("weight", 1.0)) != 1.0:
            window.weights[place] = weight


class Lines:
    """Encodes lines as one encoder does; another process can have it."""

    def __init__(self, encoder: Encoder, max_tokens: int) -> None:
        self._words, self._most = encoder.words, max_tokens

    @uncollected()
    def windows(self, rows: Iterable[Row]) -> list[Encoded | Row]:
        """These windows; one that is too long stays a row."""
        some, pieces = list(rows), _Pieces()
        for row in some:
            pieces.add(row)
        encoded = _encoded(pieces, self._words)
        return [each if len(each.ids) <= self._most else row for row, each in zip(some, encoded, strict=True)]


def encode(encoder: Encoder, rows: Iterable[Row], max_tokens: int) -> Iterator[Encoded]:
    """These windows, each as `Encoder.sample` encodes it."""
    rest, lines = iter(rows), Lines(encoder, max_tokens)
    while some := lines.windows(islice(rest, AT_ONCE)):
        yield from whole(encoder, some, max_tokens)


def whole(encoder: Encoder, windows: Iterable[Encoded | Row], max_tokens: int) -> Iterator[Encoded]:
    """The same, none of them a row."""
    for each in windows:
        yield encoder.sample(Sample.of(each), max_tokens) if isinstance(each, dict) else each


def _theirs(turn: Row) -> Sequence[str]:
    """The pieces of a turn of the other side that has more than its texts."""
    if "quotes" in turn:
        *_, block = transcript.render(Transcript((turn_of(turn),)))
        return [text for text, _ in block.pieces]
    mark, speaker = _mark(turn), turn.get("speaker")
    said = [piece for text in turn["texts"] for piece in ("\n", transcript.escape(text))][1:]
    return [*([f"{mark}\n"] if mark else ()), *([transcript.tag(speaker)] if speaker else ()), *said]


def _mark(turn: Row) -> str:
    gap = turn.get("gap")
    return transcript.mark(timedelta(seconds=gap), datetime.fromisoformat(turn["at"])) if gap else ""


def _encoded(pieces: _Pieces, words: Words) -> Iterator[Encoded]:
    numbers, begins = words.numbers(pieces.texts)
    stream = np.insert(numbers, begins, np.frombuffer(pieces.before, np.uint8))
    begins += np.arange(len(begins))  # where they are now: at what stands before each
    upto = np.append(0, np.cumsum(words.sizes[stream]))
    ids, (kinds, turns) = words.ids(stream), _labels(pieces, upto[begins], upto[begins + 1], int(upto[-1]))
    bounds = [*upto[begins[[window.begin for window in pieces.windows]]].tolist(), len(ids)]
    for window, (begin, end) in zip(pieces.windows, pairwise(bounds), strict=True):
        yield Encoded(
            array("i", ids[begin:end].tobytes()),
            kinds[begin:end].tobytes(),
            array("i", turns[begin:end].tobytes()),
            window.characters,
            window.weights,
        )


def _labels(pieces: _Pieces, begins: Places, said: Places, length: int) -> tuple[NDArray[np.uint8], Numbers]:
    """Of so many tokens the kind of each, and the index of its turn. `begins` is the first of what stands before each
    piece, `said` the first of the piece itself."""
    kinds, turns = np.full(length, Kind.CONTEXT, np.uint8), np.full(length, -1, np.intc)
    firsts, ends = np.array(pieces.firsts, np.int64), np.array(pieces.ends, np.int64)
    start, stop = said[firsts], begins[ends]
    learned = stretches(start, stop + 1 - start)
    kinds[learned], turns[learned] = Kind.TEXT, np.repeat(np.array(pieces.turns, np.intc), stop + 1 - start)
    later = stretches(firsts + 1, ends - firsts - 1)
    kinds[stretches(begins[later], said[later] - begins[later])] = Kind.FORMAT  # what stands between two messages
    kinds[stop] = Kind.FORMAT  # its end, with which whatever follows begins
    return kinds, turns
