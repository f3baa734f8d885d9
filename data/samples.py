"""The dataset as training reads it: samples, one a line, and the card that says what they were made from.

A *sample* is one window of one chat as the model will see it. Files in the dataset folder: `train.jsonl`,
`validation.jsonl`, `test.jsonl`, `unseen.jsonl` (chats that are held out as a whole), `controls.jsonl` (the newest
windows seen from the contacts' side, to tell "learned this person" from "learned to chat"), `rhythm.json` and
`card.json`. `data.dataset` writes them.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from data.errors import UserError
from data.pauses import FIXED, Pauses
from data.transcript import Transcript, Turn

OWN_SPLITS = ("train", "validation", "test", "unseen")
"""The owner's samples."""
SPLITS = (*OWN_SPLITS, "controls")
UNFINISHED = "unfinished"
"""The folder inside the dataset's in which a new one grows."""
Row = dict[str, Any]
"""A sample as its line of JSON holds it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A transcript and where its loss begins: own turns marked `target`, from turn index `fresh` on."""

    dialog_id: int
    transcript: Transcript
    fresh: int = 0

    def last_exchange(self) -> tuple[Transcript, Turn] | None:
        """The last own turn that answers somebody, and all that stood before it; None when there is none."""
        turns = self.transcript.turns
        for index in range(len(turns) - 1, 0, -1):
            if turns[index].target and not turns[index - 1].mine:
                return Transcript(turns[:index]), turns[index]
        return None

    def to_json(self) -> str:
        """One line of the dataset."""
        return line_of(self.dialog_id, self.fresh, ",".join(map(turn_to_json, self.transcript.turns)))

    def row(self) -> Row:
        """The same as JSON holds it."""
        return dict(orjson.loads(self.to_json()))

    @classmethod
    def from_json(cls, line: str | bytes) -> "Sample":
        """The inverse of `to_json`."""
        return cls.of(orjson.loads(line))

    @classmethod
    def of(cls, row: Row) -> "Sample":
        """The sample that a line holds."""
        return cls(row["dialog"], Transcript(tuple(map(turn_of, row["turns"]))), row["fresh"])


def turn_to_json(turn: Turn) -> str:
    """One turn as it stands in a sample's line."""
    texts, gap = orjson.dumps(turn.texts).decode()[1:-1], turn.gap.total_seconds()
    return turn_line(
        turn.mine, texts, turn.at.isoformat(), gap, more(turn.target, turn.speaker, turn.quotes, turn.weight)
    )


def turn_line(mine: bool, texts: str, at: str, gap: float, more: str) -> str:
    """The same from its parts, the texts as JSON."""
    mark = f',"gap":{gap}' if gap else ""
    return f'{{"mine":{"true" if mine else "false"},"texts":[{texts}],"at":"{at}"{mark}{more}}}'


def more(target: bool, speaker: str | None, quotes: tuple[str, ...], weight: float) -> str:
    """What else there is to say of a turn; what is usual is left out."""
    line = ',"target":true' if target else ""
    if speaker:
        line += f',"speaker":{orjson.dumps(speaker).decode()}'
    if quotes:
        line += f',"quotes":{orjson.dumps(quotes).decode()}'
    if weight != 1.0:
        line += f',"weight":{weight}'
    return line


def quoted(texts: list[str]) -> list[str]:
    """These texts as JSON writes each between two quotation marks. All at once: a quotation mark inside a text has a
    backslash before it, so what stands between two texts stands nowhere else."""
    return orjson.dumps(texts).decode()[2:-2].split('","')


def turn_of(values: Row) -> Turn:
    """The turn that a sample's line holds so: the inverse of `turn_to_json`."""
    gap = values.get("gap")
    return Turn(
        values["mine"],
        tuple(values["texts"]),
        datetime.fromisoformat(values["at"]),
        timedelta(seconds=gap) if gap else _NO_TIME,
        values.get("target", False),
        values.get("speaker"),
        tuple(values.get("quotes", ())),
        values.get("weight", 1.0),
    )


_NO_TIME = timedelta(0)


def line_of(dialog_id: int, fresh: int, turns: str) -> str:
    """A sample's line from the lines of its turns, with commas between."""
    return f'{{"dialog":{dialog_id},"fresh":{fresh},"turns":[{turns}]}}'


@dataclass(frozen=True, slots=True)
class Shape:
    """How transcripts are cut and dated; the live client must use the same values, so they stand in the card."""

    window: int = 2400
    """Characters of one window, about a quarter as many tokens."""
    zone: tzinfo = UTC
    zone_name: str = "UTC"
    pauses: Pauses = FIXED
    """Fitted by `build`; the live client takes those of its adapter."""


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """What the dataset is made of, in counts. `hash` is over the files of all splits."""

    hash: str
    built_at: str
    """When its chats were read, in ISO format."""
    scopes: dict[str, str]
    window: int
    zone: str
    messages: int
    kept: int
    dropped: dict[str, int]
    turns: int
    """Own turns that are learned, in all parts."""
    characters: int
    split: dict[str, int]
    """Samples of each part."""
    not_learned: dict[str, int] = field(default_factory=dict)
    """Own messages that are in samples as context only, by reason."""
    pause: float = FIXED.pause.total_seconds()
    """Seconds; see `Pauses`."""
    silence: float = FIXED.silence.total_seconds()

    @property
    def chats(self) -> tuple[int, ...]:
        """Dialog ids of the consented chats that are inside."""
        return tuple(sorted(int(dialog_id) for dialog_id in self.scopes))

    @property
    def pauses(self) -> Pauses:
        """The thresholds that its turns were cut with."""
        return Pauses(timedelta(seconds=self.pause), timedelta(seconds=self.silence))

    @property
    def samples(self) -> int:
        """All samples of the owner."""
        return sum(self.split.get(name, 0) for name in OWN_SPLITS)


def read_card(folder: Path) -> DatasetCard:
    """The card of a built dataset. Raises UserError when there is none."""
    try:
        return DatasetCard(**json.loads((folder / "card.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError("There is no dataset yet.", "Run: doppelgram build") from error


def read(folder: Path, split: str) -> list[Sample]:
    """All samples of one split, oldest first. Raises UserError where they cannot be read."""
    return list(each(folder, split))


def each(folder: Path, split: str) -> Iterator[Sample]:
    """The same one by one, for those who need not hold all of them."""
    with readable(split):
        yield from map(Sample.of, rows(folder, split))


def rows(folder: Path, split: str) -> Iterator[Row]:
    """The same as JSON, for those who need no values."""
    with readable(split), file_of(folder, split).open("rb") as lines:
        yield from map(orjson.loads, lines)


def file_of(folder: Path, split: str) -> Path:
    """Where the samples of one split lie."""
    return folder / f"{split}.jsonl"


@contextmanager
def readable(split: str) -> Iterator[None]:
    """Raises UserError where what is done inside cannot make anything of this part."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"The dataset's {split} part cannot be read.", "Run: doppelgram build") from error


def write_private(path: Path, text: str) -> None:
    """Write a whole file or nothing, readable by its owner alone from the first byte."""
    fresh = path.with_name(path.name + ".new")
    with open_private(fresh) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def open_private(path: Path) -> BinaryIO:
    """A new file to write bytes to, readable by its owner alone from the first one."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
