"""Caution: why a reply that is good enough is nevertheless shown to the owner instead of being sent by itself.

It reads the chat, and what the owner skipped there, so there is no state to keep: once they write or decide on
something, or a new conversation begins, two robots are no longer talking to each other.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.message import Message
from data.pauses import FIXED, Pauses

QUICK = timedelta(seconds=5)
"""An answer that comes within this is hardly a person's."""


@dataclass(frozen=True, slots=True)
class Caution:
    """How far the twin goes by itself."""

    in_a_row: int = 6
    """Automatic replies in one conversation without the owner."""
    quick_answers: int = 3
    """So many answers in a row, each within `QUICK`, are a machine's."""
    owner: timedelta = timedelta(seconds=60)
    """How long the owner's own words keep the twin out of a chat; 0 for not at all."""
    hold_media: bool = True
    """Whether what came with an attachment waits for the owner, who alone can see it."""
    pauses: Pauses = FIXED
    """How long a silence ends a conversation."""

    def against(
        self,
        history: Sequence[Message],
        burst: Sequence[Message],
        automatic: Collection[int],
        age: Callable[[datetime], timedelta],
    ) -> str | None:
        """Why the reply to `burst`, the newest of `history`, is not sent by itself, or None. `automatic` are the ids of
        what the twin sent by itself, `age` tells how long ago a message was dated."""
        own = next((message for message in reversed(history) if message.mine and message.id not in automatic), None)
        if own is not None and self.owner and age(own.sent_at) < self.owner:  # by two clocks it may be less than 0
            return "the owner wrote here a moment ago"
        if self.hold_media and any(message.media for message in burst):
            return "an attachment, which the twin cannot see"
        return None

    def loop(self, history: Sequence[Message], automatic: Collection[int], skipped_upto: int = 0) -> str | None:
        """Why this looks like two machines that talk to each other, or None. Up to the message with id `skipped_upto`
        the owner was there: they sent nothing in answer to it."""
        replies = _replies([each for each in history if each.id > skipped_upto], automatic, self.pauses)
        if len(replies) >= self.in_a_row:
            return "many replies without the owner"
        last = replies[-self.quick_answers :]
        if len(last) == self.quick_answers and all(reply.quickly for reply in last):
            return "answers that come too quickly for a person"
        return None


@dataclass(slots=True)
class _Reply:
    """One automatic turn."""

    ended: datetime
    answered: datetime | None = None

    @property
    def quickly(self) -> bool:
        return self.answered is not None and self.answered - self.ended <= QUICK


def _replies(history: Sequence[Message], automatic: Collection[int], pauses: Pauses) -> list[_Reply]:
    """The automatic replies of the last conversation since the owner last wrote, or approved something, there."""
    replies: list[_Reply] = []
    before: Message | None = None
    for message in history:
        if before and message.sent_at - before.sent_at >= pauses.silence:
            replies.clear()
        if message.mine and message.id not in automatic:
            replies.clear()
        elif not message.mine and replies and not replies[-1].answered:
            replies[-1].answered = message.sent_at
        elif message.mine and before and before.mine and replies:
            replies[-1].ended = message.sent_at
        elif message.mine:
            replies.append(_Reply(message.sent_at))
        before = message
    return replies
