"""The dataset: archive -> samples, split by time, every message accounted for.

A *sample* is one window of one conversation as the model will see it. Files in the dataset folder: `train.jsonl`,
`validation.jsonl`, `test.jsonl`, `controls.jsonl` (the newest windows seen from the contacts' side, to tell "learned
this person" from "learned to chat") and `card.json`. Whole conversations go to one split, by time, never at random.
"""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from data import conversation, transcript
from data.archive import Archive
from data.consent import Consent, Ledger
from data.errors import ExitCode, UserError
from data.message import Kind, Message
from data.redact import Surrogates
from data.transcript import Scope, Transcript, Turn

SPLITS = ("train", "validation", "test", "controls")
TEST_SHARE, VALIDATION_SHARE = 0.10, 0.05
CONTROL_CHATS, CONTROL_WINDOWS = 8, 12
"""How many contacts serve as other persons, and how many of their newest windows are kept."""


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
        turns = [
            {"mine": t.mine, "texts": t.texts, "at": t.at.isoformat(), "gap": t.gap.total_seconds(), "target": t.target}
            for t in self.transcript.turns
        ]
        return json.dumps({"dialog": self.dialog_id, "fresh": self.fresh, "turns": turns}, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "Sample":
        """The inverse of `to_json`."""
        row = json.loads(line)
        turns = tuple(
            Turn(
                mine=t["mine"],
                texts=tuple(t["texts"]),
                at=datetime.fromisoformat(t["at"]),
                gap=timedelta(seconds=t["gap"]),
                target=t["target"],
            )
            for t in row["turns"]
        )
        return cls(row["dialog"], Transcript(turns), row["fresh"])


@dataclass(frozen=True, slots=True)
class Shape:
    """How transcripts are cut and dated; the live client must use the same values, so they stand in the card."""

    window: int = 2400
    """Characters of one window, about a quarter as many tokens."""
    zone: tzinfo = UTC
    zone_name: str = "UTC"


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """What the dataset is made of, in counts. `hash` is over the files of all splits."""

    hash: str
    built_at: str
    scopes: dict[str, str]
    window: int
    zone: str
    messages: int
    kept: int
    dropped: dict[str, int]
    turns: int
    characters: int
    split: dict[str, int]

    @property
    def chats(self) -> tuple[int, ...]:
        """Dialog ids of the consented chats that are inside."""
        return tuple(sorted(int(dialog_id) for dialog_id in self.scopes))

    @property
    def samples(self) -> int:
        """All samples of the owner."""
        return sum(self.split[name] for name in SPLITS[:3])


@dataclass(slots=True)
class _Tally:
    messages: int = 0
    kept: int = 0
    turns: int = 0
    characters: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


def build(
    archive: Archive,
    key: bytes,
    folder: Path,
    shape: Shape,
    now: datetime,
    progress: Callable[[float], None] = lambda _: None,
) -> DatasetCard:
    """Write the dataset of all chats with an active consent. Raises UserError (exit 7) when there is none, or when one
    ends meanwhile.

    `progress` is told the share, 0..1, of the windows that are written.
    """
    consents = _trainable(archive)
    tally = _Tally()
    _count_untrained(archive, tally)
    windows = list(_windows(archive, consents, shape, tally))
    if not windows:
        raise UserError(
            "There is nothing to learn from: no consented chat holds a message of yours.", "Run: doppelgram pull"
        )
    by_split = _split(windows)
    lines: dict[str, list[str]] = {name: [] for name in SPLITS[:3]}
    for done, (split, window) in enumerate((name, each) for name in lines for each in by_split[name]):
        progress(done / len(windows))
        lines[split].append(_sample(window, consents[window.dialog_id], key, shape).to_json() + "\n")
    files = {name: "".join(each) for name, each in lines.items()}
    files["controls"] = "".join(s.to_json() + "\n" for s in _controls(windows, consents, key, shape))
    card = DatasetCard(
        hash=hashlib.sha256("\0".join(files.values()).encode()).hexdigest()[:16],
        built_at=now.isoformat(timespec="seconds"),
        scopes={str(dialog_id): consent.scope.value for dialog_id, consent in consents.items()},
        window=shape.window,
        zone=shape.zone_name,
        messages=tally.messages,
        kept=tally.kept,
        dropped=dict(sorted(tally.dropped.items())),
        turns=tally.turns,
        characters=tally.characters,
        split={name: len(by_split[name]) for name in SPLITS[:3]} | {"controls": files["controls"].count("\n")},
    )
    # A consent that ends from now on waits for the dataset to be there, and then removes it.
    with archive.transaction():
        if _trainable(archive) != consents:
            raise UserError("A consent changed while the dataset was made.", "Run: doppelgram build", ExitCode.CONSENT)
        _write(folder, files, card)
    return card


def _write(folder: Path, files: Mapping[str, str], card: DatasetCard) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Without its card a half-written dataset is none: nobody takes it for the old one, or for what the old one held.
    (folder / "card.json").unlink(missing_ok=True)
    for name, text in files.items():
        write_private(folder / f"{name}.jsonl", text)
    write_private(folder / "card.json", json.dumps(asdict(card), indent=2) + "\n")


def _trainable(archive: Archive) -> dict[int, Consent]:
    people = {dialog.id for dialog in archive.dialogs() if dialog.with_a_person}
    active = {dialog_id: consent for dialog_id, consent in Ledger(archive).active().items() if dialog_id in people}
    if not active:
        raise UserError(
            "No chat has a consent on record, so nothing may be used for training.",
            "Ask the person, then run: doppelgram consent grant CHAT --scope chat",
            ExitCode.CONSENT,
        )
    return active


def _count_untrained(archive: Archive, tally: _Tally) -> None:
    """What is archived with a consent, but is no talk with one person: notes to oneself, for one."""
    active = Ledger(archive).active()
    for dialog in archive.dialogs():
        if dialog.id in active and not dialog.with_a_person:
            tally.messages += (n := archive.count(dialog.id))
            tally.dropped["in Saved Messages" if dialog.kind is Kind.SELF else f"in a {dialog.kind} chat"] += n


@dataclass(frozen=True, slots=True)
class _Window:
    dialog_id: int
    messages: tuple[Message, ...]
    fresh: int
    began: datetime
    """When its conversation began: what decides the split."""


def _windows(archive: Archive, consents: Mapping[int, Consent], shape: Shape, tally: _Tally) -> Iterator[_Window]:
    for dialog_id, consent in consents.items():
        messages = consent.allows(archive.messages(dialog_id))  # windows are cut by what is shown
        tally.messages += len(messages)
        said = [message for message in messages if message.said]
        happened = sum(message.service for message in messages)
        tally.dropped["not said but happened"] += happened
        tally.dropped["empty"] += len(messages) - len(said) - happened
        for talk in conversation.conversations(said):
            for window, fresh in conversation.windows(talk, shape.window):
                used = _until_last_target(window, fresh)
                new = len(window) - fresh
                if used <= fresh:
                    tally.dropped["no own turn to learn"] += new
                    continue
                tally.kept += used - fresh
                tally.dropped["after the last own turn"] += len(window) - used
                own = [turn for turn in conversation.turns(window[fresh:used]) if _is_target(turn[0])]
                tally.turns += len(own)
                tally.characters += sum(len(m.said) for turn in own for m in turn)
                yield _Window(dialog_id, window[:used], fresh, talk[0].sent_at)
    tally.dropped += Counter()  # forget reasons that never occurred


def _is_target(message: Message) -> bool:
    return message.mine and not message.by_twin and not message.forwarded


def _until_last_target(window: Sequence[Message], fresh: int) -> int:
    """The end of the last own turn: what follows it has nothing to teach."""
    return max((i + 1 for i in range(fresh, len(window)) if _is_target(window[i])), default=0)


def _split(windows: Sequence[_Window]) -> dict[str, list[_Window]]:
    """By the time their conversation began; conversations of one moment stay together. The first goes to `train`
    whatever its share is: there is nothing to hold out before there is something to learn from."""
    times = sorted(window.began for window in windows)
    validation_from = times[int(len(times) * (1 - TEST_SHARE - VALIDATION_SHARE))]
    test_from = times[int(len(times) * (1 - TEST_SHARE))]
    parts: dict[str, list[_Window]] = {name: [] for name in SPLITS[:3]}
    for window in sorted(windows, key=lambda w: (w.began, w.dialog_id, w.messages[0].id)):
        if window.began < validation_from or window.began == times[0]:
            parts["train"].append(window)
        else:
            parts["test" if window.began >= test_from else "validation"].append(window)
    return parts


def _sample(window: _Window, consent: Consent, key: bytes, shape: Shape) -> Sample:
    surrogates = Surrogates(key, window.dialog_id)
    shown = transcript.of(window.messages, consent.scope, surrogates, shape.zone)
    return Sample(window.dialog_id, shown, len(conversation.turns(window.messages[: window.fresh])))


def _controls(windows: Sequence[_Window], consents: dict[int, Consent], key: bytes, shape: Shape) -> Iterator[Sample]:
    """The newest windows of the contacts who wrote most, with the sides swapped, if they agreed to it.

    Not only the test time: few contacts are talked to in any tenth of a history. Earlier windows stood in training as
    context, never with loss on the contact's words, so they can only make the contacts look easier, and the owner's
    gain over them smaller than it is.
    """
    newest: dict[int, list[_Window]] = defaultdict(list)
    for window in sorted(windows, key=lambda w: (w.began, w.messages[0].id), reverse=True):
        if any(map(transcript.is_mark, window.messages)):  # pulled under scope `own`, and not again since
            continue
        if consents[window.dialog_id].scope is Scope.CHAT and len(newest[window.dialog_id]) < CONTROL_WINDOWS:
            newest[window.dialog_id].append(window)
    size = {chat: sum(len(m.text) for w in mine for m in w.messages if not m.mine) for chat, mine in newest.items()}
    for chat in sorted(newest, key=lambda chat: (-size[chat], chat))[:CONTROL_CHATS]:
        for window in newest[chat]:
            swapped = tuple(replace(m, mine=not m.mine) for m in window.messages)
            if end := _until_last_target(swapped, window.fresh):
                yield _sample(replace(window, messages=swapped[:end]), consents[chat], key, shape)


def read_card(folder: Path) -> DatasetCard:
    """The card of a built dataset. Raises UserError when there is none."""
    try:
        return DatasetCard(**json.loads((folder / "card.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError("There is no dataset yet.", "Run: doppelgram build") from error


def read(folder: Path, split: str) -> list[Sample]:
    """All samples of one split, oldest first."""
    try:
        with (folder / f"{split}.jsonl").open(encoding="utf-8") as lines:
            return [Sample.from_json(line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"The dataset's {split} part cannot be read.", "Run: doppelgram build") from error


def write_private(path: Path, text: str) -> None:
    """Write a whole file or nothing, readable by its owner alone from the first byte."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
