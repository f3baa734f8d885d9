"""A suggestion as Telegram's own cloud draft: it waits in the input box of the owner's app, who edits and sends it.

The default surface, because the twin then never sends at all. A cloud draft can overwrite text that is being typed on
another device, so it is placed once per turn and only when nobody can be typing: the box on the server is empty, the
message is unread on every device, and the owner has written nothing for a minute.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from telethon import TelegramClient, errors
from telethon.tl import functions, types

from bot.calling import Calling
from bot.suggestion import Suggestion
from data.archive import Archive
from data.errors import UserError
from data.telegram import ends_login, refusal

SINCE_OWNER = timedelta(seconds=60)
REST = 5.0
"""Seconds until a removal that failed on Telegram's side is tried again."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Places and removes drafts. Raises what a broken network raises, and what ends the login."""

    client: TelegramClient
    archive: Archive
    _not_before: dict[int, float] = field(default_factory=dict, init=False)

    async def place(self, suggestion: Suggestion) -> bool:
        """Put it into the input box, where it may lie already; False when somebody may be using that box, or Telegram
        does not let us."""
        called = Calling(self.archive).asking(suggestion.dialog_id, suggestion.answers)
        in_group = suggestion.dialog_id < 0
        if in_group and (called is None or called.topic_id):
            return False  # each topic has an input box of its own, which cannot be looked into
        reply_to = types.InputReplyToMessage(called.id) if in_group and called else None
        try:
            peer = await self.client.get_input_entity(suggestion.dialog_id)
            text, read_upto = await self._box(peer)
            if text == text_of(suggestion):
                return True
            if text or read_upto >= suggestion.upto_id or self._owner_wrote_lately(suggestion):
                return False
            await self.client(functions.messages.SaveDraftRequest(peer, text_of(suggestion), reply_to=reply_to))
        except (errors.RPCError, ValueError) as error:
            if ends_login(error) or isinstance(error, errors.ServerError):  # it may have been placed nevertheless
                raise
            return False
        return True

    async def remove(self, suggestion: Suggestion) -> bool:
        """Take it out again, if it is still exactly ours; False when Telegram wants us to try later. Raises UserError
        when it will never let us."""
        clock, dialog_id = asyncio.get_running_loop().time, suggestion.dialog_id
        if clock() < self._not_before.get(dialog_id, 0.0):
            return False
        try:
            peer = await self.client.get_input_entity(dialog_id)
            text, _ = await self._box(peer)
            if text == text_of(suggestion):
                await self.client(functions.messages.SaveDraftRequest(peer, ""))
        except (errors.FloodError, errors.ServerError) as error:
            self._not_before[dialog_id] = clock() + getattr(error, "seconds", REST)
            return False
        except (errors.RPCError, ValueError) as error:
            if ends_login(error):
                raise
            dialog = self.archive.dialog(dialog_id)
            raise UserError(
                f"Words of your twin may still lie in the input box of {dialog.title if dialog else 'a chat'}:"
                f" {refusal(error)}.",
                "Please look there.",
            ) from error
        return True

    async def _box(self, peer: object) -> tuple[str, int]:
        """What stands in the input box on the server, and up to where the owner has read."""
        answer = await self.client(functions.messages.GetPeerDialogsRequest([types.InputDialogPeer(peer)]))
        dialog = answer.dialogs[0]
        draft = dialog.draft
        return (draft.message if isinstance(draft, types.DraftMessage) else ""), dialog.read_inbox_max_id

    def _owner_wrote_lately(self, suggestion: Suggestion) -> bool:
        """By the server's own clock: the message that is answered against the owner's last one before it."""
        asked = self.archive.message(suggestion.dialog_id, suggestion.upto_id)
        own = [m for m in self.archive.recent(suggestion.dialog_id, 20) if m.mine and not m.by_twin]
        return bool(asked and own and abs(asked.sent_at - own[-1].sent_at) < SINCE_OWNER)


def text_of(suggestion: Suggestion) -> str:
    """All its messages as one text: an input box holds one."""
    return "\n".join(suggestion.texts)
