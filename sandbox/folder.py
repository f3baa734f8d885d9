"""The folders that an account sorts its chats into. The archive is none of these: it has a number, 1, and no rules."""

from dataclasses import dataclass

ARCHIVE = 1


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder: the chats it names (marked ids) and the kinds of chat that it takes in. Ids begin at 2."""

    id: int
    title: str
    include: tuple[int, ...] = ()
    exclude: tuple[int, ...] = ()
    pinned: tuple[int, ...] = ()
    contacts: bool = False
    non_contacts: bool = False
    groups: bool = False
    broadcasts: bool = False
    bots: bool = False
    exclude_muted: bool = False
    exclude_read: bool = False
    exclude_archived: bool = False
    shared: bool = False
    """By a link: such a folder names chats only."""
