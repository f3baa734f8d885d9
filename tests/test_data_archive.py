"""The archive writes twice what it writes once, forgets without a trace, and is nobody else's to read."""

import os
import random
import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.archive import Archive, Cursor, Saved
from data.errors import UserError
from data.message import Dialog, Kind, Message, Person
from data.store import migrate
from data.tables import MIGRATIONS

NOON = datetime(2024, 3, 1, 12, 0, 0, 123457, tzinfo=UTC)
ANNA, BEN, GROUP, SUPERGROUP = 11, 12, -13, -1000000000014


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.db"


@pytest.fixture
def archive(path: Path) -> Iterator[Archive]:
    archive = Archive(path)
    yield archive
    archive.close()


def message(number: int = 1, text: str = "hi", dialog: int = ANNA, **more: object) -> Message:
    fields = {"mine": False, "sent_at": NOON + timedelta(minutes=number), **more}
    return Message(dialog_id=dialog, id=number, text=text, **fields)  # type: ignore[arg-type]


def bytes_on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


# --- messages


def test_a_message_comes_back_as_it_was_saved(archive: Archive) -> None:
    told = {"mine": True, "reply_to": 3, "edited_at": NOON, "media": "[photo]", "forwarded": True, "by_twin": True}
    group = {"sender_id": BEN, "topic_id": 9, "quote": "tree?", "via_bot": True, "reactions": "❤2", "service": True}
    full = message(5, "ёлка 🎄", **told, **group)
    archive.save([full, message(6, "")])
    assert archive.message(ANNA, 5) == full
    assert archive.messages(ANNA) == [full, message(6, "")]
    assert archive.message(ANNA, 7) is None


def test_an_archive_of_the_first_schema_keeps_its_messages(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, MIGRATIONS[:1])
    db.execute("INSERT INTO dialogs VALUES (?, 'private', 'Anna', NULL, NULL, NULL)", (ANNA,))
    db.execute("INSERT INTO messages VALUES (?, 1, 0, ?, 'hi', NULL, NULL, NULL, 0, 1)", (ANNA, NOON.timestamp()))
    db.close()
    archive = Archive(path)
    assert archive.messages(ANNA) == [message(1, sent_at=NOON, by_twin=True)]
    assert archive.dialogs() == [Dialog(ANNA, Kind.PRIVATE, "Anna")]
    archive.close()


def test_people_of_groups_come_back_as_they_were_last_known(archive: Archive) -> None:
    ben = Person(BEN, Kind.PRIVATE, "Ben", "ben")
    archive.save_people([Person(BEN, Kind.PRIVATE, "Benjamin"), ben, Person(ANNA, Kind.BOT, "Annabot")])
    assert archive.people() == {BEN: ben, ANNA: Person(ANNA, Kind.BOT, "Annabot")}


def test_saving_twice_is_saving_once(archive: Archive) -> None:
    page = [message(n) for n in range(1, 6)]
    assert archive.save(page) == Saved(new=5)
    assert archive.save(page) == Saved()
    assert archive.messages(ANNA) == page


def test_an_edit_is_seen_and_replaces_the_text(archive: Archive) -> None:
    archive.save([message(1), message(2)])
    edited = message(1, "hello", edited_at=NOON + timedelta(hours=1))
    assert archive.save([edited, message(2), message(3)]) == Saved(new=1, edited=1)
    assert archive.message(ANNA, 1) == edited


def test_the_twins_mark_is_never_lost(archive: Archive) -> None:
    archive.save([message(1, mine=True), message(2, mine=True, by_twin=True)])
    archive.mark_by_twin(ANNA, 1)
    assert archive.save([message(1, mine=True), message(2, mine=True)]) == Saved(), "Telegram does not know of it"
    archive.save([message(1, "edited", mine=True)])
    assert [m.by_twin for m in archive.messages(ANNA)] == [True, True]


def test_one_id_in_two_dialogs_is_two_messages(archive: Archive) -> None:
    assert archive.save([message(1, "to anna"), message(1, "to ben", BEN)]) == Saved(new=2)
    archive.mark_by_twin(BEN, 1)
    assert [(m.text, m.by_twin) for d in (ANNA, BEN) for m in archive.messages(d)] == [
        ("to anna", False),
        ("to ben", True),
    ]
    assert (archive.count(ANNA), archive.count()) == (1, 2)


