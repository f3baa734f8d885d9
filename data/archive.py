"""The local store of everything pulled: one SQLite file, key `(dialog_id, id)`.

Writing the same message twice is the same as writing it once, so a pull can be repeated after any interruption.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from data.message import CHANNELS, Dialog, Kind, Message, Person
from data.store import Store
from data.tables import COLUMNS, DIALOG_COLUMNS, MIGRATIONS, dialog_of, dialog_row_of, message_of, row_of


@dataclass(frozen=True, slots=True)
class Saved:
    """What one `save` changed: messages that were new, and messages whose content differed."""

    new: int = 0
    edited: int = 0

    def __add__(self, other: "Saved") -> "Saved":
        return Saved(self.new + other.new, self.edited + other.edited)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a dialog is pulled. Everything up to `newest` is here, except while a descending pull is under way:
    then ids in `(floor, resume_at)` are still missing and `resume_newest` becomes `newest` when they are here."""

    newest: int = 0
    resume_at: int | None = None
    resume_newest: int | None = None
    floor: int = 0
    gap_since: float | None = None
    """The time before which `since` left the rest, in seconds: what lies in the gap is older."""
    pts: int | None = None
    """How many changes of this supergroup are known; others are counted with the account's."""
    recheck: bool = False
    """So many changes were missed that the newest messages have to be read again."""

    @property
    def top(self) -> int:
        """The newest message that is here, or was seen and left out; 0 before the first pull."""
        return max(self.newest, self.resume_newest or 0)

    @property
    def untouched(self) -> bool:
        """Whether nothing was ever pulled, or all of it has to be pulled again."""
        return not self.newest and not self.resume_at


