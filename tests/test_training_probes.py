"""The two probes, asked of somebody who repeats all that stands in the context: what can be known is found, and nothing
else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from data.transcript import Transcript, Turn
from tests.fakes import RecordedCandidate
from training.generate import Generator, Request
from training.measures import probes, replies
from training.measures.probes import EVENTS, Share, says


@dataclass
class Parrot:
    """Says everything it has read, and remembers what it was asked to forget."""

    asked: list[Sequence[Request]] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)

    def replies(self, asked: Sequence[Request], **_: Any) -> list[tuple[RecordedCandidate, ...]]:
        self.asked.append(asked)
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
    asker = Parrot()
    assert probes.facts(cast("Generator", asker), 24_000, most=2)[200] == Share(2, 2)
    (asked,) = asker.asked  # all at once
    first, second, third = (asked[place : place + 2] for place in (0, 2, 4))
    assert [each.seed for each in first] == [each.seed for each in second] == [each.seed for each in third]
    assert len({each.dialog for each in asked}) == len(asker.forgotten) == 6


def test_so_many_are_answered_side_by_side_as_the_memory_holds() -> None:
    at = datetime(2026, 3, 3, tzinfo=UTC)
    for length, n, most in ((10, 1, 50), (10, 3, 16), (3_000, 1, 9), (300_000, 2, 1)):
        asker, chat = Parrot(), Transcript((Turn(False, ("x" * length,), at),))
        requests = [Request(chat, n, place, dialog=place) for place in range(60)]
        made = replies.answers(cast("Generator", asker), requests, max_tokens=48)
        assert [part.texts for (part,) in made] == [("x" * length,)] * 60
        assert max(map(len, asker.asked)) == most
        assert asker.forgotten == list(range(60))
    pairs = [Request(chat, 1, 1, dialog=place // 2) for place in range(60)]
    replies.answers(cast("Generator", asker), pairs, of_each=2, max_tokens=48)
    assert all(len(part) == 2 for part in asker.asked[-30:]), "those of one dialog stay together"


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
