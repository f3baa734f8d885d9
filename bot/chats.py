"""CHAT on the command line -> the one Dialog that is meant: @username, id, phone or exact title.

Two people may bear the same name, so a name that fits several is an error that lists them, never a guess.
"""

import difflib

from data.archive import Archive
from data.errors import UserError
from data.message import Dialog, Person


def find(archive: Archive, name: str) -> Dialog:
    """The dialog of this name. Raises UserError when none or several bear it."""
    dialogs = archive.dialogs()
    matches = candidates(dialogs, name)
    if len(matches) == 1:
        return matches[0]
    if matches:
        them = ", ".join(described(dialog) for dialog in matches)
        raise UserError(f"{len(matches)} chats are called {name}: {them}.", "Name the one you mean by its id.")
    near = difflib.get_close_matches(name.casefold(), [each.title.casefold() for each in dialogs], n=1)
    meant = next((each.title for each in dialogs if near and each.title.casefold() == near[0]), None)
    raise UserError(
        f"There is no chat called {name}.",
        f"Did you mean {meant}?" if meant else "See the list with: doppelgram chats --refresh",
    )


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
        [each for each in dialogs if name[:1] == "@" and (each.username or "").casefold() == name[1:].casefold()],
        [each for each in dialogs if phone and (each.phone or "").lstrip("+") == phone],
        [each for each in dialogs if each.title == name],
        [each for each in dialogs if each.title.casefold() == name.casefold()],
    )
    return next((way for way in ways if way), [])


def person(archive: Archive, name: str) -> Person:
    """Somebody who writes in groups or has a chat with the owner: @username, id or exact name. Raises UserError."""
    chats = [Person(d.id, d.kind, d.title, d.username) for d in archive.dialogs() if d.with_a_person]
    known = {each.id: each for each in (*archive.people().values(), *chats)}.values()
    ways = (
        [each for each in known if str(each.id) == name],
        [each for each in known if name[:1] == "@" and (each.username or "").casefold() == name[1:].casefold()],
        [each for each in known if each.name.casefold() == name.casefold()],
    )
    found = next((way for way in ways if way), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{len(found)} people are called {name}.", "Name the one you mean by @username or id.")
    raise UserError(
        f"Nobody called {name} is known.", "Pull the group with --scope own first: that shows who writes there."
    )


def described(dialog: Dialog) -> str:
    """A dialog so that nobody can take it for another."""
    return f"{dialog.title} ({'@' + dialog.username + ', ' if dialog.username else ''}{dialog.kind}, id {dialog.id})"
