"""A talk with the twin in one chat that never happened: what was said in it lives in memory and ends with the page."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.respond import Proposal
from data.message import Message


@dataclass(slots=True)
class Talk:
    """What was said after the end of the real chat, and what the twin would answer now."""

    said: list[Message] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    seconds: float = 0.0
    tries: int = 0
    """How often the twin was asked for this turn: each time with another seed."""

    def say(self, dialog_id: int, newest_id: int, mine: bool, text: str, now: datetime) -> None:
        """Somebody says something."""
        number = max([newest_id, *(message.id for message in self.said)]) + 1
        self.said.append(Message(dialog_id, number, mine, now, text))
        self.proposals, self.tries = [], 0
