"""From a stream of messages to what was said in one breath: join bursts into turns, cut turns into windows. Pure.

A *conversation* is what lies between two silences, a *turn* is one side's burst in it. The same functions serve the
dataset and the live client, so a live context is made of the same turns as a training window. Both reach back over
silences, which leave a gap mark.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress, count, pairwise
from typing import NamedTuple

from data import target
from data.message import Message
from data.pauses import FIXED, Pauses

Burst = tuple[Message, ...]


class Window(NamedTuple):
    """A stretch of neighbouring turns, from `begin` up to `end`. Those before `fresh` are context, which an earlier
    window may have shown."""

    begin: int
    fresh: int
    end: int


def shown(messages: Iterable[Message]) -> Iterator[Message]:
    """The messages that a transcript shows: something was said, not something happened."""
    return (message for message in messages if message.said)


def turns(messages: Iterable[Message], pauses: Pauses = FIXED) -> Iterator[Burst]:
    """Join neighbouring messages of one speaker into bursts. A pause ends one, and so does a change between what the
    owner wrote and what only came from the owner's account: the twin's words, a forward, a command."""
    burst: list[Message] = []
    before: tuple[object, ...] = ()
    for message in messages:
        who = (True, target.against(message)) if message.mine else (False, message.sender_id)
        if burst and (who != before or message.sent_at - burst[-1].sent_at >= pauses.pause):
            yield tuple(burst)
            burst = []
        burst.append(message)
        before = who
    if burst:
        yield tuple(burst)


def tail(messages: Iterable[Message], limit: int, pauses: Pauses = FIXED) -> Burst:
    """The end of a chat that a reply is written from: whole turns, about `limit` characters, the newest always.

    A chat that fits is shown whole. Else the view begins with about a third of `limit` from before the conversation
    (or from before its last stretch, where it is too long), so that it grows at its end while people talk, and the
    model need not read all of it again for each reply.
    """
    bursts = list(turns(shown(messages), pauses))
    sizes = [length(burst) for burst in bursts]
    begin = 0
    if sum(sizes) > limit:
        begin = _back(sizes, _conversation(bursts, pauses), limit // 3)
        for end in range(begin + 1, len(bursts)):
            if sum(sizes[begin : end + 1]) > limit:
                begin = _back(sizes, end, limit // 3)
    return tuple(message for burst in bursts[begin:] for message in burst)


def _conversation(bursts: Sequence[Burst], pauses: Pauses) -> int:
    """Where the last conversation begins."""
    for index in range(len(bursts) - 1, 0, -1):
        if bursts[index][0].sent_at - bursts[index - 1][-1].sent_at >= pauses.silence:
            return index
    return 0


def _back(sizes: Sequence[int], end: int, room: int) -> int:
    """The earliest index from which everything before `end` takes at most `room`."""
    while end > 0 and sizes[end - 1] <= room:
        end -= 1
        room -= sizes[end]
    return end


def windows(sizes: Sequence[int], targets: Sequence[bool], parts: Sequence[str], limit: int) -> Iterator[Window]:
    """Cut the turns of a chat into training windows of about `limit` characters.

    `sizes` are characters, as `length` counts them; `parts` name the split that a turn may be learned in, and what is
    fresh in a window is of one. Each target is fresh in exactly one window, and nothing stands after a window's last
    target. A window begins with about a third of `limit` of what stood before it, at least one turn; the first of a
    chat with all that fits, as the live view of a young chat does. Turns far from any target are in no window.
    """
    before = [0, *accumulate(sizes)]
    places = list(compress(count(), targets))
    changes = [place for place, (one, next_) in enumerate(pairwise(parts), 1) if one != next_] + [len(sizes)]
    done = 0
    while done < len(places):
        fresh = places[done]
        room = limit // 3 if done else limit - sizes[fresh]
        reach = bisect_left(before, before[fresh] - room, 0, fresh)
        begin = max(0, min(reach, fresh - 1))
        full = bisect_right(before, before[begin] + limit, fresh + 1) - 1
        end = min(max(full, fresh + 1), changes[bisect_right(changes, fresh)])
        done = bisect_left(places, end, done)
        yield Window(begin, fresh, places[done - 1] + 1)


def length(burst: Sequence[Message]) -> int:
    """Characters of a burst as shown, one more for each message boundary."""
    return sum(len(message.said) + 1 for message in burst)
