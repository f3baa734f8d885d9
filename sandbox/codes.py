"""Login codes: one that was sent to a phone number, and how long it is good for."""

from dataclasses import dataclass
from datetime import datetime

LIFE = 300.0
"""Seconds, by the town's clock."""
DIGITS = 5


@dataclass(slots=True)
class Code:
    """The newest code for a number. `hash` ties a sign-in to this sending of it."""

    phone: str
    digits: str
    hash: str
    sent_at: datetime
    used: bool = False

    def expired(self, now: datetime) -> bool:
        """Whether it came too late."""
        return (now - self.sent_at).total_seconds() > LIFE

    @property
    def message(self) -> str:
        """What the service account writes to the account's other devices."""
        return (
            f"Login code: {self.digits}. Do not give this code to anyone, even if they say they are from Telegram!\n\n"
            "This code can be used to log in to your account. We never ask it for anything else.\n\n"
            "If you didn't request this code by trying to log in on another device, simply ignore this message."
        )
