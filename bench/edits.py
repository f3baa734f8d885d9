"""Random edits of invented chats, and whether the reply from what was kept is that of a full recompute.

The reference reads prompt and reply anew in one forward pass without any cache, and looks at each place whether the
token that was written is the likeliest there: the same as writing greedily from scratch, token by token, and cheaper.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import torch

from data.message import Message
from data.redact import Surrogates
from data.transcript import Scope, Transcript, of
from training.encode import Encoder
from training.generate import Generator, Request
from training.model import LanguageModel
from training.sampling import Rules

TIE = 1e-3
"""Where the reference's two likeliest tokens are closer than this, rounding decides, and either is right."""
START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
WHO = ("i", "we", "my sister", "the dog", "my boss", "the neighbour", "nobody", "the kids")
DID = ("forgot", "found", "cooked", "broke", "booked", "liked", "sold", "missed", "painted", "wanted")
WHAT = ("the soup", "a bike", "the train", "that film", "the keys", "a cake", "two tickets", "the garden", "the lamp")
THEN = ("yesterday", "again", "on sunday", "at work", "by accident", "for you", "in the rain", "twice", "for once")
OPEN = ("so", "well", "haha", "ok", "no way,", "hm,", "you know", "guess what,", "honestly")


@dataclass(slots=True)
class Chat:
    """An invented chat that can be edited."""

    dialog: int
    chance: random.Random
    messages: list[Message] = field(default_factory=list)
    made: int = 0

    def append(self, mine: bool | None = None) -> None:
        """One more message, of either side."""
        self.made += 1
        side = self.chance.random() < 0.45 if mine is None else mine
        at = START + timedelta(seconds=40 * self.made)
        self.messages.append(Message(self.dialog, self.made, side, at, self._line()))

    def _line(self) -> str:
        pick = self.chance.choice
        line = f"{pick(WHO)} {pick(DID)} {pick(WHAT)} {pick(THEN)}"
        return f"{pick(OPEN)} {line}" if self.chance.random() < 0.5 else line

    def edit(self) -> None:
        """Another text somewhere."""
        index = self.chance.randrange(len(self.messages))
        self.messages[index] = replace(self.messages[index], text=self._line())

    def delete(self) -> None:
        """One message less, anywhere."""
        del self.messages[self.chance.randrange(len(self.messages))]

    def slide(self) -> None:
        """The window loses its oldest messages."""
        del self.messages[: self.chance.randint(1, max(1, len(self.messages) // 3))]

    def transcript(self) -> Transcript:
        """What a reply is written to: the last word is theirs."""
        if not self.messages or self.messages[-1].mine:
            self.append(mine=False)
        return of(self.messages, Scope.CHAT, Surrogates(bytes(32), self.dialog))

    def fill(self, encoder: Encoder, tokens: int) -> None:
        """Append until the prompt has so many tokens."""
        while len(encoder.prompt(self.transcript())) < tokens:
            self.append()


@dataclass(slots=True)
class Tally:
    """What came of the edits."""

    edits: int = 0
    token_identical: int = 0
    ties: int = 0
    """Tokens that differ where the reference itself could not decide."""
    by_kind: dict[str, int] = field(default_factory=dict)


class Judge:
    """The reference: no cache, no batch, no padding."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.encoder = Encoder(model.tokenizer)
        self._rules = Rules(self.encoder, model.tokenizer, model.head.weight.shape[0])

    def differing(self, transcript: Transcript, ids: Sequence[int]) -> tuple[int, int]:
        """How many of the ids are not the likeliest where they stand: by more than a tie, and within one."""
        prompt = self.encoder.prompt(transcript)
        with torch.inference_mode():
            inputs = torch.tensor([[*prompt, *ids[:-1]]], device=self._model.device)
            hidden = self._model.decoder(input_ids=inputs, use_cache=False).last_hidden_state[0, len(prompt) - 1 :]
            logits = self._model.head(hidden).float().cpu()
        wrong = ties = 0
        blank = True
        for token, scores in zip(ids, logits, strict=True):
            best, second = self._rules.allowed(scores, blank).topk(2)
            if token != int(second[0]):
                close = float(best[0] - best[1]) < TIE and token == int(second[1])
                ties, wrong = ties + close, wrong + (not close)
            blank = self._rules.is_blank(token, blank)
        return wrong, ties


def run(model: LanguageModel, edits: int, low: int, high: int, *, chats: int, new: int, seed: int) -> Tally:
    """Make `edits` random edits in `chats` chats of `low` to `high` tokens, some chats at a time, and answer each
    greedily with `new` tokens from what was kept of it."""
    chance = random.Random(seed)
    judge = Judge(model)
    generator = Generator(model)
    talks = [Chat(dialog, random.Random(seed * 1000 + dialog)) for dialog in range(1, chats + 1)]
    for talk in talks:
        talk.fill(judge.encoder, chance.randint(low, (low + high) // 2))
        generator.reply(talk.transcript(), 1, 1, dialog=talk.dialog, max_tokens=1, temperature=0)
    tally = Tally()
    while tally.edits < edits:
        some = chance.sample(talks, min(edits - tally.edits, chance.randint(1, chats)))
        for talk in some:
            _change(talk, chance, judge.encoder, low, high, tally)
        asks = [Request(talk.transcript(), 1, 1, talk.dialog) for talk in some]
        for ask, found in zip(asks, generator.replies(asks, max_tokens=new, temperature=0), strict=True):
            wrong, ties = judge.differing(ask.transcript, found[0].ids) if found else (1, 0)
            tally.edits += 1
            tally.token_identical += not wrong
            tally.ties += ties
    return tally


def _change(talk: Chat, chance: random.Random, encoder: Encoder, low: int, high: int, tally: Tally) -> None:
    tokens = len(encoder.prompt(talk.transcript()))
    kinds = ["append"] if tokens < low + 40 else ["slide", "delete"] if tokens > high - 40 else None
    kind = chance.choice(kinds or ["append", "edit", "delete", "slide"])
    getattr(talk, kind)()
    tally.by_kind[kind] = tally.by_kind.get(kind, 0) + 1
    talk.fill(encoder, low)
