"""What the measures count in: one reply of the owner, what it answers, and the conversation that it is in. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from data.pauses import FIXED
from data.samples import Sample
from data.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Exchange:
    """A reply and what stood before it. `reply` and `they` are the texts of one turn each."""

    dialog: int
    conversation: int
    """Number of the conversation, unique over all dialogs."""
    at: datetime
    before: Transcript
    reply: tuple[str, ...]

    @property
    def they(self) -> tuple[str, ...]:
        """What is being answered."""
        return self.before.turns[-1].texts

    @property
    def text(self) -> str:
        """The reply, one message a line."""
        return "\n".join(self.reply)


def exchanges(samples: Iterable[Sample], silence: timedelta = FIXED.silence) -> list[Exchange]:
    """All replies to somebody that these samples teach, by dialog and time, each once: windows share their context.

    Replies of one chat belong to one conversation while they follow each other within `silence`.
    """
    found: dict[tuple[int, datetime], Exchange] = {}
    for sample in samples:
        turns = sample.transcript.turns
        for index in range(max(1, sample.fresh), len(turns)):
            turn = turns[index]
            if turn.target and not turns[index - 1].mine and any(text.strip() for text in turn.texts):
                one = Exchange(sample.dialog_id, 0, turn.at, Transcript(turns[:index]), turn.texts)
                found.setdefault((sample.dialog_id, turn.at), one)
    return _numbered([found[key] for key in sorted(found)], silence)


def _numbered(some: Sequence[Exchange], silence: timedelta) -> list[Exchange]:
    number, last, numbered = 0, None, []
    for each in some:
        if last is None or last.dialog != each.dialog or each.at - last.at >= silence:
            number += 1
        numbered.append(replace(each, conversation=number))
        last = each
    return numbered


def together(
    some: Sequence[Exchange], others: Sequence[Exchange], silence: timedelta = FIXED.silence
) -> tuple[list[Exchange], list[Exchange]]:
    """Two people's replies, numbered anew so that what they said to each other is in one conversation."""
    side = [(each, True) for each in some] + [(each, False) for each in others]
    side.sort(key=lambda pair: (pair[0].dialog, pair[0].at))
    found: tuple[list[Exchange], list[Exchange]] = ([], [])
    for each, (_, first) in zip(_numbered([each for each, _ in side], silence), side, strict=True):
        found[0 if first else 1].append(each)
    return found


def halves(some: Sequence[Exchange]) -> tuple[list[Exchange], list[Exchange]]:
    """The earlier and the later half by time, no conversation in both: how much a person differs from themselves."""
    by_conversation: dict[int, list[Exchange]] = defaultdict(list)
    for each in sorted(some, key=lambda one: one.at):
        by_conversation[each.conversation].append(each)
    early: list[Exchange] = []
    late: list[Exchange] = []
    for group in by_conversation.values():
        (early if len(early) + len(group) / 2 <= len(some) / 2 else late).extend(group)
    return early, late
