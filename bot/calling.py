"""Who calls for the owner in a group, and may be answered there.

In a group the twin speaks only when it is spoken to: a living person, who agreed, names the owner or answers the owner.
What the same person adds while that waits belongs to it. Bots, channels, whoever writes in the name of the group, and
forwards call for nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from data.archive import Archive
from data.consent import Ledger
from data.message import Message


@dataclass(frozen=True, slots=True)
class Calling:
    """Read anew at each call, since other processes change who agreed."""

    archive: Archive

    def to_us(self, message: Message) -> bool:
        """Whether this asks for an answer: in a private chat whatever can be answered in writing does."""
        if message.dialog_id >= 0 or message.mine:
            return message.asks
        return message.mentioned and self.may_be_answered(message)

    def adds(self, message: Message, asked: Message) -> bool:
        """Whether somebody goes on with what was asked in a group."""
        return (
            message.id > asked.id
            and (message.dialog_id, message.sender_id, message.topic_id)
            == (asked.dialog_id, asked.sender_id, asked.topic_id)
            and self.may_be_answered(message)
        )

    def overtakes(self, message: Message, asked: Message) -> bool:
        """Whether an incoming message makes outdated what was written for an older one."""
        if message.dialog_id >= 0:
            return message.asks
        return self.adds(message, asked) or (message.topic_id == asked.topic_id and self.to_us(message))

    def may_be_answered(self, message: Message) -> bool:
        """Whether a message of a group was written by a person who agreed, in words of their own."""
        if message.sender_id is None or message.forwarded or not message.asks:
            return False
        writer = self.archive.person(message.sender_id)
        return (
            writer is not None
            and writer.is_a_person
            and Ledger(self.archive).member(message.dialog_id, message.sender_id) is not None
        )

    def asking(self, dialog_id: int, ids: Iterable[int]) -> Message | None:
        """Of the messages that a reply answers the one that called for the owner last: it is what is replied to."""
        there = [found for each in sorted(ids) if (found := self.archive.message(dialog_id, each))]
        return next((each for each in reversed(there) if each.mentioned), there[-1] if there else None)
