"""From a transcript to token ids, piece by piece, so that every token knows what it is.

The template's own parts (role headers, turn ends) are taken from the tokenizer's chat template by rendering stand-ins
through it; everything between them is encoded with control tokens switched off, so no text that anybody wrote can
become one. A prompt is the same ids cut after the header of the owner's next turn, hence an exact prefix of the sample
that the reply completes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import IntEnum
from itertools import islice
from typing import Any

from data import transcript as transcripts
from data.errors import ExitCode, UserError
from data.samples import Sample
from data.transcript import Block, Role, Transcript

CONTEXT_TOKENS = 4096
"""Longest transcript the model sees, in training, in evaluation and live: one number, or the same messages would be cut
in two ways. The default window of 2,400 characters stays far below it."""
DAY = "26 Jul 2024"
"""What templates that write today's date write instead, or ids would differ from day to day: Llama's own default."""


_AT_ONCE = 500
"""Samples whose texts the tokenizer is given together."""


class Kind(IntEnum):
    """What a token is to the loss."""

    CONTEXT = 0
    """Carries no loss."""
    TEXT = 1
    """The owner's own words."""
    FORMAT = 2
    """An own turn's message boundary or end. Learned like the text, and reported apart from it."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one window, and per token its kind and the index of its turn in the transcript, -1 for none."""

    ids: tuple[int, ...]
    kinds: tuple[int, ...]
    turns: tuple[int, ...]
    characters: int
    """Characters of the text that the TEXT tokens spell."""
    weights: Mapping[int, float] = field(default_factory=dict)
    """What the tokens of a turn count, where that is not 1."""

    @property
    def loss_tokens(self) -> int:
        """How many tokens carry loss."""
        return len(self.kinds) - self.kinds.count(Kind.CONTEXT)


