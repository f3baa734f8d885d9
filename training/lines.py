"""The lines of a dataset straight to token ids: how training reads what `build` wrote, for a value per turn and per
piece takes longer than all else.

What is shown is what `transcript.render` shows, in the same pieces; that `Encoder.sample` comes to the same tokens is
held by a test over any transcript.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import accumulate, islice
from typing import NamedTuple

from data import transcript
from data.samples import Row, Sample, turn_of
from data.transcript import START_MARK, Transcript
from data.uncollected import uncollected
from training.encode import Encoded, Encoder, Kind
from training.spelling import BYTES

AT_ONCE = 500
"""Windows whose texts the tokenizer is given together."""
_MOST = 100_000
"""Texts whose ids are remembered, some 30 MB; beyond that it begins anew."""
_NEXT = "\n"
"""The piece between two messages of one side: no message is this, for a newline in one is escaped."""


class _Part(IntEnum):
    """A piece that the template puts between contents."""

    START = 0
    OPENING = 1
    TO_OWN = 2
    TO_OTHER = 3
    END = 4


Piece = str | _Part


class _Learned(NamedTuple):
    """An own turn that carries loss: its index, the places of its pieces in the window's, its characters."""

    turn: int
    first: int
    end: int
    characters: int


class _Shown(NamedTuple):
    """A window in pieces."""

    pieces: list[Piece]
    learned: list[_Learned]


class Lines:
    """Encodes lines as one encoder does; another process can have it."""

    def __init__(self, encoder: Encoder, max_tokens: int) -> None:
        glue = encoder.glue
        parts = (glue.start, glue.opening, glue.to_own, glue.to_other, (encoder.end,))
        spelled = (array("i", ids).tobytes() for ids in parts)
        self._parts = dict[Piece, bytes](zip(_Part, spelled, strict=True))
        self._known = dict(self._parts)
        self._words, self._most = encoder.words, max_tokens

    def windows(self, rows: Iterable[Row]) -> list[Encoded | Row]:
        """These windows; one that is too long stays a row. The tokenizer is given many words at a time, and each word
        once: neighbouring windows share their context, and people repeat themselves."""
        with uncollected():
            some = list(rows)
            shown = list(map(_shown, some))
            pieces = set[Piece]().union(*(each.pieces for each in shown))
            if len(self._known) > _MOST:
                self._known = self._parts | {piece: self._known[piece] for piece in pieces & self._known.keys()}
            new = [piece for piece in pieces - self._known.keys() if isinstance(piece, str)]
            self._known.update(self._words.ids(new))
            encoded = [_encoded(row, each, self._known) for row, each in zip(some, shown, strict=True)]
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


def _shown(row: Row) -> _Shown:
    fresh, turns = row["fresh"], row["turns"]
    head = transcript.header([turn_of(turns[0])] if turns else [])
    pieces, learned = list[Piece]((_Part.START, head)), list[_Learned]()
    theirs, to_other = False, _Part.OPENING
    for place, turn in enumerate(turns):
        if not turn["mine"]:
            pieces.append(_NEXT if theirs else to_other)
            pieces += _pieces(turn["texts"]) if len(turn) == 3 else _theirs(turn)
            theirs = True
            continue
        if not theirs:
            pieces += to_other, _mark(turn) or START_MARK
        pieces.append(_Part.TO_OWN)
        said = _pieces(turn["texts"])
        if place >= fresh and turn.get("target"):
            begin = len(pieces)
            learned.append(_Learned(place, begin, begin + len(said), sum(map(len, said)) - len(said) // 2))
        pieces += said
        theirs, to_other = False, _Part.TO_OTHER
    if learned:  # with the end of the last of them, and nothing behind it
        pieces[learned[-1].end :] = (_Part.END,)
    return _Shown(pieces, learned)


def _pieces(texts: list[str]) -> list[str]:
    if len(texts) == 1:
        return [transcript.escape(texts[0])]
    return [piece for text in texts for piece in (_NEXT, transcript.escape(text))][1:]


def _theirs(turn: Row) -> Sequence[str]:
    """The pieces of a turn of the other side that has more than its texts."""
    if "quotes" in turn:
        *_, block = transcript.render(Transcript((turn_of(turn),)))
        return [text for text, _ in block.pieces]
    mark, speaker = _mark(turn), turn.get("speaker")
    return [*([f"{mark}\n"] if mark else ()), *([transcript.tag(speaker)] if speaker else ()), *_pieces(turn["texts"])]


def _mark(turn: Row) -> str:
    gap = turn.get("gap")
    return transcript.mark(timedelta(seconds=gap), datetime.fromisoformat(turn["at"])) if gap else ""


def _encoded(row: Row, shown: _Shown, known: dict[Piece, bytes]) -> Encoded:
    spelled = list(map(known.__getitem__, shown.pieces))
    ids = array("i", b"".join(spelled))
    kinds, turns = bytearray(len(ids)), array("i", [-1]) * len(ids)
    upto = [0, *(size // BYTES for size in accumulate(map(len, spelled)))]
    for turn, first, end, _ in shown.learned:
        start, stop = upto[first], upto[end]
        turns[start : stop + 1] = array("i", [turn]) * (stop + 1 - start)
        kinds[start:stop] = bytes([Kind.TEXT]) * (stop - start)
        for place in range(first + 1, end, 2):  # what stands between two messages
            kinds[upto[place] : upto[place + 1]] = bytes([Kind.FORMAT]) * (upto[place + 1] - upto[place])
        kinds[stop] = Kind.FORMAT  # its end, with which whatever follows begins
    weights = {turn: weight for turn, *_ in shown.learned if (weight := row["turns"][turn].get("weight", 1.0)) != 1.0}
    return Encoded(ids, bytes(kinds), turns, sum(each.characters for each in shown.learned), weights)
