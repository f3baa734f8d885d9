"""`live.db`: what the live client must not lose. Inbox, suggestions, outbox, policy, and the switches.

Every commit reaches the disk (`synchronous = FULL`) before the next step, because a row committed here is what makes a
message answered once and never twice. Other processes write here too.
"""

from pathlib import Path

from data.store import Store

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "first",
        """
        CREATE TABLE switches (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE policy (dialog_id INTEGER PRIMARY KEY, mode TEXT NOT NULL, set_at REAL NOT NULL);
        CREATE TABLE inbox (dialog_id INTEGER NOT NULL, message_id INTEGER NOT NULL, arrived_at REAL NOT NULL,
                            outcome TEXT, suggestion_id INTEGER, PRIMARY KEY (dialog_id, message_id));
        CREATE TABLE watched (dialog_id INTEGER PRIMARY KEY, since_id INTEGER NOT NULL);
        CREATE TABLE suggestions (id INTEGER PRIMARY KEY AUTOINCREMENT, dialog_id INTEGER NOT NULL,
                                  upto_id INTEGER NOT NULL, attempt INTEGER NOT NULL, state TEXT NOT NULL,
                                  revision INTEGER NOT NULL DEFAULT 1, mode TEXT NOT NULL, texts TEXT NOT NULL,
                                  confidence REAL, outcome TEXT NOT NULL, reasons TEXT NOT NULL, adapter TEXT NOT NULL,
                                  created_at REAL NOT NULL, changed_at REAL NOT NULL, final TEXT, surface TEXT,
                                  UNIQUE (dialog_id, upto_id, attempt));
        CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT,
                             suggestion_id INTEGER NOT NULL REFERENCES suggestions (id), position INTEGER NOT NULL,
                             dialog_id INTEGER NOT NULL, random_id INTEGER NOT NULL UNIQUE, text TEXT NOT NULL,
                             state TEXT NOT NULL, due_at REAL NOT NULL, attempted_at REAL, message_id INTEGER,
                             sent_at REAL, UNIQUE (suggestion_id, position));
        CREATE INDEX suggestions_by_state ON suggestions (state);
        CREATE INDEX outbox_by_state ON outbox (state);
        """,
    ),
    (
        "since when, and crises",
        """
        ALTER TABLE policy ADD COLUMN listed_at REAL NOT NULL DEFAULT 0;
        ALTER TABLE policy ADD COLUMN listed_after INTEGER NOT NULL DEFAULT 0;
        UPDATE policy SET listed_at = set_at;
        DROP TABLE watched;
        CREATE TABLE watched (dialog_id INTEGER PRIMARY KEY, since_id INTEGER NOT NULL, moment REAL NOT NULL);
        ALTER TABLE inbox ADD COLUMN fingerprint TEXT;
        CREATE TABLE notices (dialog_id INTEGER NOT NULL, message_id INTEGER NOT NULL, random_id INTEGER NOT NULL,
                              told_at REAL, PRIMARY KEY (dialog_id, message_id));
        CREATE TABLE obeyed (message_id INTEGER PRIMARY KEY)
        """,
    ),
    (
        "what a suggestion answers",
        "ALTER TABLE suggestions ADD COLUMN answers TEXT NOT NULL DEFAULT '{}'",
    ),
    (
        "errands",
        "CREATE TABLE errands (id INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, arguments TEXT NOT NULL,"
        " state TEXT NOT NULL, result TEXT)",
    ),
    ("topics", "ALTER TABLE inbox ADD COLUMN topic_id INTEGER"),
    (
        "which is me",
        "CREATE TABLE guesses (id INTEGER PRIMARY KEY, dialog_id INTEGER NOT NULL, player TEXT NOT NULL,"
        " correct INTEGER NOT NULL, adapter TEXT NOT NULL, made_at REAL NOT NULL)",
    ),
    (
        "cards",
        """
        CREATE TABLE cards (suggestion_id INTEGER PRIMARY KEY, random_id INTEGER NOT NULL, message_id INTEGER,
                            shown TEXT NOT NULL DEFAULT '', closed INTEGER NOT NULL DEFAULT 0, edit_until REAL);
        CREATE INDEX cards_open ON cards (closed);
        """,
    ),
    (
        "limits of a chat, and the mode before a pause",
        """
        CREATE TABLE limits (dialog_id INTEGER PRIMARY KEY, chat_hour INTEGER, chat_day INTEGER, quiet_hours TEXT);
        ALTER TABLE policy ADD COLUMN before TEXT;
        """,
    ),
    (
        "a look reads only what is open",
        """
        CREATE INDEX inbox_open ON inbox (dialog_id, topic_id) WHERE outcome IS NULL;
        CREATE INDEX suggestions_in_box ON suggestions (state) WHERE surface = 'draft';
        CREATE INDEX outbox_by_message ON outbox (dialog_id, message_id);
        CREATE INDEX inbox_by_suggestion ON inbox (suggestion_id);
        CREATE INDEX outbox_by_time ON outbox (attempted_at)
        """,
    ),
    (
        "how our clock stood when a chat was listed",
        "CREATE TABLE standings (dialog_id INTEGER PRIMARY KEY, moment REAL NOT NULL, standing REAL NOT NULL,"
        " boot TEXT NOT NULL)",
    ),
)


class LiveDb(Store):
    """An open `live.db`."""

    def __init__(self, path: Path) -> None:
        """Open or create it. Raises UserError when it is damaged."""
        super().__init__(path, MIGRATIONS, "FULL", "Move it away: chats fall back to off, and nothing is sent twice.")

    def mask(self, dialog_id: int) -> None:
        """Drop what tells of the other side's words in a dialog: the fingerprints, by which a change is seen."""
        with self.transaction():
            self.db.execute("UPDATE inbox SET fingerprint = NULL WHERE dialog_id = ?", (dialog_id,))
            self.db.execute("UPDATE suggestions SET answers = '{}' WHERE dialog_id = ?", (dialog_id,))

    def forget(self, dialog_id: int) -> dict[str, int]:
        """Remove every row of a dialog; returns how many of each kind. A card is an id without words; its row stays
        until the companion has emptied the message."""
        with self.transaction():
            self.db.execute(
                "UPDATE cards SET closed = 0 WHERE suggestion_id IN (SELECT id FROM suggestions WHERE dialog_id = ?)",
                (dialog_id,),
            )
            removed = {
                table: self.db.execute(f"DELETE FROM {table} WHERE dialog_id = ?", (dialog_id,)).rowcount
                for table in (
                    "outbox",
                    "suggestions",
                    "inbox",
                    "policy",
                    "limits",
                    "watched",
                    "standings",
                    "notices",
                    "guesses",
                )
            }
        self.rewrite()
        return removed
