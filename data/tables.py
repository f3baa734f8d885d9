"""The tables of the archive: the steps in which they came to be, and a message or a dialog as a row of them."""

import sqlite3
from datetime import UTC, datetime

from data.message import Dialog, Kind, Message

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "first",
        """
        CREATE TABLE dialogs (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, username TEXT,
                              phone TEXT, last_at REAL);
        CREATE TABLE messages (dialog_id INTEGER NOT NULL, id INTEGER NOT NULL, mine INTEGER NOT NULL,
                               sent_at REAL NOT NULL, text TEXT NOT NULL, reply_to INTEGER, edited_at REAL,
                               media TEXT, forwarded INTEGER NOT NULL, by_twin INTEGER NOT NULL,
                               PRIMARY KEY (dialog_id, id)) WITHOUT ROWID;
        CREATE TABLE cursors (dialog_id INTEGER PRIMARY KEY, newest INTEGER NOT NULL, resume_at INTEGER,
                              resume_newest INTEGER, floor INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE consents (id INTEGER PRIMARY KEY, dialog_id INTEGER NOT NULL, scope TEXT NOT NULL,
                               granted_at REAL NOT NULL, granted_by TEXT NOT NULL, how TEXT NOT NULL,
                               revoked_at REAL);
        CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        """,
    ),
    (
        "groups",
        """
        CREATE TABLE people (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, username TEXT);
        ALTER TABLE dialogs ADD COLUMN migrated_to INTEGER;
        ALTER TABLE dialogs ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE dialogs ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE messages ADD COLUMN sender_id INTEGER;
        ALTER TABLE messages ADD COLUMN topic_id INTEGER;
        ALTER TABLE messages ADD COLUMN quote TEXT;
        ALTER TABLE messages ADD COLUMN via_bot INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE messages ADD COLUMN reactions TEXT;
        ALTER TABLE messages ADD COLUMN service INTEGER NOT NULL DEFAULT 0
        """,
    ),
    (
        "changes",
        """
        ALTER TABLE cursors ADD COLUMN gap_since REAL;
        ALTER TABLE cursors ADD COLUMN pts INTEGER;
        ALTER TABLE cursors ADD COLUMN recheck INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE consents ADD COLUMN member_id INTEGER
        """,
    ),
    ("mentions", "ALTER TABLE messages ADD COLUMN mentioned INTEGER NOT NULL DEFAULT 0"),
    ("contacts", "ALTER TABLE dialogs ADD COLUMN contact INTEGER NOT NULL DEFAULT 0"),
)

COLUMNS = (
    "dialog_id, id, mine, sent_at, text, reply_to, edited_at, media, forwarded, "
    "sender_id, topic_id, quote, via_bot, reactions, service, mentioned, by_twin"
)
"""Those of a message, in the order of `row_of`."""
REPLY, MEDIA, MORE = 1, 2, 4
ODD = (
    f"({MORE} * (text = '' AND coalesce(media, '') = '' OR quote NOT NULL OR forwarded OR via_bot OR service"
    " OR by_twin)"
    f" + {MEDIA} * (media NOT NULL) + {REPLY} * (reply_to NOT NULL AND NOT mine))"
)
"""What a transcript shows, or learns, of a message besides its text: 0 for nothing, else the sum of `REPLY` for what it
replies to, `MEDIA` for an attachment, `MORE` for all else."""
SENT = "CAST(round(sent_at * 1e6) AS INTEGER)"
"""When a message was sent, in microseconds since 1970: with its fifteen digits SQLite's JSON would lose the last."""
DIALOG_COLUMNS = "id, kind, title, username, phone, last_at, migrated_to, protected, archived, contact"
"""Those of a dialog, in the order of `dialog_row_of`."""


def row_of(m: Message) -> tuple[object, ...]:
    """A message as a row of `COLUMNS`."""
    place = m.dialog_id, m.id, int(m.mine), m.sent_at.timestamp()
    content = m.text, m.reply_to, _stamp(m.edited_at), m.media, int(m.forwarded)
    origin = m.sender_id, m.topic_id, m.quote, int(m.via_bot), m.reactions, int(m.service)
    return (*place, *content, *origin, int(m.mentioned), int(m.by_twin))


def message_of(row: sqlite3.Row) -> Message:
    """A message from its row, whose columns are its fields in their order: looked up by name it would take longer."""
    dialog_id, id_, mine, sent_at, text, reply_to, edited_at, media, forwarded, *origin = row
    sender_id, topic_id, quote, via_bot, reactions, service, mentioned, by_twin = origin
    return Message(
        dialog_id,
        id_,
        bool(mine),
        datetime.fromtimestamp(sent_at, UTC),
        text,
        reply_to,
        _moment(edited_at),
        media,
        bool(forwarded),
        sender_id,
        topic_id,
        quote,
        bool(via_bot),
        reactions,
        bool(service),
        bool(mentioned),
        bool(by_twin),
    )


def dialog_row_of(d: Dialog) -> tuple[object, ...]:
    """A dialog as a row of `DIALOG_COLUMNS`."""
    named = d.id, d.kind, d.title, d.username, d.phone, _stamp(d.last_at)
    return (*named, d.migrated_to, int(d.protected), int(d.archived), int(d.contact))


def dialog_of(row: sqlite3.Row) -> Dialog:
    """A dialog from its row."""
    return Dialog(
        row["id"],
        Kind(row["kind"]),
        row["title"],
        row["username"],
        row["phone"],
        _moment(row["last_at"]),
        row["migrated_to"],
        bool(row["protected"]),
        bool(row["archived"]),
        bool(row["contact"]),
    )


def _stamp(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _moment(stamp: float | None) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if stamp is not None else None
