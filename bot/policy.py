"""What the twin may do in each chat: the mode, and the limits on its automatic replies. Fails closed.

A chat is `off` until its owner lists it. Limits count replies (turns), never bubbles, and only automatic ones: what
the owner approved is the owner's own pace.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from bot.limits import Limits
from bot.livedb import LiveDb
from bot.settings import LiveSettings
from data.message import Dialog


class Mode(StrEnum):
    """How far the twin may go in a chat."""

    OFF = "off"
    DRAFT = "draft"
    ASK = "ask"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Listed:
    """When a chat was listed, and the newest message known then: both older ones are history."""

    at: float
    after_id: int


@dataclass(frozen=True, slots=True)
class Policy:
    """Modes and limits, from `live.db` and the settings. A chat's own limits stand above those of the settings."""

    live: LiveDb
    limits: LiveSettings
    zone: tzinfo = UTC

    def mode(self, dialog_id: int, now: datetime) -> Mode:
        """The mode of a chat now; `auto` that was not renewed for a while is `ask`, and so is any while Telegram
        limits the account."""
        row = self.live.db.execute("SELECT mode FROM policy WHERE dialog_id = ?", (dialog_id,)).fetchone()
        if row is None:
            return Mode.OFF
        mode = Mode(row["mode"])
        fallen = mode is Mode.AUTO and (self.lapsed(dialog_id, now) or now < self.limited_until())
        return Mode.ASK if fallen else mode

    def lapsed(self, dialog_id: int, now: datetime) -> bool:
        """Whether the chat was set to `auto`, and that was not renewed in time."""
        row = self.live.db.execute(
            "SELECT set_at FROM policy WHERE dialog_id = ? AND mode = ?", (dialog_id, Mode.AUTO)
        ).fetchone()
        return row is not None and now.timestamp() - row["set_at"] > self.limits.auto_days * 86400

    def listed_since(self) -> list[tuple[int, float]]:
        """The chats that are not off, and when that was set last."""
        rows = self.live.db.execute("SELECT dialog_id, set_at FROM policy WHERE mode != ?", (Mode.OFF,))
        return [(row[0], row[1]) for row in rows]

    def limit(self, until: datetime) -> None:
        """Telegram limits the account: until then no chat is automatic."""
        self.live.db.execute("REPLACE INTO switches VALUES ('limited_until', ?)", (str(until.timestamp()),))

    def limited_until(self) -> datetime:
        """When that is over, or was."""
        row = self.live.db.execute("SELECT value FROM switches WHERE name = 'limited_until'").fetchone()
        return datetime.fromtimestamp(float(row[0]) if row else 0, UTC)

    def set_mode(self, dialog: Dialog, mode: Mode, now: datetime, newest_id: int = 0) -> None:
        """List a chat, whose newest message known here is `newest_id`. What was written while it was off is history
        from then on. Raises ValueError where no people are: machines can never be listed."""
        if mode is not Mode.OFF and not dialog.may_be_answered:
            raise ValueError(f"{dialog.title} is {dialog.kind.noun}, not a person or a group of them")
        with self.live.transaction():
            fresh = self.mode(dialog.id, now) is Mode.OFF
            listed = Listed(now.timestamp(), newest_id) if fresh else self.listed(dialog.id)
            self.live.db.execute(
                "REPLACE INTO policy (dialog_id, mode, set_at, listed_at, listed_after) VALUES (?, ?, ?, ?, ?)",
                (dialog.id, mode, now.timestamp(), listed.at, listed.after_id),
            )

    def before(self, dialog_id: int) -> Mode | None:
        """The mode that a paused chat had; None for one that is not paused."""
        row = self.live.db.execute("SELECT before FROM policy WHERE dialog_id = ?", (dialog_id,)).fetchone()
        return Mode(row["before"]) if row and row["before"] else None

    def listed(self, dialog_id: int) -> Listed:
        """Since when the chat is listed."""
        row = self.live.db.execute(
            "SELECT listed_at, listed_after FROM policy WHERE dialog_id = ?", (dialog_id,)
        ).fetchone()
        return Listed(*row) if row else Listed(0.0, 0)

    def listed_at(self) -> dict[int, float]:
        """The same of every chat that was ever listed: the moments alone."""
        return dict(self.live.db.execute("SELECT dialog_id, listed_at FROM policy").fetchall())

    def modes(self, now: datetime) -> dict[int, Mode]:
        """The listed chats."""
        ids = [row[0] for row in self.live.db.execute("SELECT dialog_id FROM policy ORDER BY dialog_id")]
        return {dialog_id: self.mode(dialog_id, now) for dialog_id in ids}

    def against_auto(self, dialog_id: int, now: datetime) -> str | None:
        """Why no automatic reply may go out in this chat now, or None."""
        here = Limits.of(self.live, dialog_id).over(self.limits)
        if self._quiet(here.quiet_hours, now):
            return "quiet hours"
        checks = (
            (dialog_id, timedelta(seconds=self.limits.chat_seconds), 1, "too soon after the last reply here"),
            (dialog_id, timedelta(hours=1), here.chat_hour, "the hour's replies in this chat are used up"),
            (dialog_id, timedelta(days=1), here.chat_day, "the day's replies in this chat are used up"),
            (None, timedelta(days=1), self.limits.all_day, "the day's replies are used up"),
        )
        for where, span, most, reason in checks:
            if self._replies(where, now - span) >= most:
                return reason
        return None

    def _replies(self, dialog_id: int | None, since: datetime) -> int:
        """Automatic replies (turns, not bubbles) that went out, or are on their way, since a moment."""
        # found by time, which few rows have: the plus keeps SQLite from going through every row that was sent
        (n,) = self.live.db.execute(
            "SELECT count(DISTINCT suggestion_id) FROM outbox JOIN suggestions ON suggestions.id = suggestion_id"
            " WHERE surface = 'auto' AND +outbox.state IN ('sending', 'sent', 'unknown') AND attempted_at > ?"
            " AND (? IS NULL OR outbox.dialog_id = ?)",
            (since.timestamp(), dialog_id, dialog_id),
        ).fetchone()
        return int(n)

    def _quiet(self, hours: str, now: datetime) -> bool:
        if not hours:
            return False
        start, end = (time.fromisoformat(part.strip()) for part in hours.split("-"))
        clock = now.astimezone(self.zone).time()
        return start <= clock < end if start <= end else clock >= start or clock < end
