"""CHAT on the command line -> the one Dialog that is meant: @username, id, phone or exact title.

Two people may bear the same name, so a name that fits several is an error that lists them, never a guess.
"""

import difflib
import re
from collections.abc import Iterable, Sequence

from data.archive import Archive
from data.errors import UserError
from data.message import Dialog, Person

MEANT = 8
"""Names in one hint; of more than that the others are counted."""


def find(archive: Archive, name: str) -> Dialog:
    """The dialog of this name. Raises UserError when none or several bear it."""
    dialogs = archive.dialogs()
    matches = candidates(dialogs, name)
    if len(matches) == 1:
        return matches[0]
    if matches:
        them = ", ".join(described(dialog) for dialog in matches)
        raise UserError(f"{len(matches)} chats are called {name}: {them}.", "Name the one you mean by its id.")
    titles = [each.title for each in dialogs]
    meant = _bearers(titles, name) or _nearest(titles, name)
    raise UserError(
        f"There is no chat called {name}.",
        _asked(meant) if meant else "See the list with: doppelgram chats --refresh",
    )


def _bearers(titles: Iterable[str], name: str) -> list[str]:
    """Those of these that have this name as a whole word or begin with it: a first name is what people type."""
    part = name.strip().lstrip("@").casefold()
    word = re.compile(rf"(?<!\w){re.escape(part)}(?!\w)")
    having = (each for each in titles if each.casefold().startswith(part) or word.search(each.casefold()))
    return list(dict.fromkeys(having)) if part else []


def _nearest(titles: Sequence[str], name: str) -> list[str]:
    near = difflib.get_close_matches(name.casefold(), [each.casefold() for each in titles], n=1)
    return [each for each in titles if each.casefold() in near][:1]


def _asked(meant: Sequence[str]) -> str:
    named, others = list(meant[:MEANT]), len(meant) - MEANT
    if others > 0:
        named.append("another" if others == 1 else f"{others} others")
    *first, last = named
    return f"Did you mean {', '.join(first)} or {last}?" if first else f"Did you mean {last}?"


def whole(archive: Archive, dialog: Dialog) -> list[Dialog]:
    """A chat with what came before it: a supergroup may have been a basic group, whose history has an id of its own."""
    return [dialog, *(each for each in archive.dialogs() if each.migrated_to == dialog.id)]


def candidates(dialogs: list[Dialog], name: str) -> list[Dialog]:
    """All dialogs that this name fits, by the most exact way in which it fits any. A group that became a supergroup
    goes by its id alone: by its name the supergroup is meant."""
    name = name.strip()
    gone = {each.id for each in dialogs if each.migrated_to and str(each.id) != name}
    dialogs = [each for each in dialogs if each.id not in gone]
    digits = "".join(char for char in name if char.isdigit())
    phone = digits if name.lstrip("+").replace(" ", "").replace("-", "").isdigit() else ""
    ways = (
        [each for each in dialogs if str(each.id) == name],
        [each for each in dialogs if _at(each.username, name)],
        [each for each in dialogs if phone and (each.phone or "").lstrip("+") == phone],
        [each for each in dialogs if each.title == name],
        [each for each in dialogs if each.title.casefold() == name.casefold()],
    )
    return next((way for way in ways if way), [])


def people(archive: Archive) -> dict[int, Person]:
    """By id, everybody who writes in groups or has a chat with the owner."""
    chats = [Person(d.id, d.kind, d.title, d.username) for d in archive.dialogs() if d.with_a_person]
    return archive.people() | {each.id: each for each in chats}


def person(archive: Archive, name: str) -> Person:
    """Somebody who writes in groups or has a chat with the owner: @username, id or exact name. Raises UserError."""
    known = people(archive).values()
    ways = (
        [each for each in known if str(each.id) == name],
        [each for each in known if _at(each.username, name)],
        [each for each in known if each.name.casefold() == name.casefold()],
    )
    found = next((way for way in ways if way), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{len(found)} people are called {name}.", "Name the one you mean by @username or id.")
    meant = _bearers((each.name for each in known), name)
    raise UserError(
        f"Nobody called {name} is known.",
        _asked(meant) if meant else "Pull the group with --scope own first: that shows who writes there.",
    )


def _at(username: str | None, name: str) -> bool:
    return bool(username) and f"@{username}".casefold() == name.casefold()


def described(dialog: Dialog) -> str:
    """A dialog so that nobody can take it for another."""
    return f"{dialog.title} ({'@' + dialog.username + ', ' if dialog.username else ''}{dialog.kind}, id {dialog.id})"
