"""Cards: which message in the chat with the owner's bot shows which suggestion. Rows of ids alone: what a card says is
made anew each time, and a restart finds every card where it was."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.livedb import LiveDb

_COLUMNS = "suggestion_id, random_id, message_id, shown, edit_until"


@dataclass(frozen=True, slots=True)
class Placed:
    """One card. `shown` names what stands there, empty before anything does."""

    suggestion_id: int
    random_id: int
    message_id: int | None
    shown: str
    edit_until: float | None
    """Until when the owner's next message is taken for their version."""


@dataclass(frozen=True, slots=True)
class Cards:
    """All rows of one `live.db`."""

    live: LiveDb

    def begin(self, bot: int) -> None:
        """They lie in the chat with this bot. Those of another cannot be reached any more: their numbers mean other
        messages here."""
        with self.live.transaction():
            row = self.live.db.execute("SELECT value FROM switches WHERE name = 'cards_of'").fetchone()
            if row and row[0] != str(bot):
                self.live.db.execute("DELETE FROM cards")
            self.live.db.execute("REPLACE INTO switches VALUES ('cards_of', ?)", (str(bot),))

    def add(self, suggestion_id: int, random_id: int) -> None:
        """A card that is about to be sent. Its `random_id` is drawn anew when it is known to have been used."""
        self.live.db.execute(
            "INSERT INTO cards (suggestion_id, random_id) VALUES (?1, ?2)"
            " ON CONFLICT (suggestion_id) DO UPDATE SET random_id = ?2",
            (suggestion_id, random_id),
        )

    def of(self, suggestion_id: int) -> Placed | None:
        """The card of a suggestion."""
        return self._one("suggestion_id = ?", suggestion_id)

    def of_message(self, message_id: int) -> Placed | None:
        """The card that this message of the bot's chat is."""
        return self._one("message_id = ?", message_id)

    def open(self) -> list[Placed]:
        """Those whose message may have to change."""
        return self._select("closed = 0 ORDER BY suggestion_id")

    def found(self, suggestion_id: int, message_id: int) -> None:
        """It became this message."""
        self.live.db.execute(
            "UPDATE cards SET message_id = ? WHERE suggestion_id = ? AND message_id IS NULL",
            (message_id, suggestion_id),
        )

    def show(self, suggestion_id: int, shown: str, *, last: bool = False) -> None:
        """This stands there now; after the `last` it does not change any more."""
        self.live.db.execute(
            "UPDATE cards SET shown = ?, closed = ? WHERE suggestion_id = ?", (shown, last, suggestion_id)
        )

    def remove(self, suggestion_id: int) -> None:
        """Its message says nothing any more."""
        self.live.db.execute("DELETE FROM cards WHERE suggestion_id = ?", (suggestion_id,))

    # --- whose version the owner's next message is

    def edit(self, suggestion_id: int, until: datetime) -> None:
        """This one's, and no other's."""
        with self.live.transaction():
            self.leave()
            self.live.db.execute(
                "UPDATE cards SET edit_until = ? WHERE suggestion_id = ?", (until.timestamp(), suggestion_id)
            )

    def edited(self, now: datetime, within: timedelta) -> Placed | None:
        """The card that the next message is meant for, if it was asked for within this time: a clock that was set back
        must not make it longer."""
        found = self._select("edit_until > ? AND edit_until <= ?", now.timestamp(), (now + within).timestamp())
        return found[0] if found else None

    def leave(self) -> None:
        """Nobody's."""
        self.live.db.execute("UPDATE cards SET edit_until = NULL WHERE edit_until IS NOT NULL")

    def _one(self, where: str, value: float) -> Placed | None:
        found = self._select(where, value)
        return found[0] if found else None

    def _select(self, where: str, *values: float) -> list[Placed]:
        return [Placed(*row) for row in self.live.db.execute(f"SELECT {_COLUMNS} FROM cards WHERE {where}", values)]
