"""Crisis words are told to the owner at once: before any reply is thought of, while paused, and after a crash.

A notice is a row, committed together with the inbox row of its message. Its `random_id` is drawn with it, so that one
whose answer was lost is told again without being heard twice.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.livedb import LiveDb
from data.archive import Archive

RETRY = 5.0
"""Seconds until a notice that could not be told is tried again."""
ToOwner = Callable[[str, int], Awaitable[int | None]]
"""The outbox's door to the owner: text and `random_id`; None when it did not arrive."""
Words = Callable[[int, int], str | None]
"""What is said of a dialog and a number that is no message's; None for a message."""


@dataclass(slots=True)
class Notices:
    """The rows, and what finds crisis words."""

    live: LiveDb
    archive: Archive
    crisis: Callable[[Sequence[str]], bool]
    now: Callable[[], datetime]
    rng: random.Random = field(default_factory=random.SystemRandom)

    def look(self, dialog_id: int, message_id: int, text: str) -> None:
        """Note a message that holds crisis words."""
        if self.crisis([text]):
            self.note(dialog_id, message_id)

    def note(self, dialog_id: int, message_id: int) -> None:
        """The owner is to be told of this message, once."""
        self.live.db.execute(
            "INSERT OR IGNORE INTO notices (dialog_id, message_id, random_id) VALUES (?, ?, ?)",
            (dialog_id, message_id, self.rng.getrandbits(63) or 1),
        )

    def noted(self, dialog_id: int, after_id: int, upto_id: int) -> bool:
        """Whether a message in `(after_id, upto_id]` has a notice already."""
        return bool(
            self.live.db.execute(
                "SELECT 1 FROM notices WHERE dialog_id = ? AND message_id > ? AND message_id <= ?",
                (dialog_id, after_id, upto_id),
            ).fetchone()
        )

    async def tell(self, to_owner: ToOwner, words: Words = lambda _dialog, _number: None) -> None:
        """Tell what was not told yet."""
        for dialog_id, message_id, random_id in self.live.db.execute(
            "SELECT dialog_id, message_id, random_id FROM notices WHERE told_at IS NULL"
            " ORDER BY message_id <= 0, message_id"
        ).fetchall():
            dialog = self.archive.dialog(dialog_id)
            who = dialog.title if dialog else "one of your chats"
            crisis = f"A message from {who} needs you now. Your twin does not answer it."
            told = await to_owner(words(dialog_id, message_id) or crisis, random_id)
            if told is None:
                await asyncio.sleep(RETRY)
                return
            self.live.db.execute(
                "UPDATE notices SET told_at = ? WHERE dialog_id = ? AND message_id = ?",
                (self.now().timestamp(), dialog_id, message_id),
            )
