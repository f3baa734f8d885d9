"""archive -> dataset: two passes. The first counts, the second writes the turns of one chat after the other and cuts
them into windows; then these are put in order of time, and what must not be learned twice, or is what the twin is
tested with, is taken out.

Nothing here grows with the messages but a few numbers a turn of one topic, and one row per window.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime
from itertools import compress
from pathlib import Path

from data import crew, duplicates, held_out, pauses, prints, weights
from data.archive import Archive
from data.census import Census
from data.consent import Consent, Ledger
from data.controls import Controls
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind
from data.rhythm import RHYTHM
from data.samples import (
    OWN_SPLITS,
    SPLITS,
    UNFINISHED,
    DatasetCard,
    Sample,
    Shape,
    line_of,
    open_private,
    write_private,
)
from data.share import Plan, Written, turns_in
from data.tally import Tally
from data.transcript import Scope, Transcript
from data.uncollected import uncollected
from data.windows import Row

DUPLICATE = "said before"
IN_TEST = "said in the held-out part"


@uncollected()
def build(
    archive: Archive,
    key: bytes,
    folder: Path,
    shape: Shape,
    now: datetime,
    progress: Callable[[float], None] = lambda _: None,
    processes: int | None = None,
) -> DatasetCard:
    """Write the dataset of all chats with an active consent. Raises UserError (exit 7) when there is none, or when one
    ends meanwhile.

    `progress` is told the share, 0..1, of the messages that are done. It is made in so many `processes`, or in as many
    as are worth it; the dataset is the same.
    """
    consents = trainable(archive)
    progress(0.0)
    with _workspace(folder) as work:
        with crew.at_work(archive, consents, work, processes) as workers:
            plan = _plan(workers.count(), key, shape)
            written = workers.write(plan, progress)
        _count_untrained(archive, written.tally)
        split = _sort(written, work)
        controls = Controls(archive, key, plan.shape)
        for dialog_id, consent in consents.items():
            if consent.scope is Scope.CHAT and dialog_id > 0:
                controls.add(written.newest[dialog_id])
        with open_private(work / "controls.jsonl") as file:
            for sample in controls.samples():
                file.write(sample.to_json().encode() + b"\n")
                split["controls"] += 1
        write_private(work / RHYTHM, json.dumps(written.rhythm.as_json(), indent=1) + "\n")
        card = _card(work, consents, plan.shape, now, written.tally, split)
        # A consent that ends from now on waits for the dataset to be there, and then removes it.
        with archive.transaction():
            if trainable(archive) != consents:
                raise UserError(
                    "A consent changed while the dataset was made.", "Run: doppelgram build", ExitCode.CONSENT
                )
            _publish(work, folder, card)
    return card


def trainable(archive: Archive) -> dict[int, Consent]:
    """The consents that count, by dialog. Raises UserError (exit 7) when there is none."""
    people = {dialog.id for dialog in archive.dialogs() if _talked_in(dialog)}
    active = {dialog_id: consent for dialog_id, consent in Ledger(archive).active().items() if dialog_id in people}
    if not active:
        raise UserError(
            "No chat has a consent on record, so nothing may be used for training.",
            "Ask the person, then run: doppelgram consent grant CHAT --scope chat",
            ExitCode.CONSENT,
        )
    return active


def _talked_in(dialog: Dialog) -> bool:
    return dialog.may_be_kept and dialog.kind is not Kind.SELF


def _count_untrained(archive: Archive, tally: Tally) -> None:
    """What is archived with a consent, but is no talk with people: notes to oneself, for one."""
    active = Ledger(archive).active()
    for dialog in archive.dialogs():
        if dialog.id in active and not _talked_in(dialog):
            tally.messages += (n := archive.count(dialog.id))
            tally.dropped["in Saved Messages" if dialog.kind is Kind.SELF else f"in a {dialog.kind} chat"] += n


def _plan(counted: Census, key: bytes, shape: Shape) -> Plan:
    """What all chats are cut by. Raises UserError where the owner wrote nothing."""
    if not counted.times:
        raise UserError(
            "There is nothing to learn from: no consented chat holds a message of yours.", "Run: doppelgram pull"
        )
    times = sorted(counted.times)
    return Plan(
        key=key,
        shape=replace(shape, pauses=pauses.fit(counted.bursts, counted.gaps)),
        held_out=held_out.divide(times, counted.own),
        common=weights.frequency(counted.replies, len(times)),
        newest=times[-1],
    )


def _sort(written: Written, work: Path) -> Counter[str]:
    """The lines of the owner's parts in order of time. In training, what is said in a held-out part is context only,
    and so is the third and every later copy of one text. Returns the number of samples of each part."""
    rows = written.rows
    rows.sort(key=lambda row: (row.began, row.dialog_id, row.first))
    split: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    files = {number: turns_in(work, number) for number in {row.share for row in rows}}
    with ExitStack() as open_files:
        turns = {number: open_files.enter_context(path.open("rb")) for number, path in files.items()}
        for name in OWN_SPLITS:
            part = [row for row in rows if row.split == name]
            with open_private(work / f"{name}.jsonl") as file:
                for row, out in _not_again(part, written) if name == "train" else ((row, {}) for row in part):
                    turns[row.share].seek(row.offset)
                    said = turns[row.share].read(row.size).decode()
                    line = line_of(row.dialog_id, row.context, said).encode() + b"\n"
                    if out:
                        line = _without(line, out, row, written.tally)
                    file.write(line)
                    split[name] += bool(line)
    for path in work.glob("turns-*"):
        path.unlink()
    return split


def _not_again(train: list[Row], written: Written) -> Iterator[tuple[Row, dict[int, str]]]:
    """Each window of training with its turns that may not be learned, and the reason."""
    tested = {text for row in written.rows if row.split in ("test", "unseen") for _, text in row.long}
    out: list[dict[int, str]] = [{turn: IN_TEST for turn, text in row.long if text in tested} for row in train]
    told = [(each, turn, text) for each, row in zip(out, train, strict=True) for turn, text in row.long
            if text not in tested]  # fmt: skip
    copies = duplicates.again([text for *_, text in told], prints.joined(written.prints))
    for each, turn, _ in compress(told, copies):
        each.setdefault(turn, DUPLICATE)
    yield from zip(train, out, strict=True)


def _without(line: bytes, out: dict[int, str], row: Row, tally: Tally) -> bytes:
    """A sample's line with these turns as context only; nothing where nothing is left to learn."""
    sample = Sample.from_json(line)
    turns = list(sample.transcript.turns)
    for index, reason in out.items():
        tally.turns -= 1
        tally.characters -= sum(map(len, turns[index].texts))
        tally.not_learned[reason] += len(turns[index].texts)
        turns[index] = replace(turns[index], target=False)
    if any(turn.target for turn in turns[sample.fresh :]):
        return replace(sample, transcript=Transcript(tuple(turns))).to_json().encode() + b"\n"
    for index, reason in out.items():
        tally.not_learned[reason] -= len(turns[index].texts)
    tally.kept -= row.fresh
    tally.dropped["nothing left to learn beside it"] += row.fresh
    return b""


