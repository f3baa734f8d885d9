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
