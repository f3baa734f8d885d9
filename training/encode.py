"""From a transcript to token ids, piece by piece, so that every token knows what it is.

The template's own parts (role headers, turn ends) are taken from the tokenizer's chat template by rendering stand-ins
through it; everything between them is encoded with control tokens switched off, so no text that anybody wrote can
become one. A prompt is the same ids cut after the header of the owner's next turn, hence an exact prefix of the sample
that the reply completes.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import IntEnum
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from data import transcript as transcripts
from data.errors import ExitCode, UserError
from data.samples import Sample
from data.transcript import Block, Role, Transcript
from training.spelling import Ids, Spelling, Words

CONTEXT_TOKENS = 4096
"""Longest transcript the model sees, in training, in evaluation and live: one number, or the same messages would be cut
in two ways. The default window of 2,400 characters stays far below it."""
DAY = "26 Jul 2024"
"""What templates that write today's date write instead, or ids would differ from day to day: Llama's own default."""


class Kind(IntEnum):
    """What a token is to the loss."""

    CONTEXT = 0
    """Carries no loss."""
    TEXT = 1
    """The owner's own words."""
    FORMAT = 2
    """An own turn's message boundary or end. Learned like the text, and reported apart from it."""


class Part(IntEnum):
    """What stands before a piece of text."""

    START = 0
    OPENING = 1
    TO_OWN = 2
    TO_OTHER = 3
    END = 4
    NEXT = 5
    """Between two messages of one side."""
    NOTHING = 6


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one window, and per token its kind and the index of its turn in the transcript, -1 for none. An
    `Encoder` gives arrays, and bytes for the kinds: a training holds all of its windows in memory."""

    ids: Sequence[int]
    kinds: Sequence[int]
    turns: Sequence[int]
    characters: int
    """Characters of the text that the TEXT tokens spell."""
    weights: Mapping[int, float] = field(default_factory=dict)
    """What the tokens of a turn count, where that is not 1."""

    @property
    def loss_tokens(self) -> int:
        """How many tokens carry loss."""
        return len(self.kinds) - self.kinds.count(Kind.CONTEXT)


class _Learned(NamedTuple):
    """Tokens that carry loss, by their places in a window."""

    start: int
    end: int
    kind: Kind
    turn: int


@dataclass(frozen=True, slots=True)
class Glue:
    """The template's parts between contents, as ids."""

    start: tuple[int, ...]
    opening: tuple[int, ...]
    """From the system's content (or from the start, where the template knows no system) to the first user's."""
    to_own: tuple[int, ...]
    to_other: tuple[int, ...]