class Archive(Store):
    """An open archive."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError when it is damaged."""
        super().__init__(path, MIGRATIONS, "NORMAL", "Move it away and pull again: Telegram still has the messages.")

    # --- messages

    def save(self, messages: Iterable[Message]) -> Saved:
        """Write messages; one that is there already is replaced if it differs. A twin's mark is never lost, nor that it
        mentioned the owner, which no export tells."""
        saved = Saved()
        with self.transaction():
            for message in messages:
                saved += self._save(message)
        return saved

    def _save(self, message: Message) -> Saved:
        row = self.db.execute(
            f"SELECT {COLUMNS} FROM messages WHERE dialog_id = ? AND id = ?", (message.dialog_id, message.id)
        ).fetchone()
        values = row_of(message)
        if row is None:
            self.db.execute(f"INSERT INTO messages ({COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)
            return Saved(new=1)
        values = (*values[:-2], int(message.mentioned or row["mentioned"]), int(message.by_twin or row["by_twin"]))
        if tuple(row) == values:
            return Saved()
        self.db.execute(f"REPLACE INTO messages ({COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)
        return Saved(edited=1)

    def delete(self, dialog_id: int | None, ids: Iterable[int]) -> int:
        """Remove messages; returns how many were there. Without a dialog, ids are those of private chats and basic
        groups, which share one counter: Telegram reports their deletions without saying where."""
        where = "dialog_id = ?" if dialog_id is not None else f"dialog_id > {CHANNELS}"
        first = (dialog_id,) if dialog_id is not None else ()
        with self.transaction():
            return sum(
                self.db.execute(f"DELETE FROM messages WHERE {where} AND id = ?", (*first, one)).rowcount for one in ids
            )

    def messages(self, dialog_id: int) -> list[Message]:
        """All messages of a dialog in the order they were sent: that of their ids, as times have whole seconds only."""
        return self._select("WHERE dialog_id = ? ORDER BY id", dialog_id)

    def topics(self, dialog_id: int) -> list[int | None]:
        """The topics that messages of a dialog stand in: None alone where it has no topics."""
        query = "SELECT {} topic_id FROM messages WHERE dialog_id = ? {}"
        if not self.db.execute(query.format("", "AND topic_id NOT NULL LIMIT 1"), (dialog_id,)).fetchone():
            return [None]
        return [topic for (topic,) in self.db.execute(query.format("DISTINCT", "ORDER BY 1"), (dialog_id,))]

    def some(self, dialog_id: int, ids: Iterable[int]) -> dict[int, Message]:
        """Those of these messages of a dialog that there are, by their ids."""
        found = self._select("WHERE dialog_id = ? AND id IN (SELECT value FROM json_each(?))", dialog_id, str([*ids]))
        return {message.id: message for message in found}

    def stretch(self, dialog_id: int, topic: int | None, first: int, last: int) -> list[Message]:
        """The messages of one topic from one to another."""
        return self._select(
            "WHERE dialog_id = ? AND topic_id IS ? AND id BETWEEN ? AND ? ORDER BY id", dialog_id, topic, first, last
        )

    def thread(self, dialog_id: int, topic_id: int | None, limit: int) -> list[Message]:
        """The last `limit` messages of one topic of a dialog, of None where it has none."""
        which = "WHERE dialog_id = ? AND topic_id IS ? ORDER BY id DESC LIMIT ?"
        return self._select(which, dialog_id, topic_id, limit)[::-1]

    def recent(self, dialog_id: int, limit: int = 400) -> list[Message]:
        """The last `limit` messages of a dialog, in the order they were sent."""
        return self._select("WHERE dialog_id = ? ORDER BY id DESC LIMIT ?", dialog_id, limit)[::-1]

    def after(self, dialog_id: int, message_id: int) -> list[Message]:
        """The messages of a dialog that came after one, in the order they were sent."""
        return self._select("WHERE dialog_id = ? AND id > ? ORDER BY id", dialog_id, message_id)

    def message(self, dialog_id: int, message_id: int) -> Message | None:
        """One message, or None."""
        return next(iter(self._select("WHERE dialog_id = ? AND id = ?", dialog_id, message_id)), None)

    def ids(self, dialog_id: int, lowest: int, below: int) -> set[int]:
        """The ids of a dialog's messages from `lowest` on, and below `below` unless that is 0."""
        rows = self.db.execute(
            "SELECT id FROM messages WHERE dialog_id = ? AND id >= ? AND (? = 0 OR id < ?)",
            (dialog_id, lowest, below, below),
        )
        return {message_id for (message_id,) in rows}

    def mark_by_twin(self, dialog_id: int, message_id: int) -> None:
        """Remember that the twin wrote this one."""
        self.db.execute("UPDATE messages SET by_twin = 1 WHERE dialog_id = ? AND id = ?", (dialog_id, message_id))

    def _select(self, where: str, *values: object) -> list[Message]:
        return [message_of(row) for row in self.db.execute(f"SELECT {COLUMNS} FROM messages {where}", values)]

    def count(self, dialog_id: int | None = None) -> int:
        """How many messages there are, in one dialog or in all."""
        where, values = ("WHERE dialog_id = ?", (dialog_id,)) if dialog_id is not None else ("", ())
        (n,) = self.db.execute(f"SELECT count(*) FROM messages {where}", values).fetchone()
        return int(n)

    # --- dialogs

    def save_dialogs(self, dialogs: Iterable[Dialog]) -> None:
        """Write what is known of these dialogs over what was known. The list does not tell whether a private chat is
        protected, so that stays (`set_protected`)."""
        with self.transaction():
            before = {each.id: each.protected for each in self.dialogs() if each.kind is Kind.PRIVATE}
            self.db.executemany(
                f"REPLACE INTO dialogs ({DIALOG_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    dialog_row_of(replace(each, protected=each.protected or before.get(each.id, False)))
                    for each in dialogs
                ],
            )

    def renew(self, dialog: Dialog) -> None:
        """Write what a chat has become over what was known of it. Its place in the list only the list tells; a deleted
        account keeps the name that it had."""
        known = self.dialog(dialog.id)
        if known is None:
            return
        title = known.title if dialog.kind is Kind.DELETED else dialog.title
        protected = dialog.protected or (dialog.kind is Kind.PRIVATE and known.protected)
        now = replace(dialog, title=title, protected=protected, last_at=known.last_at, archived=known.archived)
        if now != known:
            self.save_dialogs([now])

    def set_protected(self, dialog_id: int, protected: bool) -> None:
        """Remember whether a chat forbids saving its content."""
        self.db.execute("UPDATE dialogs SET protected = ? WHERE id = ?", (protected, dialog_id))

    def dialogs(self) -> list[Dialog]:
        """All known dialogs, the most recent first."""
        return [dialog_of(row) for row in self.db.execute("SELECT * FROM dialogs ORDER BY last_at DESC, id")]

    def dialog(self, dialog_id: int) -> Dialog | None:
        """One dialog, or None."""
        row = self.db.execute("SELECT * FROM dialogs WHERE id = ?", (dialog_id,)).fetchone()
        return dialog_of(row) if row else None

    # --- who wrote in groups

    def save_people(self, people: Iterable[Person]) -> None:
        """Write what is known of these people over what was known."""
        with self.transaction():
            self.db.executemany(
                "REPLACE INTO people (id, kind, name, username) VALUES (?, ?, ?, ?)",
                [(p.id, p.kind, p.name, p.username) for p in people],
            )

    def person(self, person_id: int) -> Person | None:
        """Somebody known from groups, or None."""
        row = self.db.execute("SELECT id, kind, name, username FROM people WHERE id = ?", (person_id,)).fetchone()
        return Person(row["id"], Kind(row["kind"]), row["name"], row["username"]) if row else None

    def people(self) -> dict[int, Person]:
        """Everybody known from groups, by id."""
        rows = self.db.execute("SELECT id, kind, name, username FROM people")
        return {row["id"]: Person(row["id"], Kind(row["kind"]), row["name"], row["username"]) for row in rows}

    # --- how far each dialog is pulled

    def cursor(self, dialog_id: int) -> Cursor:
        """How far this dialog is pulled; a fresh cursor when it never was."""
        row = self.db.execute(
            "SELECT newest, resume_at, resume_newest, floor, gap_since, pts, recheck FROM cursors WHERE dialog_id = ?",
            (dialog_id,),
        ).fetchone()
        if row is None:
            return Cursor()
        newest, resume_at, resume_newest, floor, gap_since, pts, recheck = row
        return Cursor(newest, resume_at, resume_newest, floor, gap_since, pts, bool(recheck))

    def set_cursor(self, dialog_id: int, cursor: Cursor) -> None:
        """Remember how far this dialog is pulled; call it in the transaction that saves the page."""
        self.db.execute(
            "REPLACE INTO cursors (dialog_id, newest, resume_at, resume_newest, floor, gap_since, pts, recheck)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (dialog_id, *astuple(cursor)),
        )

    def pull_again(self, dialog_id: int) -> None:
        """Have a dialog pulled as if for the first time, over what is here. Its changes stay known."""
        self.db.execute(
            "UPDATE cursors SET newest = 0, resume_at = NULL, resume_newest = NULL, floor = 0 WHERE dialog_id = ?",
            (dialog_id,),
        )

    def recheck_all(self) -> None:
        """Have the newest messages of every private chat and basic group read again: their changes were missed."""
        self.db.execute(
            f"UPDATE cursors SET recheck = 1 WHERE dialog_id > {CHANNELS} AND (newest > 0 OR resume_at NOT NULL)"
        )

    # --- single facts, such as whose archive this is

    def fact(self, name: str) -> str | None:
        """A remembered value, or None."""
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def set_fact(self, name: str, value: str) -> None:
        """Remember a value."""
        self.db.execute("REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    # --- leaving no trace

    def forget(self, *dialog_ids: int) -> int:
        """Remove messages, cursors and names of these dialogs, and of people who wrote nowhere else; overwrite the
        space they took. Returns the message count. The consent ledger keeps its rows: that a chat was once allowed,
        and no longer is, is worth knowing."""
        removed = 0
        with self.transaction():
            for dialog_id in dialog_ids:
                removed += self.db.execute("DELETE FROM messages WHERE dialog_id = ?", (dialog_id,)).rowcount
                self.db.execute("DELETE FROM cursors WHERE dialog_id = ?", (dialog_id,))
                self.db.execute("DELETE FROM dialogs WHERE id = ?", (dialog_id,))
            if min(dialog_ids, default=0) < 0:
                others = "SELECT sender_id FROM messages WHERE dialog_id < 0 AND sender_id NOT NULL"
                self.db.execute(f"DELETE FROM people WHERE id NOT IN ({others})")
        self.rewrite()
        return removed
