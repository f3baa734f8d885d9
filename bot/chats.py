"""CHAT on the command line -> the one Dialog that is meant: @username, id, phone or exact title.

Two people may bear the same name, so a name that fits several is an error that lists them, never a guess.
"""

import difflib

from data.archive import Archive
from data.errors import UserError
from data.message import Dialog


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


def candidates(dialogs: list[Dialog], name: str) -> list[Dialog]:
    """All dialogs that this name fits, by the most exact way in which it fits any."""
    name = name.strip()
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


def described(dialog: Dialog) -> str:
    """A dialog so that nobody can take it for another."""
    return f"{dialog.title} ({'@' + dialog.username + ', ' if dialog.username else ''}{dialog.kind}, id {dialog.id})"
