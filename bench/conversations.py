"""What the trainers are compared on: conversations of token ids with lognormal lengths, and `build`'s dataset."""

import math
import random
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any

from training.encode import CONTEXT_TOKENS, Encoded, Encoder, Kind

MEAN, SIGMA, SHORTEST, LONGEST = 120, 1.0, 8, 1024
"""Tokens of a conversation: the mean of the lognormal, its sigma, the least and the most (TRL's own limit)."""
OWN_SHARE = 0.4
NOW = datetime(2026, 3, 3, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Token ids of a whole conversation, and the kind of each: the owner's carry loss."""

    ids: tuple[int, ...]
    kinds: tuple[int, ...]

    @property
    def labels(self) -> list[int]:
        """Labels as `transformers` and TRL want them."""
        return [i if kind else -100 for i, kind in zip(self.ids, self.kinds, strict=True)]

    @property
    def window(self) -> Encoded | None:
        """What our trainer makes of it: cut after the last token with loss; nothing without one."""
        end = max((place + 1 for place, kind in enumerate(self.kinds) if kind), default=0)
        if end < 2:
            return None
        return Encoded(self.ids[:end], self.kinds[:end], (0,) * end, 0)


def lognormal(count: int, vocabulary: int, seed: int = 1) -> list[Conversation]:
    """Conversations of two people who take turns of a few tokens; two fifths of the tokens are the owner's."""
    chance = random.Random(seed)
    # The distribution's own quantiles: a draw of a few hundred would miss its mean by a tenth.
    normal = NormalDist(math.log(MEAN) - SIGMA**2 / 2, SIGMA)
    lengths = [round(math.exp(normal.inv_cdf((place + 0.5) / count))) for place in range(count)]
    chance.shuffle(lengths)
    found: list[Conversation] = []
    for length in (min(max(each, SHORTEST), LONGEST) for each in lengths):
        mine, kinds = chance.random() < 0.5, list[int]()
        while len(kinds) < length:
            mean = 30 * (OWN_SHARE if mine else 1 - OWN_SHARE)
            kinds += [int(Kind.TEXT if mine else Kind.CONTEXT)] * (1 + int(chance.expovariate(1 / mean)))
            mine = not mine
        kinds[0] = int(Kind.CONTEXT)  # nothing precedes it
        ids = tuple(chance.randrange(10, vocabulary) for _ in range(length))
        found.append(Conversation(ids, tuple(kinds[:length])))
    return found


def corpus(tokenizer: Any, count: int, seed: int = 1) -> list[Conversation]:
    """A random choice of the train windows that `build` makes of the demo's owner. Needs the extra `demo`."""

    with tempfile.TemporaryDirectory() as folder:
        dataset = build(Path(folder), 2400)
        windows = list(Encoder(tokenizer).part(dataset, "train", CONTEXT_TOKENS))
    chosen = random.Random(seed).sample([w for w in windows if len(w.ids) <= LONGEST], count)
    return [Conversation(tuple(window.ids), tuple(window.kinds)) for window in chosen]


def build(folder: Path, window: int, chats: int | None = None) -> Path:
    """The dataset of the demo's owner in windows of so many characters, in a new folder inside of this one; of the
    owner's first `chats` alone, or of all. Needs the extra `demo`."""
    from data import dataset
    from data.archive import Archive
    from data.samples import Shape

    place = Path(tempfile.mkdtemp(dir=folder))
    archive = Archive(place / "archive.db")
    _fill(archive, chats)
    dataset.build(archive, bytes(32), place / "dataset", Shape(window), NOW)
    archive.close()
    return place / "dataset"


def _fill(archive: Any, chats: int | None) -> None:
    from data.consent import Ledger
    from data.message import Dialog, Message
    from data.message import Kind as DialogKind
    from data.transcript import Scope
    from sandbox.cast import OWNER_UUID, conversations_of

    dialogs: dict[str, list[Any]] = {}
    for conversation in conversations_of(OWNER_UUID):
        dialogs.setdefault(conversation.partner, []).extend(conversation.messages)
    dialogs = dict(list(dialogs.items())[:chats])
    archive.save_dialogs([Dialog(n, DialogKind.PRIVATE, f"chat {n}") for n in range(1, len(dialogs) + 1)])
    for number, lines in enumerate(dialogs.values(), 1):
        Ledger(archive).grant(number, Scope.CHAT, "bench", "bench", NOW)
        archive.save([Message(number, i, line.mine, line.at, line.text) for i, line in enumerate(lines, 1)])