@dataclass(frozen=True, slots=True)
class _Glue:
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
        self._known: dict[str, list[int]] = {}
        """Texts of the samples at hand with their ids."""
        self.special: frozenset[int] = frozenset(tokenizer.all_special_ids) | frozenset(
            index for index, token in tokenizer.added_tokens_decoder.items() if token.special
        )
        """The control tokens."""
        self._glue = self._read_template()
        self.end: int = self._glue.to_other[0]
        """The token that ends a turn."""
        if self.end not in self.special:
            raise _unfit("its turns do not end in a control token")
        if self.decode([i for ids in self._texts(["oh, hi", "\n", "so?"]) for i in ids]) != "oh, hi\nso?":
            raise _unfit("its tokenizer changes text that is encoded in pieces")

    def sample(self, sample: Sample, max_tokens: int) -> Encoded:
        """A training or evaluation window of at most `max_tokens` tokens.

        Too long a window loses whole turns from its left, never its header. Tokens after the last one that carries
        loss are cut: attention is causal, so they have no gradient.
        """
        return self._fitting(sample, transcripts.render(sample.transcript), max_tokens)

    def _fitting(self, sample: Sample, blocks: tuple[Block, ...], max_tokens: int) -> Encoded:
        """`blocks` are those of the whole sample, which nearly always fits."""
        whole = sample.transcript
        for first in range(max(1, len(whole.turns))):
            kept = _from(whole, first)
            encoded = self._encode(kept, transcripts.render(kept) if first else blocks, sample.fresh - first, first)
            if len(encoded.ids) <= max_tokens:
                return encoded
        # One single turn is longer than the limit: its beginning is kept.
        head = slice(0, max_tokens)
        return replace(encoded, ids=encoded.ids[head], kinds=encoded.kinds[head], turns=encoded.turns[head])

    def samples(self, samples: Iterable[Sample], max_tokens: int) -> Iterator[Encoded]:
        """Many windows, as `sample` encodes each. The tokenizer is given many texts at a time, and each text once:
        neighbouring windows share their context, and people repeat themselves."""
        rest, known = iter(samples), dict[str, list[int]]()
        while some := list(islice(rest, _AT_ONCE)):
            rendered = [transcripts.render(sample.transcript) for sample in some]
            texts = {piece.text for blocks in rendered for block in blocks for piece in block.pieces}
            new = list(texts - known.keys())
            known = {text: known[text] for text in texts & known.keys()}
            known |= zip(new, self._encoded(new), strict=True)
            self._known = known
            try:
                yield from [self._fitting(*each, max_tokens) for each in zip(some, rendered, strict=True)]
            finally:
                self._known = {}

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
        head = self._walk(transcripts.render(_from(transcript, first))[:1], 0, frozenset())[0] + self._glue.opening
        return head + ids[len(head) - (max_tokens or 0) :]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, exactly: no control tokens, no clean-up of spaces."""
        kept = [i for i in ids if i not in self.special]
        return str(self._tokenizer.decode(kept, clean_up_tokenization_spaces=False))

    def _prompt(self, transcript: Transcript) -> tuple[int, ...]:
        # An own turn without text, appended, renders all that stands before a reply: gap marks, and the sides' order.
        asked = transcripts.Turn(mine=True, texts=(), at=transcript.turns[-1].at)
        blocks = transcripts.render(Transcript((*transcript.turns, asked)))
        return self._walk(blocks, 0, frozenset())[0]

    def _encode(self, transcript: Transcript, blocks: tuple[Block, ...], fresh: int, offset: int) -> Encoded:
        target = frozenset(i for i, turn in enumerate(transcript.turns) if turn.mine and turn.target and i >= fresh)
        ids, kinds, turns, characters = self._walk(blocks, offset, target)
        end = max((i + 1 for i, kind in enumerate(kinds) if kind), default=len(ids))
        weights = {i + offset: transcript.turns[i].weight for i in target if transcript.turns[i].weight != 1.0}
        return Encoded(ids[:end], kinds[:end], turns[:end], characters, weights)

    def _walk(
        self, blocks: tuple[Block, ...], offset: int, target: frozenset[int]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]:
        ids: list[int] = []
        kinds: list[int] = []
        turns: list[int] = []
        characters = 0
        texts = iter(self._texts([piece.text for block in blocks for piece in block.pieces]))

        def add(new: Iterable[int], kind: Kind = Kind.CONTEXT, turn: int = -1) -> None:
            before = len(ids)
            ids.extend(new)
            kinds.extend([int(kind)] * (len(ids) - before))
            turns.extend([turn] * (len(ids) - before))

        add(self._glue.start)
        previous: Block | None = None
        for block in blocks:
            if previous is not None:
                own_end = previous.turn is not None and previous.turn in target
                between = self._between(previous.role, block.role)
                if own_end and previous.turn is not None:
                    add(between[:1], Kind.FORMAT, previous.turn + offset)
                    between = between[1:]
                add(between)
            learned = block.turn is not None and block.turn in target
            for piece in block.pieces:
                said = piece.said and bool(piece.text)
                kind = Kind.CONTEXT if not learned else Kind.TEXT if said else Kind.FORMAT
                characters += len(piece.text) if kind is Kind.TEXT else 0
                add(next(texts), kind, block.turn + offset if learned and block.turn is not None else -1)
            previous = block
        if previous is not None and previous.turn is not None and previous.turn in target:
            add((self.end,), Kind.FORMAT, previous.turn + offset)
        return tuple(ids), tuple(kinds), tuple(turns), characters

    def _between(self, before: Role, after: Role) -> tuple[int, ...]:
        if before is Role.SYSTEM:
            return self._glue.opening
        return self._glue.to_own if after is Role.ASSISTANT else self._glue.to_other

    def _texts(self, texts: list[str]) -> list[list[int]]:
        """Ids of texts in which nothing is a control token."""
        try:
            return [self._known[text] for text in texts]
        except KeyError:
            return self._encoded(texts)

    def _encoded(self, texts: list[str]) -> list[list[int]]:
        """A small vocabulary may lack rare bytes, and its stand-in for the unknown is a control token too: left out."""
        if not texts:
            return []
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            encoded = self._tokenizer(
                texts, add_special_tokens=False, split_special_tokens=True, return_attention_mask=False
            )["input_ids"]
        else:  # the same without offsets, masks and their lists, in half the time
            backend.no_truncation()
            backend.no_padding()
            backend.encode_special_tokens = True
            encoded = [each.ids for each in backend.encode_batch_fast(texts, add_special_tokens=False)]
        return [ids if self.special.isdisjoint(ids) else [i for i in ids if i not in self.special] for ids in encoded]

    def _read_template(self) -> _Glue:
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
        return _Glue(*(tuple(self._control(part)) for part in parts[:4]))

    def _render(self, turns: list[dict[str, str]]) -> str:
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, date_string=DAY))

    def _control(self, part: str) -> list[int]:
        return list(self._tokenizer(part, add_special_tokens=False, split_special_tokens=False)["input_ids"])


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