def test_messages_of_one_second_keep_the_order_of_their_ids_and_recent_ones_are_the_last(archive: Archive) -> None:
    archive.save([message(3, sent_at=NOON), message(1, sent_at=NOON + timedelta(seconds=0.9)), message(2)])
    assert [m.id for m in archive.messages(ANNA)] == [1, 2, 3]
    assert [m.id for m in archive.recent(ANNA, 2)] == [2, 3]


def test_a_deletion_in_a_dialog_touches_no_other(archive: Archive) -> None:
    archive.save([message(n, dialog=d) for n in (1, 2) for d in (ANNA, BEN)])
    assert archive.delete(ANNA, [1, 99]) == 1
    assert ([m.id for m in archive.messages(ANNA)], archive.count(BEN)) == ([2], 2)


def test_a_deletion_without_a_dialog_touches_people_and_basic_groups_only(archive: Archive) -> None:
    archive.save([message(1, dialog=ANNA), message(2, dialog=GROUP)])
    archive.save([message(n, dialog=SUPERGROUP) for n in (1, 2)])
    assert archive.delete(None, [1, 2]) == 2
    assert (archive.count(ANNA), archive.count(GROUP), archive.count(SUPERGROUP)) == (0, 0, 2)


# --- dialogs, cursors, facts


def test_dialogs_are_kept_and_renewed_the_latest_first(archive: Archive) -> None:
    anna = Dialog(ANNA, Kind.PRIVATE, "Anna", "anna", "+100", NOON)
    archive.save_dialogs([anna, Dialog(BEN, Kind.BOT, "Ben", last_at=NOON + timedelta(days=1))])
    renamed = replace(anna, title="Anna B.", last_at=NOON + timedelta(days=2))
    archive.save_dialogs([renamed])
    assert archive.dialog(ANNA) == renamed
    assert [dialog.id for dialog in archive.dialogs()] == [ANNA, BEN]
    assert archive.dialog(99) is None


def test_a_cursor_and_a_fact_are_what_was_last_set(archive: Archive) -> None:
    assert (archive.cursor(ANNA), archive.fact("owner")) == (Cursor(), None)
    for cursor, owner in ((Cursor(10, 5, 20, 1), "1"), (Cursor(20), "2")):
        archive.set_cursor(ANNA, cursor)
        archive.set_fact("owner", owner)
        assert (archive.cursor(ANNA), archive.fact("owner")) == (cursor, owner)


# --- all or nothing


