"""The kill switch. It lies in `live.db`, so it works from any process, stops a running client within its next look
(a tenth of a second), and survives a restart."""

from datetime import UTC, datetime

from bot.livedb import LiveDb


class Control:
    """Paused or not. While paused nothing is generated and nothing is sent to a contact."""

    def __init__(self, live: LiveDb) -> None:
        self._live = live

    def paused(self, now: datetime) -> bool:
        """Whether everything stands still now."""
        row = self._live.db.execute("SELECT value FROM switches WHERE name = 'paused_until'").fetchone()
        return row is not None and (row[0] == "" or now < datetime.fromtimestamp(float(row[0]), UTC))

    def pause(self, until: datetime | None = None) -> None:
        """Stop everything, for ever or until a moment."""
        value = str(until.timestamp()) if until else ""
        self._live.db.execute("REPLACE INTO switches VALUES ('paused_until', ?)", (value,))

    def resume(self) -> None:
        """Go on."""
        self._live.db.execute("DELETE FROM switches WHERE name = 'paused_until'")
