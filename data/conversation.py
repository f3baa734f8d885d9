"""From a stream of messages to what was said in one breath: split by silence, join bursts into turns. Pure.

A *conversation* is what lies between two silences, a *turn* is one side's burst in it. The same functions serve the
dataset and the live client, so a live context is cut exactly as a training window was.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise

from data.message import Message

SILENCE = timedelta(hours=1)
"""A pause this long ends a conversation."""

PAUSE = timedelta(minutes=5)
"""A pause this long ends a turn, even when the same side goes on, and leaves a gap mark in the transcript."""

Burst = tuple[Message, ...]


def conversations(messages: Sequence[Message], silence: timedelta = SILENCE) -> list[Burst]:
    """Split messages in time order wherever nobody wrote for `silence`. The full difference counts, days included."""
    return _split(messages, lambda before, after: after.sent_at - before.sent_at >= silence)


def turns(messages: Sequence[Message], pause: timedelta = PAUSE) -> list[Burst]:
    """Join neighbouring messages of one side into bursts. A change of side, or of authorship by the twin, ends one."""
    return _split(
        messages,
        lambda before, after: (
            (before.mine, before.by_twin, before.forwarded) != (after.mine, after.by_twin, after.forwarded)
            or after.sent_at - before.sent_at >= pause
        ),
    )


def tail(messages: Sequence[Message], limit: int) -> Burst:
    """The end of the last conversation that a reply is written from: whole turns within `limit` characters.

    The newest turn is always kept, however long it is.
    """
    if not messages:
        return ()
    kept: list[Burst] = []
    size = 0
    for burst in reversed(turns(conversations(messages)[-1])):
        size += length(burst)
        if kept and size > limit:
            break
        kept.append(burst)
    return tuple(message for burst in reversed(kept) for message in burst)


def windows(conversation: Sequence[Message], limit: int) -> list[tuple[Burst, int]]:
    """Cut one conversation into training windows of at most about `limit` characters.

    Returns `(messages, fresh)` pairs: messages before index `fresh` were already in the window before and are context
    only, so that each own turn carries loss exactly once. A window after the first begins with about a third of
    `limit` of context. A conversation that fits is one window, equal to what `tail` shows live.
    """
    bursts = turns(conversation)
    cut: list[tuple[Burst, int]] = []
    start = 0
    while start < len(bursts):
        context = start
        while context > 0 and length_of(bursts[context - 1 : start]) <= limit // 3:
            context -= 1
        end = start + 1
        while end < len(bursts) and length_of(bursts[context : end + 1]) <= limit:
            end += 1
        before = sum(len(burst) for burst in bursts[context:start])
        cut.append((tuple(message for burst in bursts[context:end] for message in burst), before))
        start = end
    return cut


def length(burst: Sequence[Message]) -> int:
    """Characters of a burst as shown, one more for each message boundary."""
    return sum(len(message.said) + 1 for message in burst)


def length_of(bursts: Sequence[Burst]) -> int:
    """Characters of several bursts."""
    return sum(map(length, bursts))


def _split(messages: Sequence[Message], ends: Callable[[Message, Message], bool]) -> list[Burst]:
    if not messages:
        return []
    parts = [[messages[0]]]
    for before, after in pairwise(messages):
        if ends(before, after):
            parts.append([])
        parts[-1].append(after)
    return [tuple(part) for part in parts]