def test_a_transaction_that_fails_leaves_nothing(archive: Archive) -> None:
    def write() -> None:
        with archive.transaction():
            archive.save([message(1)])
            archive.set_cursor(ANNA, Cursor(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert (archive.count(), archive.cursor(ANNA)) == (0, Cursor())
    assert archive.save([message(1)]) == Saved(new=1), "and the archive goes on"


def test_a_page_that_breaks_off_leaves_nothing(archive: Archive) -> None:
    def page() -> Iterator[Message]:
        yield message(1)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        archive.save(page())
    assert archive.count() == 0


def test_a_transaction_that_sqlite_ended_by_itself_keeps_its_own_error(archive: Archive) -> None:
    def write() -> None:
        with archive.transaction():
            archive.db.execute("ROLLBACK")
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        write()


def test_another_process_sees_whole_transactions(archive: Archive, path: Path) -> None:
    reader = Archive(path)
    with archive.transaction():
        archive.save([message(1)])
        assert reader.count() == 0
    assert reader.count() == 1
    reader.close()


# --- leaving no trace


@pytest.mark.parametrize("seed", [1, 3, 5, 33, 34, 37])
def test_forgetting_a_chat_leaves_no_trace_of_it_on_disk(archive: Archive, path: Path, seed: int) -> None:
    # Rows of two chats, long and short, saved in no order: SQLite moves them between pages while the tree grows, and
    # without a rewrite of the file each of these seeds leaves a copy behind.
    rng = random.Random(seed)
    rows = [
        message(n, f"mark{d}z" + rng.randbytes(rng.choice([1, 20, 200, 1500, 4500])).hex(), d)
        for n, d in enumerate(rng.choices([ANNA, BEN], k=300), 1)
    ]
    rng.shuffle(rows)
    for start in range(0, len(rows), 100):
        archive.save(rows[start : start + 100])
    archive.save_dialogs([Dialog(ANNA, Kind.PRIVATE, "markAnnaz"), Dialog(BEN, Kind.PRIVATE, "markBenz")])
    archive.set_cursor(ANNA, Cursor(9))
    ben = archive.messages(BEN)

    assert archive.forget(ANNA) == len(rows) - len(ben)

    left = bytes_on_disk(path)
    assert (left.count(f"mark{ANNA}z".encode()), left.count(b"markAnnaz")) == (0, 0)
    assert left.count(f"mark{BEN}z".encode()) >= len(ben), "and the other chat is whole"
    assert archive.messages(BEN) == ben
    assert (archive.dialog(ANNA), archive.cursor(ANNA), archive.damage()) == (None, Cursor(), None)


def test_a_deleted_text_and_the_old_text_of_an_edit_are_overwritten(path: Path) -> None:
    archive = Archive(path)
    archive.save([message(1, "deletedz"), message(2, "editedz" * 9), message(3, "stays")])
    archive.delete(ANNA, [1])
    archive.save([message(2, "new")])
    archive.close()
    left = bytes_on_disk(path)
    assert (left.count(b"deletedz"), left.count(b"editedz"), left.count(b"stays")) == (0, 0, 1)


def test_forgetting_while_somebody_reads_says_that_it_is_not_done(path: Path) -> None:
    archive = Archive(path)
    archive.save([message(1, "markz")])
    archive.db.execute("PRAGMA busy_timeout = 50")
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM messages").fetchall()
    with pytest.raises(UserError, match="journal"):
        archive.forget(ANNA)
    reader.close()
    archive.forget(ANNA)
    assert b"markz" not in bytes_on_disk(path)
    archive.close()


# --- the file


def test_every_file_of_the_archive_is_the_owners_alone_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        archive = Archive(path)
        archive.save([message(1)])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("archive.db", "archive.db-wal", "archive.db-shm"), 0o600)
    archive.close()


def test_a_damaged_file_is_an_error_to_read_not_a_traceback(path: Path) -> None:
    path.write_bytes(b"this is not a database " * 100)
    with pytest.raises(UserError, match=r"archive\.db cannot be read") as error:
        Archive(path)
    assert "pull again" in error.value.hint


def test_a_locked_file_is_not_called_damaged(path: Path) -> None:
    with pytest.raises(UserError, match="cannot be opened") as error:
        Archive(path.parent)
    assert "Move it away" not in error.value.hint


def test_damage_inside_is_told(archive: Archive, path: Path) -> None:
    archive.save([message(n, "x" * 500) for n in range(1, 200)])
    assert archive.damage() is None
    archive.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    broken = Archive(path)
    assert broken.damage()
    broken.close()


# --- migrations


def test_a_migration_runs_once_and_keeps_what_is_there(path: Path) -> None:
    first = Archive(path)
    first.save([message(1)])
    first.close()
    again = Archive(path)
    assert again.count() == 1
    steps = (*MIGRATIONS, ("second", "ALTER TABLE facts ADD COLUMN at REAL; CREATE TABLE more (id INTEGER)"))
    migrate(again.db, steps)
    migrate(again.db, steps)
    done = [name for (name,) in again.db.execute("SELECT name FROM migrations ORDER BY rowid")]
    assert done == [name for name, _ in steps]
    again.close()


def test_a_migration_that_fails_leaves_nothing_and_can_be_repeated(archive: Archive) -> None:
    with pytest.raises(sqlite3.OperationalError):
        migrate(archive.db, [("bad", "CREATE TABLE more (id INTEGER); CREATE NONSENSE")])
    migrate(archive.db, [("bad", "CREATE TABLE more (id INTEGER)")])
    assert archive.db.execute("SELECT count(*) FROM more").fetchone()[0] == 0


def test_two_that_migrate_at_the_same_moment_do_it_once(archive: Archive, path: Path) -> None:
    steps = [(f"step {n}", f"CREATE TABLE t{n} (id INTEGER)") for n in range(30)]
    failures: list[Exception] = []
    begin = threading.Barrier(2)

    def run() -> None:
        db = sqlite3.connect(path, timeout=10, isolation_level=None)
        begin.wait()
        try:
            migrate(db, steps)
        except sqlite3.Error as error:
            failures.append(error)
        finally:
            db.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert archive.db.execute("SELECT count(*) FROM migrations").fetchone()[0] == len(MIGRATIONS) + 30
