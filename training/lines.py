"""The lines of a dataset straight to token ids: how training reads what `build` wrote, for a value per turn and per
piece takes longer than all else.

What is shown is what `transcript.render` shows, in the same pieces; that `Encoder.sample` comes to the same tokens is
held by a test over any transcript.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from data import transcript
from data.samples import Row, Sample, turn_of
from data.transcript import START_MARK, Transcript
from data.uncollected import uncollected
from training.encode import Encoded, Encoder, Kind
from training.spelling import Ids, Words

_AT_ONCE = 500
"""Windows whose texts the tokenizer is given together."""
_MOST = 100_000
"""Texts whose ids are remembered, some 30 MB; beyond that it begins anew."""
_NEXT = "\n"
"""The piece between two messages of one side: no message is this, for a newline in one is escaped."""
_CONTEXT, _TEXT, _FORMAT = map(int, Kind)


class _Shown(NamedTuple):
    """A window in pieces."""

    head: tuple[str, ...]
    turns: list[Sequence[str]]
    before: dict[int, str]
    """What stands in the other side's place before an own turn, where the other side said nothing."""


def encode(encoder: Encoder, rows: Iterable[Row], max_tokens: int) -> Iterator[Encoded]:
    """These windows, each as `Encoder.sample` encodes it. The tokenizer is given many words at a time, and each word
    once: neighbouring windows share their context, and people repeat themselves."""
    rest, words, known = iter(rows), Words(encoder.spelling), dict[str, Ids]()
    while True:
        with uncollected():
            some = [(row, _shown(row)) for row in islice(rest, _AT_ONCE)]
            texts = {text for _, shown in some for turn in (shown.head, *shown.turns) for text in turn}
            texts |= {text for _, shown in some for text in shown.before.values()} | {_NEXT}
            if len(known) > _MOST:
                known = {text: known[text] for text in texts & known.keys()}
            known |= words.ids(texts - known.keys())
            encoded = [_encoded(encoder, row, shown, known) for row, shown in some]
            for place, (row, _) in enumerate(some):
                if len(encoded[place].ids) > max_tokens:
                    encoded[place] = encoder.sample(Sample.of(row), max_tokens)
            many = len(some)
            some.clear()
        yield from encoded
        if many < _AT_ONCE:
            return


def _shown(row: Row) -> _Shown:
    turns, before, theirs = list[Sequence[str]](), dict[int, str](), False
    for turn in row["turns"]:
        if turn["mine"]:
            if not theirs:
                before[len(turns)] = _mark(turn) or START_MARK
            turns.append(_pieces(turn["texts"]))
        else:
            turns.append(_pieces(turn["texts"]) if len(turn) == 3 else _theirs(turn))
        theirs = not turn["mine"]
    head = transcript.header([turn_of(row["turns"][0])] if turns else [])
    return _Shown((head,), turns, before)


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


def _encoded(encoder: Encoder, row: Row, shown: _Shown, known: dict[str, Ids]) -> Encoded:
    glue, fresh, next_ = encoder.glue, row["fresh"], known[_NEXT]
    ids, kinds, turns = list(glue.start), list[int](), list[int]()
    characters, weights = 0, dict[int, float]()
    for text in shown.head:
        ids += known[text]
    theirs, to_other = False, glue.opening
    for place, (turn, pieces) in enumerate(zip(row["turns"], shown.turns, strict=True)):
        if not turn["mine"]:
            ids += next_ if theirs else to_other
            theirs = True
            for text in pieces:
                ids += known[text]
            continue
        if not theirs:
            ids += to_other
            ids += known[shown.before[place]]
        ids += glue.to_own
        theirs, to_other = False, glue.to_other
        if place < fresh or not turn.get("target"):
            for text in pieces:
                ids += known[text]
            continue
        kinds += [_CONTEXT] * (len(ids) - len(kinds))
        turns += [-1] * (len(ids) - len(turns))
        for text in pieces:
            spelled = known[text]
            ids += spelled
            if text == _NEXT:
                kinds += [_FORMAT] * len(spelled)
            else:
                kinds += [_TEXT] * len(spelled)
                characters += len(text)
        kinds.append(_FORMAT)  # its end, with which whatever follows begins
        turns += [place] * (len(kinds) - len(turns))
        if (weight := turn.get("weight", 1.0)) != 1.0:
            weights[place] = weight
    if not kinds:
        kinds, turns = [_CONTEXT] * len(ids), [-1] * len(ids)
    elif len(kinds) > len(ids):
        ids.append(encoder.end)
    return Encoded(tuple(ids[: len(kinds)]), tuple(kinds), tuple(turns), characters, weights)
