"""Four people of the corpus, their chats cut in two by time: what `bench.evaluate` measures with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from data import transcript
from data.message import Message
from data.redact import Surrogates
from data.samples import Sample
from data.transcript import Scope, Transcript
from sandbox.cast import Conversation, conversations_of
from training.measures.exchange import Exchange, exchanges

PERSONS = ("549cc1d1", "720840be", "a54af4d5", "60576dcf")
TEST_SHARE = 0.3
WINDOW, CONTEXT = 2400, 600
"""Characters of a window, and how many of them it repeats of the one before."""


@dataclass(frozen=True)
class Person:
    """One person of the corpus."""

    id: str

    @cached_property
    def _parts(self) -> tuple[list[list[Sample]], list[list[Sample]]]:
        everything = conversations_of(self.id)
        partners = {name: number for number, name in enumerate(sorted({c.partner for c in everything}), 1)}
        cut = int(len(everything) * (1 - TEST_SHARE))
        first, last = (
            [list(windows(each, partners[each.partner])) for each in some]
            for some in (everything[:cut], everything[cut:])
        )
        return first, last

    @property
    def train(self) -> list[Sample]:
        """Windows of the first 70 % of the conversations, oldest first."""
        return [sample for each in self._parts[0] for sample in each]

    @property
    def test_by_conversation(self) -> list[tuple[int, Sample]]:
        """Windows of the last 30 %, each with the number of its conversation."""
        return [(_number(each), sample) for each in self._parts[1] for sample in each]

    @cached_property
    def held_out(self) -> list[Exchange]:
        """The replies of the test time. Both sides of one conversation of the corpus call it by the same number."""
        return [
            replace(exchange, conversation=_number(each)) for each in self._parts[1] for exchange in exchanges(each)
        ]


def _number(samples: Sequence[Sample]) -> int:
    return int(samples[0].transcript.turns[0].at.timestamp())


def windows(conversation: Conversation, dialog: int) -> Iterator[Sample]:
    """One conversation as samples whose fresh parts follow each other."""
    lines = [Message(dialog, i, line.mine, line.at, line.text) for i, line in enumerate(conversation.messages, 1)]
    turns = transcript.of(lines, Scope.CHAT, Surrogates(bytes(32), dialog)).turns
    fresh = 0
    while fresh < len(turns):
        first = fresh
        while first > 0 and _size(turns[first - 1 : fresh]) <= CONTEXT:
            first -= 1
        end = fresh + 1
        while end < len(turns) and _size(turns[first : end + 1]) <= WINDOW:
            end += 1
        yield Sample(dialog, Transcript(tuple(turns[first:end])), fresh - first)
        fresh = end


def _size(turns: Sequence[transcript.Turn]) -> int:
    return sum(len(text) for turn in turns for text in turn.texts)
