"""What is held out to measure with: the newest conversations, and a few chats as a whole. Pure.

Whole conversations go to one part, by the time they began, never at random. Between two parts lies a day that is in
neither, so that one evening's talk is not on both sides. Chats that training never saw tell how the twin speaks with
somebody new.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TEST_SHARE, VALIDATION_SHARE = 0.10, 0.05
EMBARGO = 86_400.0
"""Seconds before a part begins that belong to nobody."""
SHORTEST_WITH_EMBARGO = 30 * EMBARGO
"""A history shorter than this cannot spare the days."""
UNSEEN_CHATS, ENOUGH_CHATS = 2, 8
LARGEST_UNSEEN = 0.10
"""Share of the owner's messages that a chat may hold to be held out as a whole."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Where the parts begin, in seconds since 1970."""

    first: float
    validation_from: float
    test_from: float
    embargo: float = 0.0
    unseen: frozenset[int] = field(default_factory=frozenset)

    def part(self, dialog_id: int, began: float) -> str | None:
        """The part of a conversation by its beginning; None in the embargo.

        The first of all goes to `train` whatever its share is: there is nothing to hold out before there is something
        to learn from.
        """
        if dialog_id in self.unseen:
            return "unseen"
        if began <= self.first:
            return "train"
        if began >= self.test_from:
            return "test"
        if began >= self.validation_from:
            return "validation" if began < self.test_from - self.embargo else None
        return "train" if began < self.validation_from - self.embargo else None


def divide(times: Sequence[float], own: Mapping[int, int]) -> HeldOut:
    """The parts of a history: `times` are those of the owner's messages, in order, at least one; `own` their number
    by dialog."""
    count = len(times)
    return HeldOut(
        first=times[0],
        validation_from=times[int(count * (1 - TEST_SHARE - VALIDATION_SHARE))],
        test_from=times[int(count * (1 - TEST_SHARE))],
        embargo=EMBARGO if times[-1] - times[0] >= SHORTEST_WITH_EMBARGO else 0.0,
        unseen=_unseen(own),
    )


def _unseen(own: Mapping[int, int]) -> frozenset[int]:
    """Two chats of no great weight, always the same ones: by a hash of their ids."""
    if len(own) < ENOUGH_CHATS:
        return frozenset()
    most = LARGEST_UNSEEN * sum(own.values())
    light = [dialog_id for dialog_id, count in own.items() if count <= most]
    return frozenset(sorted(light, key=lambda each: hashlib.sha256(str(each).encode()).digest())[:UNSEEN_CHATS])
