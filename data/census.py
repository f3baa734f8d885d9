"""What must be known of all chats before one of them can be cut: counted in one reading that holds no message."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data import columns
from data.archive import Archive
from data.tables import SENT

Times = NDArray[np.float64]

_AT_ONCE = 20_000
_OWN = (
    "CASE WHEN mine AND NOT (by_twin OR forwarded OR via_bot OR service) AND text <> '' AND coalesce(media, '') = ''"
    " THEN CASE WHEN length(text) < {} THEN text ELSE '' END END"
)
"""Of the owner's words those that are short, "" for others; nothing of all else."""


@dataclass(slots=True)
class Census:
    """Counts over chats."""

    own: Counter[int] = field(default_factory=Counter)
    """The owner's own messages, by dialog."""
    times: "array[float]" = field(default_factory=lambda: array("d"))
    """When the owner wrote, seconds since 1970."""
    bursts: Counter[int] = field(default_factory=Counter)
    """Gaps in seconds between two messages of the owner with nothing in between."""
    gaps: Counter[int] = field(default_factory=Counter)
    """Gaps in seconds between any two neighbouring messages."""
    replies: Counter[str] = field(default_factory=Counter)
    """How often the owner wrote each short message, as `normal` writes it."""

    def add(self, other: "Census") -> None:
        """Those of other chats."""
        self.times.extend(other.times)
        for mine, more in (
            (self.own, other.own),
            (self.bursts, other.bursts),
            (self.gaps, other.gaps),
        ):
            mine.update(more)
        self.replies.update(other.replies)


def take(archive: Archive, dialogs: Iterable[int], normals: Callable[[Sequence[str]], list[str]], short: int) -> Census:
    """Count over these dialogs; `normals` writes texts as `weights.normal` does; `replies` holds messages of fewer than
    `short` characters."""
    census = Census()
    for dialog_id in dialogs:
        _take_one(archive, dialog_id, normals, short, census)
    return census


def _take_one(
    archive: Archive, dialog_id: int, normals: Callable[[Sequence[str]], list[str]], short: int, census: Census
) -> None:
    own, said, gaps, bursts = 0, Counter[str](), Counter[int](), Counter[int]()
    sent, mine, what = np.zeros(0), np.zeros(0, bool), (SENT, "mine", _OWN.format(short))
    for at, by_owner, texts in columns.read(archive, dialog_id, what, _AT_ONCE):
        times = np.array(at) / 1e6
        is_own = [text is not None for text in texts]
        census.times.extend(times[is_own].tolist())
        own += sum(is_own)
        said.update(filter(None, texts))
        sent, mine = np.append(sent[-1:], times), np.append(mine[-1:], np.array(by_owner, bool))
        _count_gaps(sent, mine, gaps, bursts)
    if own:
        census.own[dialog_id] = own
        census.gaps.update(gaps)
        census.bursts.update(bursts)
        for text, count in zip(normals([*said]), said.values(), strict=True):
            census.replies[text] += count


def _count_gaps(sent: Times, mine: NDArray[np.bool_], gaps: Counter[int], bursts: Counter[int]) -> None:
    """Gaps between neighbours, from one second on, in whole seconds."""
    lasted = np.diff(sent)
    for counter, counted in ((gaps, lasted >= 1), (bursts, (lasted >= 1) & mine[1:] & mine[:-1])):
        seconds, counts = np.unique(lasted[counted].astype(np.int64), return_counts=True)
        for each, count in zip(seconds.tolist(), counts.tolist(), strict=True):
            counter[each] += count
