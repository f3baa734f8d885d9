"""What happened in the town, for tests to read: every message accepted, every request made, every other event.

This is the sandbox's memory for assertions. It holds text, so it is never written to a log or to disk.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that the town accepted. `message_id` is the id in the sender's box."""

    at: datetime
    sender_id: int
    peer_id: int
    message_id: int
    random_id: int | None
    text: str
    via_session: int | None
    """Id of the auth key that sent it; None when the host made the person act."""
    kind: str = "message"


@dataclass(frozen=True, slots=True)
class Event:
    """Anything else: typing, cancel, draft, read, edit, delete, reaction, online, offline, login, logout."""

    at: datetime
    kind: str
    account_id: int
    peer_id: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    via_session: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a client, by the name of its class."""

    at: datetime
    name: str
    account_id: int | None
    via_session: int
    takeout: bool = False
    """Whether it came as part of an export of the account's data."""


@dataclass(slots=True)
class Journal:
    """All of it, in the order in which it happened."""

    deliveries: list[Delivery] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def ask(self, asked: Asked) -> None:
        """Note a request."""
        self.requests.append(asked)
        self.calls[asked.name] += 1
