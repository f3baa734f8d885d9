"""The chats that one process reads for a dataset: those that it comes to first. Each is read by itself, and needs
nothing of the others but what is counted over all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data import census, prints, weights
from data.archive import Archive
from data.census import Census
from data.clock import Clock
from data.consent import Consent
from data.controls import Newest
from data.duplicates import SHORTEST
from data.held_out import HeldOut
from data.prints import Prints
from data.rhythm import Rhythm
from data.samples import Shape, open_private
from data.tally import Tally
from data.windows import Cutter, Row


@dataclass(frozen=True, slots=True)
class Plan:
    """What is counted over all chats before one of them is cut."""

    key: bytes
    shape: Shape
    held_out: HeldOut
    common: Mapping[str, float]
    newest: float


@dataclass(frozen=True, slots=True)
class Written:
    """What a share has come to. The turns themselves lie in its file."""

    rows: list[Row] = field(default_factory=list)
    newest: dict[int, Newest] = field(default_factory=dict)
    """By dialog."""
    prints: list[Prints] = field(default_factory=list)
    """Those of all texts in `Row.long`, share by share."""
    tally: Tally = field(default_factory=Tally)
    rhythm: Rhythm = field(default_factory=Rhythm)

    def add(self, other: "Written") -> None:
        """What another share has come to."""
        self.rows.extend(other.rows)
        self.newest.update(other.newest)
        self.prints.extend(other.prints)
        self.tally.add(other.tally)
        self.rhythm.add(other.rhythm)


@dataclass(frozen=True, slots=True)
class Share:
    """Some of the chats. Their turns are written to the file of its number in the folder."""

    archive: Archive
    consents: dict[int, Consent]
    """Of all chats, in the order in which they are taken."""
    messages: int
    """About how many it comes to."""
    folder: Path
    number: int

    def count(self) -> Census:
        """What must be known of all chats before one is cut."""
        return census.take(self.archive, self._taken("count"), weights.normals, SHORTEST)

    def write(self, plan: Plan, progress: Callable[[float], None]) -> Written:
        """Write the turns; `progress` is told the share, 0..1, of the messages that are done."""
        written = Written()
        cutter = Cutter(
            archive=self.archive,
            key=plan.key,
            shape=plan.shape,
            held_out=plan.held_out,
            common=plan.common,
            newest=plan.newest,
            rhythm=written.rhythm,
            tally=written.tally,
            clock=Clock(plan.shape.zone),
            share=self.number,
        )
        with open_private(turns_in(self.folder, self.number)) as file:
            for dialog_id in self._taken("write"):
                consent = self.consents[dialog_id]
                newest = written.newest[dialog_id] = Newest(consent)
                written.rows.extend(
                    cutter.write(
                        consent,
                        file,
                        newest,
                        lambda: progress(min(1.0, written.tally.messages / max(1, self.messages))),
                    )
                )
        written.prints.append(prints.take([text for row in written.rows for _, text in row.long]))
        return written

    def _taken(self, work: str) -> Iterator[int]:
        """The chats that no other process has for this work: each is with who makes its mark first, so that all are
        busy to the end."""
        for dialog_id in self.consents:
            try:
                (marks_in(self.folder) / f"{work}{dialog_id}").touch(mode=0o600, exist_ok=False)
            except FileExistsError:
                continue
            yield dialog_id


def marks_in(folder: Path) -> Path:
    """The folder of the marks, which must be there."""
    return folder / "taken"


def turns_in(folder: Path, number: int) -> Path:
    """The file of a share."""
    return folder / f"turns-{number}"
