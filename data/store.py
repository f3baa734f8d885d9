"""A private SQLite file: opened with mode 0600, brought to the newest schema, and able to forget without a trace.

The archive and the live client's rows are both such files. A schema is a list of named steps, each applied in one
transaction together with its record.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from data.errors import UserError

Steps = tuple[tuple[str, str], ...]


class Store:
    """An open file. One writer at a time; readers in other processes see only whole transactions."""

    def __init__(self, path: Path, steps: Steps, durable: Literal["NORMAL", "FULL"], if_damaged: str) -> None:
        """Open or create it. `FULL` means that a commit has reached the disk when it returns; `if_damaged` is the hint
        of the UserError raised when the file cannot be read."""
        self.path = path
        path.touch(mode=0o600, exist_ok=True)
        try:
            self.db = _open(path, steps, durable)
        except sqlite3.OperationalError as error:  # locked, full, not a file: nothing is wrong with what is in it
            hint = "Is another doppelgram at work, or the disk full? Try again."
            raise UserError(f"The file {path.name} cannot be opened: {error}.", hint) from error
        except sqlite3.DatabaseError as error:
            raise UserError(f"The file {path.name} cannot be read: {error}.", if_damaged) from error

    def close(self) -> None:
        """Close the file; a closed store cannot be used again."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen, or none; checks inside see no other writer."""
        with transaction(self.db):
            yield

    def rewrite(self) -> None:
        """Leave no trace of what was deleted. Raises UserError while another program reads the file.

        `secure_delete` misses copies that a page kept when its rows moved to a neighbour: only a rewrite loses them.
        """
        self.db.execute("VACUUM")
        (busy, *_) = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise UserError(
                "It is done, but the old text still stands in the file's journal: another program reads it.",
                "Stop that program and run the same command again.",
            )

    def damage(self) -> str | None:
        """What SQLite's own quick check finds wrong, or None."""
        try:
            (answer,) = self.db.execute("PRAGMA quick_check").fetchone()
        except sqlite3.DatabaseError as error:  # too damaged to be checked
            return str(error)
        return None if answer == "ok" else str(answer)


def _open(path: Path, steps: Steps, durable: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {durable}")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA temp_store = MEMORY")  # else a rewrite copies every text into the system's temporary folder
        migrate(db, steps)
    except BaseException:
        db.close()
        raise
    return db


def migrate(db: sqlite3.Connection, steps: Iterable[tuple[str, str]]) -> None:
    """Apply the steps that this file has not seen, each in one transaction with its record."""
    db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)")
    for name, script in steps:
        if not _applied(db, name):
            with transaction(db):
                if _applied(db, name):  # by another process, while this one waited for the lock
                    continue
                for statement in script.split(";"):
                    db.execute(statement)
                db.execute("INSERT INTO migrations VALUES (?, datetime('now'))", (name,))


def _applied(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("SELECT 1 FROM migrations WHERE name = ?", (name,)).fetchone() is not None


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """`BEGIN IMMEDIATE .. COMMIT`, or `ROLLBACK` on any exception. Inside another transaction it joins that one."""
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.OperationalError):  # on a full disk SQLite has rolled back by itself
            db.execute("ROLLBACK")
        raise
