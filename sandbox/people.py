"""Who lives in the town: accounts, and the groups and channels they meet in."""

from dataclasses import dataclass, field
from datetime import datetime

from telethon.tl import types

from sandbox.box import Post
from sandbox.topic import COLOR, Topic

SERVICE = 777000
"""Telegram's own account: it brings the login codes."""


@dataclass(slots=True)
class Account:
    """One user. `password` is the second factor, if there is one. Ids are positive."""

    id: int
    first_name: str = ""
    last_name: str = ""
    username: str | None = None
    phone: str | None = None
    password: str | None = None
    about: str | None = None
    bot: bool = False
    token: str | None = None
    """What a bot logs in with."""
    deleted: bool = False
    verified: bool = False
    support: bool = False
    scam: bool = False
    contacts: set[int] = field(default_factory=set)
    protects: set[int] = field(default_factory=set)
    """Private chats from which this account lets nothing be copied or forwarded."""
    blocked: set[int] = field(default_factory=set)
    online: bool = False

    @property
    def name(self) -> str:
        """First and last name in one."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(slots=True)
class Chat:
    """A basic group, a supergroup (`megagroup`, perhaps a `forum`) or a broadcast channel.

    `id` is the marked id: `-n` for a basic group, `-100n` for the others, which count messages and changes by
    themselves. `migrated_to` and `migrated_from` tie a basic group to the supergroup that it became.
    """

    id: int
    title: str
    created: datetime
    creator: int
    members: list[int] = field(default_factory=list)
    broadcast: bool = False
    username: str | None = None
    megagroup: bool = False
    forum: bool = False
    protected: bool = False
    about: str = ""
    admins: set[int] = field(default_factory=set)
    slow_seconds: int = 0
    """Seconds between two messages of one member who does not rule here; 0 for no slow mode."""
    silenced: set[int] = field(default_factory=set)
    """Members who may only read."""
    read_only: bool = False
    """Only those who rule here may write."""
    topics: list[Topic] = field(default_factory=list)
    migrated_to: int | None = None
    migrated_from: int | None = None

    @property
    def channel(self) -> bool:
        """Whether it has a message box of its own."""
        return self.broadcast or self.megagroup

    @property
    def bare_id(self) -> int:
        """The id as it stands in TL objects."""
        return -self.id - CHANNEL_MARK if self.channel else -self.id

    def begin_topic(self, title: str, creator: int, at: datetime) -> Post:
        """Open a topic of a forum; returns the service message that it begins with."""
        post = Post(creator, self.id, at, "", action=types.MessageActionTopicCreate(title, COLOR))
        post.topic = post
        self.topics.append(Topic(post, title))
        return post

    def rules_over(self, member: int) -> bool:
        """Whether somebody may delete what others wrote."""
        return member == self.creator or member in self.admins


CHANNEL_MARK = 1_000_000_000_000


def channel_id(bare: int) -> int:
    """The marked id of a channel."""
    return -CHANNEL_MARK - bare