def _card(
    work: Path, consents: dict[int, Consent], shape: Shape, now: datetime, tally: Tally, split: Counter[str]
) -> DatasetCard:
    digest = hashlib.sha256()
    for name in SPLITS:
        with (work / f"{name}.jsonl").open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return DatasetCard(
        hash=digest.hexdigest()[:16],
        built_at=now.isoformat(),  # to be compared with when a consent ended
        scopes={str(dialog_id): consent.scope.value for dialog_id, consent in consents.items()},
        window=shape.window,
        zone=shape.zone_name,
        messages=tally.messages,
        kept=tally.kept,
        dropped={reason: count for reason, count in sorted(tally.dropped.items()) if count},
        not_learned={reason: count for reason, count in sorted(tally.not_learned.items()) if count},
        turns=tally.turns,
        characters=tally.characters,
        split=dict(split),
        pause=shape.pauses.pause.total_seconds(),
        silence=shape.pauses.silence.total_seconds(),
    )


@contextmanager
def _workspace(folder: Path) -> Iterator[Path]:
    """A private folder for what is not finished, inside the dataset's so that whatever removes that removes it too."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = folder / UNFINISHED
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with suppress(OSError):  # it holds the dataset from before
            folder.rmdir()


def _publish(work: Path, folder: Path, card: DatasetCard) -> None:
    # Without its card a half-written dataset is none: nobody takes it for the old one, or for what the old one held.
    (folder / "card.json").unlink(missing_ok=True)
    for path in sorted(work.iterdir()):
        path.replace(folder / path.name)
    write_private(folder / "card.json", json.dumps(asdict(card), indent=2) + "\n")
