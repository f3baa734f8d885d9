"""The town: its accounts, chats and message boxes, and what is true of them. It knows no wire and no connection."""

import random
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from telethon.tl import types

from sandbox.box import Box, Post
from sandbox.clock import Clock
from sandbox.people import SERVICE, Account, Chat, channel_id

FIRST_CHANNEL = 700_000
API_ID = 17_349
API_HASH = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
"""The one application that the town knows. Invented; it opens nothing anywhere else."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a continuation."""

    mine: bool
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Continuation:
    """How a chat really went on: messages kept off the town, for contacts to write and replies to be compared with."""

    contact_id: int
    messages: list[Line]


@dataclass
class Town:
    """All of it. `owner_id` is the account that the demo logs in to. Same seed, same town."""

    clock: Clock = field(default_factory=Clock)
    seed: int = 0
    owner_id: int = 0
    api_id: int = API_ID
    api_hash: str = API_HASH
    accounts: dict[int, Account] = field(default_factory=dict)
    chats: dict[int, Chat] = field(default_factory=dict)
    boxes: dict[int, Box] = field(default_factory=dict)
    continuations: list[Continuation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        if SERVICE not in self.accounts:
            self.add(Account(SERVICE, "Telegram", phone="42777", verified=True, support=True))

    @property
    def owner(self) -> Account:
        """Whose Telegram this is."""
        return self.accounts[self.owner_id]

    @property
    def contacts(self) -> list[Account]:
        """The owner's contacts, in the order of their ids."""
        return [self.accounts[i] for i in sorted(self.owner.contacts)]

    def add(self, account: Account) -> Account:
        """Let somebody move in."""
        self.accounts[account.id] = account
        self.boxes[account.id] = Box(account.id, lambda: self.clock.now())
        return account

    def found(self, chat: Chat) -> Chat:
        """Open a group or a channel."""
        self.chats[chat.id] = chat
        if chat.channel:
            self.boxes[chat.id] = Box(chat.id, lambda: self.clock.now())
        return chat

    def befriend(self, one: int, other: int) -> None:
        """Make two accounts contacts of each other."""
        self.accounts[one].contacts.add(other)
        self.accounts[other].contacts.add(one)

    def by_phone(self, phone: str) -> Account | None:
        """Whose number it is, written with or without `+` and spaces."""
        digits = "".join(c for c in phone if c.isdigit())
        return next((a for a in self.accounts.values() if a.phone == digits and not a.deleted), None)

    def has_met(self, bot: int, person: int) -> bool:
        """Whether somebody has written to a bot: before that it can neither see nor reach them."""
        box = self.boxes[bot]
        return any(box.posts[i].sender == person for i in box.by_peer.get(person, []))

    def by_username(self, username: str) -> Account | Chat | None:
        """Whose public name it is, in any case."""
        wanted = username.removeprefix("@").lower()
        everybody: list[Account | Chat] = [*self.accounts.values(), *self.chats.values()]
        return next((x for x in everybody if x.username and x.username.lower() == wanted), None)

    def migrate(self, group: Chat, at: datetime) -> list[Post]:
        """Let a basic group become a supergroup; returns the last message of the one and the first of the other."""
        taken = max((chat.bare_id for chat in self.chats.values() if chat.channel), default=FIRST_CHANNEL)
        new = Chat(channel_id(taken + 1), group.title, at, group.creator, list(group.members), megagroup=True)
        new.admins, new.migrated_from, group.migrated_to = set(group.admins), group.id, new.id
        self.found(new)
        leaving = types.MessageActionChatMigrateTo(new.bare_id)
        coming = types.MessageActionChannelMigrateFrom(group.title, group.bare_id)
        return [
            Post(group.creator, group.id, at, "", action=leaving),
            Post(group.creator, new.id, at, "", action=coming),
        ]

    def access_hash(self, viewer: int, target: int) -> int:
        """The key a viewer must show to name a target: different for each viewer, the same over restarts."""
        digest = sha256(f"{self.seed}:{viewer}:{target}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True) or 1

    def box_of(self, viewer: int, peer: int) -> Box:
        """The box in which `viewer` finds the messages of a chat."""
        return self.boxes[peer] if self.is_channel(peer) else self.boxes[viewer]

    def is_channel(self, peer: int) -> bool:
        """Whether a marked id is a channel's or supergroup's: those have a box of their own."""
        chat = self.chats.get(peer)
        return chat is not None and chat.channel

    def is_broadcast(self, peer: int) -> bool:
        """Whether a marked id is that of a channel in which nobody has a name."""
        chat = self.chats.get(peer)
        return chat is not None and chat.broadcast

    def is_forum(self, peer: int) -> bool:
        """Whether a marked id is that of a supergroup with topics."""
        chat = self.chats.get(peer)
        return chat is not None and chat.forum

    def readers(self, sender: int, peer: int) -> list[int]:
        """Whose boxes a message goes into, the sender's first."""
        if peer >= 0:
            return list(dict.fromkeys((sender, peer)))
        chat = self.chats[peer]
        return [peer] if chat.channel else list(dict.fromkeys((sender, *chat.members)))

    def audience(self, post: Post) -> list[int]:
        """The accounts that can see a message."""
        return self.chats[post.peer].members if self.is_channel(post.peer) else list(post.ids)

    def unread(self, viewer: int, peer: int) -> int:
        """How many of the others' messages in a chat a viewer has not read."""
        box = self.box_of(viewer, peer)
        ids = box.by_peer.get(peer, [])
        seen = self.boxes[viewer].read_in.get(peer, 0)
        return sum(box.posts[i].sender != viewer for i in ids[bisect_right(ids, seen) :])

    def remember(self, posts: Iterable[Post]) -> None:
        """Put the town's past into the boxes, oldest first, so that ids grow with time; all of it is read."""
        told = sorted(posts, key=lambda post: post.at)
        for post in told:
            for owner in self.readers(post.sender, post.peer):
                self.boxes[owner].add(post, quiet=True)
        for viewer, peer in {(viewer, post.peer_for(viewer)) for post in told for viewer in self.audience(post)}:
            own = self.boxes[viewer]
            own.read_in[peer] = own.read_out[peer] = self.box_of(viewer, peer).by_peer[peer][-1]
