"""The two probes, asked of somebody who repeats all that stands in the context: what can be known is found, and nothing
else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.fakes import RecordedCandidate
from training.generate import Generator, Request
from training.measures import probes
from training.measures.probes import EVENTS, Share, says


@dataclass
class Parrot:
    """Says everything it has read, and remembers what it was asked to forget."""

    forgotten: list[int] = field(default_factory=list)

    def replies(self, asked: Sequence[Request], **_: Any) -> list[tuple[RecordedCandidate, ...]]:
        said = [tuple(text for turn in each.transcript.turns for text in turn.texts) for each in asked]
        return [(RecordedCandidate(texts),) for texts in said]

    def forget(self, dialog: int) -> None:
        self.forgotten.append(dialog)


def parrot() -> Generator:
    return cast("Generator", Parrot())


def test_of_twenty_events_those_of_this_chat_are_found_and_those_of_another_chat_cannot_be() -> None:
    found = probes.events(parrot(), 2400)
    assert len(EVENTS) == 20
    assert found == {"recall": Share(8, 8), "stale": Share(6, 6), "leak": Share(0, 6)}


def test_a_fact_is_found_as_far_back_as_a_live_reply_reads() -> None:
    assert probes.facts(parrot(), 2400) == {20: Share(5, 5), 50: Share(5, 5), 200: Share(0, 5)}
    assert probes.facts(parrot(), 24_000)[200] == Share(5, 5)


@pytest.mark.parametrize(
    ("reply", "word", "there"),
    [
        ("i quit", "quit", True),
        ("we divorced", "divorce", True),
        ("two exams", "exam", True),
        ("quite busy", "quit", False),
        ("for example", "exam", False),
        ("she is fluent", "flu", False),
        ("nineteen", "nine", False),
        ("in 1947", "47", False),
    ],
)
def test_a_word_is_said_only_where_it_stands_whole(reply: str, word: str, there: bool) -> None:
    assert says(reply, word) is there
