"""Who lives in the town: accounts, and the groups and channels they meet in."""

from dataclasses import dataclass, field
from datetime import datetime

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
    deleted: bool = False
    verified: bool = False
    support: bool = False
    scam: bool = False
    contacts: set[int] = field(default_factory=set)
    online: bool = False

    @property
    def name(self) -> str:
        """First and last name in one."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(slots=True)
class Chat:
    """A basic group or a broadcast channel. `id` is the marked id: `-n` for a group, `-100n` for a channel."""

    id: int
    title: str
    created: datetime
    creator: int
    members: list[int] = field(default_factory=list)
    broadcast: bool = False
    username: str | None = None

    @property
    def bare_id(self) -> int:
        """The id as it stands in TL objects."""
        return -self.id - CHANNEL_MARK if self.broadcast else -self.id


CHANNEL_MARK = 1_000_000_000_000


def channel_id(bare: int) -> int:
    """The marked id of a channel."""
    return -CHANNEL_MARK - bare