class Encoder:
    """Encodes for one tokenizer. Raises `UserError`, exit code 3, for a template or tokenizer that does not fit."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.special: frozenset[int] = frozenset(tokenizer.all_special_ids) | frozenset(
            index for index, token in tokenizer.added_tokens_decoder.items() if token.special
        )
        """The control tokens."""
        self.spelling = Spelling(tokenizer, self.special)
        self.glue = self._read_template()
        """What the template puts between contents."""
        self.end: int = self.glue.to_other[0]
        """The token that ends a turn."""
        if self.end not in self.special:
            raise _unfit("its turns do not end in a control token")
        if self.decode([i for ids in self.spelling.ids(["oh, hi", "\n", "so?"]) for i in ids]) != "oh, hi\nso?":
            raise _unfit("its tokenizer changes text that is encoded in pieces")
        self.words = Words(self.spelling, self._parts())
        """Those of the datasets that it reads."""

    def sample(self, sample: Sample, max_tokens: int) -> Encoded:
        """A training or evaluation window of at most `max_tokens` tokens.

        Too long a window loses whole turns from its left, never its header. Tokens after the last one that carries
        loss are cut: attention is causal, so they have no gradient.
        """
        encoded = self._encode(sample.transcript, sample.fresh, 0)
        for first in range(1, len(sample.transcript.turns)):
            if len(encoded.ids) <= max_tokens:
                return encoded
            encoded = self._encode(_from(sample.transcript, first), sample.fresh - first, first)
        # One single turn is longer than the limit: its beginning is kept.
        head = slice(0, max_tokens)
        return replace(encoded, ids=encoded.ids[head], kinds=encoded.kinds[head], turns=encoded.turns[head])

    def samples(self, samples: Iterable[Sample], max_tokens: int) -> Iterator[Encoded]:
        """Many windows, as `sample` encodes each."""
        from training import lines

        return lines.encode(self, map(Sample.row, samples), max_tokens)

    def parts(self, dataset: Path, splits: Sequence[str], max_tokens: int) -> Iterator[tuple[str, Encoded]]:
        """Those of some parts of a dataset, each with the name of its part. Raises `UserError` where one cannot be
        read."""
        from training import blocks

        return blocks.encode(self, dataset, splits, max_tokens)

    def part(self, dataset: Path, split: str, max_tokens: int) -> Iterator[Encoded]:
        """Those of one part."""
        return (encoded for _, encoded in self.parts(dataset, [split], max_tokens))

    def prompt(self, transcript: Transcript, max_tokens: int | None = None) -> tuple[int, ...]:
        """The ids to generate the owner's next turn from: the transcript's, and the header of that turn.

        For a transcript whose last two turns are theirs and the owner's, the prompt of all but the last turn is an
        exact prefix of the sample's ids. Raises `ValueError` for a transcript without turns.
        """
        if not transcript.turns:
            raise ValueError("a reply needs something to reply to")
        ids: tuple[int, ...] = ()
        for first in range(len(transcript.turns)):
            ids = self._prompt(_from(transcript, first))
            if max_tokens is None or len(ids) <= max_tokens:
                return ids
        # One single turn is longer than the limit: the header is kept, and the end of the turn.
        head = self._ids(transcripts.render(_from(transcript, first))[:1]) + self.glue.opening
        return head + ids[len(head) - (max_tokens or 0) :]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, exactly: no control tokens, no clean-up of spaces."""
        kept = [i for i in ids if i not in self.special]
        return str(self._tokenizer.decode(kept, clean_up_tokenization_spaces=False))

    def _prompt(self, transcript: Transcript) -> tuple[int, ...]:
        # An own turn without text, appended, renders all that stands before a reply: gap marks, and the sides' order.
        asked = transcripts.Turn(mine=True, texts=(), at=transcript.turns[-1].at)
        blocks = transcripts.render(Transcript((*transcript.turns, asked)))
        return self._ids(blocks)

    def _ids(self, blocks: tuple[Block, ...]) -> tuple[int, ...]:
        return tuple(self._walk(blocks, frozenset())[0])

    def _encode(self, transcript: Transcript, fresh: int, offset: int) -> Encoded:
        target = frozenset(i for i, turn in enumerate(transcript.turns) if turn.mine and turn.target and i >= fresh)
        ids, learned, characters = self._walk(transcripts.render(transcript), target)
        end = learned[-1].end if learned else len(ids)
        kinds, turns = labels(learned, end, offset)
        weights = {i + offset: transcript.turns[i].weight for i in target if transcript.turns[i].weight != 1.0}
        return Encoded(array("i", ids[:end]), kinds, turns, characters, weights)

    def _walk(self, blocks: tuple[Block, ...], target: frozenset[int]) -> tuple[Ids, list[_Learned], int]:
        """The ids of these blocks, what of them is learned, in order, and how many characters of text that is. The
        last that is learned is the end of a turn."""
        known = self._known(blocks)
        ids, learned, characters = list(self.glue.start), list[_Learned](), 0
        before = Role.SYSTEM
        for number, block in enumerate(blocks):
            if number:
                ids += self._between(before, block.role)
            before = block.role
            if block.turn not in target:
                ids += chain.from_iterable([known[text] for text, _ in block.pieces])
                continue
            for text, said in block.pieces:
                start = len(ids)
                ids += known[text]
                kind = Kind.TEXT if said and text else Kind.FORMAT
                characters += len(text) if kind is Kind.TEXT else 0
                learned.append(_Learned(start, len(ids), kind, block.turn))
            # Its end, with which whatever follows begins.
            learned.append(_Learned(len(ids), len(ids) + 1, Kind.FORMAT, block.turn))
        if learned and learned[-1].end > len(ids):
            ids.append(self.end)
        return ids, learned, characters

    def _between(self, before: Role, after: Role) -> tuple[int, ...]:
        if before is Role.SYSTEM:
            return self.glue.opening
        return self.glue.to_own if after is Role.ASSISTANT else self.glue.to_other

    def _known(self, blocks: tuple[Block, ...]) -> dict[str, Ids]:
        """The ids of the texts of these blocks."""
        texts = [text for block in blocks for text, _ in block.pieces]
        return dict(zip(texts, self.spelling.ids(texts), strict=True))

    def _parts(self) -> list[Ids]:
        """The ids of each `Part`, in order."""
        glue = self.glue
        parts = (glue.start, glue.opening, glue.to_own, glue.to_other, (self.end,), *self.spelling.ids(["\n"]), ())
        return list(map(list, parts))

    def _read_template(self) -> Glue:
        marks = [f"zq{index}qz" for index in range(5)]
        roles = ["system", "user", "assistant", "user", "assistant"]
        turns = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
        try:
            parts = _parts(self._render(turns), marks)
        except Exception:  # jinja's and the template's own ways to say "system role not supported"
            parts = None
        if parts is None:
            # No place for a system's words, or none before the last turn (Mistral): they open the first user's.
            parts = _parts(self._render(turns[1:]).replace(marks[1], f"{marks[0]}\n{marks[1]}", 1), marks)
        if parts is None:
            raise _unfit("its chat template drops or reorders turns")
        # The last reply's header is not used: some templates (Qwen3) put an empty thought before it, and only there.
        return Glue(*(tuple(self._control(part)) for part in parts[:4]))

    def _render(self, turns: list[dict[str, str]]) -> str:
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, date_string=DAY))

    def _control(self, part: str) -> list[int]:
        return list(self._tokenizer(part, add_special_tokens=False, split_special_tokens=False)["input_ids"])


def labels(learned: Iterable[_Learned], length: int, offset: int = 0) -> tuple[bytes, "array[int]"]:
    """Of so many tokens the kind of each, and the index of its turn."""
    kinds, turns = bytearray(length), array("i", [-1]) * length
    for start, end, kind, turn in learned:
        kinds[start:end] = bytes([kind]) * (end - start)
        turns[start:end] = array("i", [turn + offset]) * (end - start)
    return bytes(kinds), turns


def _parts(rendered: str, marks: list[str]) -> list[str] | None:
    """What stands before each mark; None where one is missing or out of order."""
    parts = []
    for mark in marks:
        part, found, rendered = rendered.partition(mark)
        if not found:
            return None
        parts.append(part)
    return parts


def _from(transcript: Transcript, first: int) -> Transcript:
    """The transcript from its turn `first` on. A new first turn has no silence before it, as in `transcript.of`."""
    if first == 0:
        return transcript
    turns = transcript.turns[first:]
    return Transcript((replace(turns[0], gap=timedelta(0)), *turns[1:]))


def _unfit(why: str) -> UserError:
    return UserError(f"This base model cannot be used: {why}.", "Choose another base.", ExitCode.CONFIGURATION)
