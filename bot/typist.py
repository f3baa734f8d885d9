"""What the other side sees while a bubble is coming: that somebody is typing."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from telethon.tl import functions, types

from bot.clocks import Clocks
from data.telegram import TROUBLE, Client

LASTS = timedelta(seconds=5)
"""A typing notice fades after six seconds, so it is repeated a little earlier, never more often."""
FAILURES = (*TROUBLE, ValueError)
Place = tuple[int, int | None]
"""A chat, and its topic."""


@dataclass(slots=True)
class Typist:
    """Shows it in one place at a time."""

    client: Client
    clocks: Clocks
    _in: Place | None = field(default=None, init=False)
    _since: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)

    async def show(self, place: Place | None) -> None:
        """Shown here from now on; for None it is ended where it was. A nicety: it never fails."""
        now = self.clocks.there()
        if place == self._in and (place is None or now - self._since < LASTS):
            return
        action = types.SendMessageTypingAction() if place else types.SendMessageCancelAction()
        (dialog_id, topic_id), self._in, self._since = place or self._in or (0, None), place, now
        try:
            peer = await self.client.get_input_entity(dialog_id)
            await self.client(functions.messages.SetTypingRequest(peer, action, top_msg_id=topic_id))
        except FAILURES:
            return
