"""Telegram's facts as frozen values: a Dialog is one chat in the owner's list, a Message is one message in it.

Nothing here knows Telethon; `data/telegram/` is the one place that turns its objects into these.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from data import placeholder

SERVICE_ACCOUNTS = frozenset({777000, 42777, 333000})
"""Telegram's own accounts. They deliver login codes, so nothing of theirs is ever archived or answered."""


CHANNELS = -1_000_000_000_000
"""Marked ids from here on down are those of channels and supergroups, whose messages are numbered chat by chat; all
other chats of an account share one counter."""


class Kind(StrEnum):
    """What is on the other side of a dialog."""

    PRIVATE = "private"
    SELF = "self"
    BOT = "bot"
    SERVICE = "service"
    DELETED = "deleted"
    SCAM = "scam"
    GROUP = "group"
    CHANNEL = "channel"

    @property
    def noun(self) -> str:
        """What it is called in the middle of a sentence: `a bot`, `a deleted account`."""
        return _NOUNS.get(self, f"a {self}")


_NOUNS = {
    Kind.PRIVATE: "a private chat",
    Kind.SELF: "the place of your own notes",
    Kind.SERVICE: "a service account",
    Kind.DELETED: "a deleted account",
    Kind.SCAM: "an account that Telegram warns of",
}


@dataclass(frozen=True, slots=True)
class Dialog:
    """One chat in the owner's list. `id` is Telegram's marked peer id: positive for people, negative for groups."""

    id: int
    kind: Kind
    title: str
    username: str | None = None
    phone: str | None = None
    last_at: datetime | None = None
    migrated_to: int | None = None
    """The supergroup that this basic group became: its history goes on there."""
    protected: bool = False
    """Its owner forbids saving its content, so nothing of it is kept."""
    archived: bool = False
    """Lies in the archive folder of the owner's list."""
    contact: bool = False
    """Stands in the owner's address book."""

    @property
    def with_a_person(self) -> bool:
        """Whether a living person is on the other side: the only kind that is pulled, trained on or answered
        outside of groups."""
        return self.kind is Kind.PRIVATE and self.id not in SERVICE_ACCOUNTS

    @property
    def may_be_answered(self) -> bool:
        """Whether the twin may ever write there: to a person, or in a group, to who calls for the owner."""
        return self.with_a_person or (self.kind is Kind.GROUP and not self.protected and not self.migrated_to)

    @property
    def may_be_kept(self) -> bool:
        """Whether its history may lie in the archive, with a consent: people and groups of them, and one's own notes;
        no machines, no channels, nothing protected."""
        return (self.with_a_person or self.kind in (Kind.GROUP, Kind.SELF)) and not self.protected


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wrote in a group. `id` is Telegram's marked peer id, `kind` as if they were a dialog."""

    id: int
    kind: Kind
    name: str
    username: str | None = None

    @property
    def is_a_person(self) -> bool:
        """Whether it is a living one."""
        return self.kind is Kind.PRIVATE and self.id > 0 and self.id not in SERVICE_ACCOUNTS


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Its key is `(dialog_id, id)`, because ids repeat between chats. Times are aware, in UTC."""

    dialog_id: int
    id: int
    mine: bool
    sent_at: datetime
    text: str
    reply_to: int | None = None
    edited_at: datetime | None = None
    media: str | None = None
    """A placeholder such as `[photo]`, or None for plain text. A caption stays in `text`. Of what consent `own`
    does not let us keep, a mark such as `[short text]` stands here, and `text` is empty."""
    forwarded: bool = False
    sender_id: int | None = None
    """Who wrote it, in a group; None in a private chat, where `mine` says it, and for a hidden sender."""
    topic_id: int | None = None
    """The topic of a forum group that it stands in."""
    quote: str | None = None
    """The part of the message replied to that was picked out as a quote."""
    via_bot: bool = False
    """An inline bot made the content: never a training target."""
    reactions: str | None = None
    """What was put under it, such as `❤2 👍1`."""
    service: bool = False
    """Something that happened rather than something said: a call, a new title. `media` says what."""
    mentioned: bool = False
    """It calls for the owner, in a group: by name, or as an answer to what the owner wrote there."""
    by_twin: bool = False
    """Written by the twin: context for later replies, never a training target."""

    @property
    def said(self) -> str:
        """What the transcript shows: the placeholder, the text, or both; nothing of what merely happened."""
        return "" if self.service else placeholder.beside(self.media, self.text)

    @property
    def asks(self) -> bool:
        """Whether it may be answered in writing: a call is answered otherwise, and what merely happened not at all."""
        return bool(self.said) and not placeholder.is_call(self.media)
