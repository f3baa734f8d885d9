"""A message box: the messages of one account (or channel) under its own ids, and the numbered changes to them.

As on Telegram, a private message exists once but has a different id in each side's box; private chats and basic groups
share the box's counter, a channel has a box of its own. Every change takes a number (pts), and a client that was away
asks for everything past the last number it saw.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.folder import Folder


@dataclass(slots=True, eq=False)
class Post:
    """One message as it exists for everybody. `peer` is whom it was sent to: a user id or a marked chat id."""

    sender: int
    peer: int
    at: datetime
    text: str
    entities: list[Any] = field(default_factory=list)
    reply_to: "Post | None" = None
    edited_at: datetime | None = None
    edit_hidden: bool = False
    media: Any = None
    """The name of a kind in `sandbox.media`, or a function that makes one for this message."""
    action: Any = None
    random_id: int | None = None
    reactions: dict[int, str] = field(default_factory=dict)
    topic: "Post | None" = None
    """The TopicCreate message of the forum topic that it stands in; None in General and outside forums."""
    quote: str | None = None
    story: int | None = None
    """The other side's story that it answers."""
    forward: Any = None
    via_bot: int | None = None
    album: int | None = None
    protected: bool = False
    pinned: bool = False
    markup: Any = None
    """The buttons below it; only a bot's message has them."""
    unsigned: bool = False
    """It does not say who wrote it: an administrator of a group who stays unnamed."""
    ids: dict[int, int] = field(default_factory=dict)
    """Its message id in each box: box owner -> id."""

    def __post_init__(self) -> None:
        self.at = self.at.replace(microsecond=0)  # Telegram's dates are whole seconds

    def peer_for(self, owner: int) -> int:
        """The chat in which `owner` sees it."""
        return self.peer if self.peer < 0 or owner == self.sender else self.sender


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody began to write in a chat, kept in the cloud."""

    text: str
    at: datetime
    entities: list[Any] = field(default_factory=list)
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One numbered change. `post` is set for a new message; `update` makes the TL update for anything else, in the eyes
    of an account: what a channel's members see of a change differs."""

    pts: int
    count: int
    post: Post | None
    update: Callable[[int], Any] | None
    peer: int | None = None


class Box:
    """The messages of one owner. Ids and pts only ever grow; pts starts at 1, because 0 means unknown to clients."""

    def __init__(self, owner: int, now: Callable[[], datetime]) -> None:
        self.owner = owner
        self.now = now
        self.posts: dict[int, Post] = {}
        self.changed_at: datetime | None = None
        self.by_peer: dict[int, list[int]] = {}
        self.read_in: dict[int, int] = {}
        self.read_out: dict[int, int] = {}
        self.drafts: dict[int, Draft] = {}
        self.muted: set[int] = set()
        self.archived: set[int] = set()
        self.pinned: list[int] = []
        self.folders: dict[int, Folder] = {}
        self.former: dict[Post, int] = {}
        """Ids of messages that are gone: answers to them still name them."""
        self.changes: list[Change] = []
        self.pts = 1
        self.kept_from = 1
        """The pts from which on every change is known one by one."""
        self.top = 0
        self.random_ids: set[int] = set()

    def add(self, post: Post, *, quiet: bool = False) -> int:
        """Put a message in; returns its pts. `quiet` is for the town's past, which nobody has to catch up on."""
        self.top += 1
        post.ids[self.owner] = self.top
        self.posts[self.top] = post
        self.by_peer.setdefault(post.peer_for(self.owner), []).append(self.top)
        if quiet:
            self.pts += 1
            self.kept_from = self.kept_from if self.changes else self.pts
            return self.pts
        return self.change(1, post=post)

    def change(
        self,
        count: int,
        *,
        post: Post | None = None,
        update: Callable[[int, int], Any] | None = None,
        peer: int | None = None,
    ) -> int:
        """Number a change; `update` is called with a viewer and the new pts whenever that one needs the TL object."""
        self.pts += count
        pts, self.changed_at = self.pts, self.now()
        make = None if update is None else lambda viewer: update(viewer, pts)
        self.changes.append(Change(pts, count, post, make, peer))
        return pts

    def id_of(self, post: Post) -> int | None:
        """The id under which a message is, or was, here."""
        return post.ids.get(self.owner) or self.former.get(post)

    def since(self, pts: int) -> list[Change]:
        """The changes that a client which saw `pts` has missed."""
        return self.changes[bisect_right(self.changes, pts, key=lambda change: change.pts) :]

    def remove(self, message_id: int) -> None:
        """Take a message out."""
        post = self.posts.pop(message_id)
        peer = post.peer_for(self.owner)
        ids = self.by_peer[peer]
        del ids[bisect_left(ids, message_id)]
        self.former[post] = post.ids.pop(self.owner)
