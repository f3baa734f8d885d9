"""Topics of a forum: each begins with a service message, whose id is the topic's id. core.telegram.org/api/forum."""

from dataclasses import dataclass

from sandbox.box import Post

GENERAL = 1
"""The id of the topic that every forum has: it has no service message of its own, and its messages carry no mark."""
COLOR = 0x6FB9F0


@dataclass(slots=True, eq=False)
class Topic:
    """One topic. `start` is its TopicCreate message."""

    start: Post
    title: str
    color: int = COLOR
    closed: bool = False
    pinned: bool = False

    @property
    def id(self) -> int:
        """The id of its first message."""
        return self.start.ids[self.start.peer]


def within(post: Post, start: Post, *, general: bool) -> bool:
    """Whether a message was said in the topic that begins with `start`, or in answer to it. In a forum (`general`) the
    very first message stands for General, where whatever is in no other topic stands."""
    if post is start:
        return False
    if general and start.ids.get(start.peer) == GENERAL:
        return post.topic is None
    return start in (post.topic, post.reply_to)
