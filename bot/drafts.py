"""A suggestion as Telegram's own cloud draft: it waits in the input box of the owner's app, who edits and sends it.

The default surface, because the twin then never sends at all. A cloud draft can overwrite text that is being typed on
another device, so it is placed once per turn and only when nobody can be typing: the box on the server is empty, the
message is unread on every device, and the owner has written nothing for a minute. Telegram has no "only if the box is
still as I saw it": a text that the owner began between our look and our saving is replaced, and put back at once.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
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
CROSSING = 10.0
"""Seconds after our saving in which the news of a text that it crossed may still come."""


@dataclass(frozen=True, slots=True)
class _Box:
    """An input box as the server has it, with up to where the owner has read and the newest message of the chat."""

    text: str | None
    """None of an empty box. One that only says what is being answered has no words, and is begun all the same."""
    read_upto: int
    newest: types.Message | None


@dataclass(slots=True)
class _Saved:
    """What we last put into a box, instead of which words of ours, and until when a text of the owner's may turn out to
    have been in its way."""

    text: str
    instead_of: str
    until: float = float("inf")


@dataclass(frozen=True, slots=True)
class Drafts:
    """Places and removes drafts. Raises what a broken network raises, and what ends the login."""

    client: TelegramClient
    archive: Archive
    _not_before: dict[int, float] = field(default_factory=dict, init=False)
    _turns: dict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock), init=False)
    """One look and what follows from it at a time, for each chat."""
    _saved: dict[int, _Saved] = field(default_factory=dict, init=False)
    _crossed: dict[int, types.DraftMessage] = field(default_factory=dict, init=False)
    """What the owner had in a box while we saved there, or shortly after: ours may have replaced it."""

    async def place(self, suggestion: Suggestion) -> bool:
        """Put it into the input box, where it may lie already; False when somebody may be using that box, or Telegram
        does not let us."""
        called = Calling(self.archive).asking(suggestion.dialog_id, suggestion.answers)
        in_group = suggestion.dialog_id < 0
        if in_group and (called is None or called.topic_id):
            return False  # each topic has an input box of its own, which cannot be looked into
        reply_to = types.InputReplyToMessage(called.id) if in_group and called else None
        draft = types.DraftMessage(text_of(suggestion), None, reply_to=reply_to)
        try:
            async with self._turns[suggestion.dialog_id]:
                box = await self._look(suggestion.dialog_id)
                if box.text == draft.message:
                    return True
                if box.text is not None or box.read_upto >= suggestion.upto_id or self._owner_wrote_lately(suggestion):
                    return False
                await self._save(suggestion.dialog_id, draft)
        except (errors.RPCError, ValueError) as error:
            if ends_login(error) or isinstance(error, errors.ServerError):  # it may have been placed nevertheless
                raise
            return False
        return True

    async def remove(self, suggestion: Suggestion) -> bool:
        """Take it out again, if it is still exactly ours; False when Telegram wants us to try later. Raises UserError
        when it will never let us."""
        dialog_id = suggestion.dialog_id
        if asyncio.get_running_loop().time() < self._not_before.get(dialog_id, 0.0):
            return False
        try:
            async with self._turns[dialog_id]:
                if (await self._look(dialog_id)).text == text_of(suggestion):
                    await self._save(dialog_id, types.DraftMessage("", None), text_of(suggestion))
        except (errors.FloodError, errors.ServerError) as error:
            self._wait(dialog_id, error)
            return False
        except (errors.RPCError, ValueError) as error:
            if ends_login(error):
                raise
            raise UserError(
                f"Words of your twin may still lie in the input box of {self._title(dialog_id)}: {refusal(error)}.",
                "Please look there.",
            ) from error
        return True

    def begun(self, dialog_id: int, draft: types.TypeDraftMessage) -> None:
        """The owner's app tells what stands in a box."""
        saved = self._saved.get(dialog_id)
        if saved and saved.until > asyncio.get_running_loop().time() and isinstance(draft, types.DraftMessage):
            self._crossed[dialog_id] = draft
        else:
            self._crossed.pop(dialog_id, None)

    async def give_back(self) -> AsyncIterator[int]:
        """Put the texts of the owner's back that ours have replaced, as they were; the chats where that was necessary.
        Raises UserError, with the text, when Telegram will not let us."""
        clock = asyncio.get_running_loop().time
        for dialog_id, draft in list(self._crossed.items()):
            if self._turns[dialog_id].locked() or clock() < self._not_before.get(dialog_id, 0.0):
                continue  # still being saved, or Telegram wants us to wait; the next look comes soon
            async with self._turns[dialog_id]:
                try:
                    mended = await self._mend(dialog_id, draft)
                except (errors.FloodError, errors.ServerError) as error:
                    self._wait(dialog_id, error)
                    continue
                except (errors.RPCError, ValueError) as error:
                    if ends_login(error):
                        raise
                    del self._crossed[dialog_id]
                    raise UserError(
                        f"Your twin's draft may have replaced what you had begun in {self._title(dialog_id)}, and it"
                        f" could not be put back: {refusal(error)}.",
                        f"You had written: {draft.message}",
                    ) from error
            if self._crossed.get(dialog_id) is draft:
                del self._crossed[dialog_id]
            if mended:
                yield dialog_id

    async def _mend(self, dialog_id: int, draft: types.DraftMessage) -> bool:
        saved, box = self._saved[dialog_id], await self._look(dialog_id)
        # An app may also save once more what we had put there: that is ours to take out, not theirs to have back.
        theirs = draft.message not in (saved.text, saved.instead_of) and self._crossed.get(dialog_id) is draft
        if theirs and (box.text or "") == saved.text and not _has_sent(draft, box.newest):
            await self._save(dialog_id, draft)
            return True
        return False

    async def _look(self, dialog_id: int) -> _Box:
        """What stands in the input box on the server."""
        peer = await self.client.get_input_entity(dialog_id)
        answer = await self.client(functions.messages.GetPeerDialogsRequest([types.InputDialogPeer(peer)]))
        dialog, newest = answer.dialogs[0], next(iter(answer.messages), None)
        text = dialog.draft.message if isinstance(dialog.draft, types.DraftMessage) else None
        return _Box(text, dialog.read_inbox_max_id, newest if isinstance(newest, types.Message) else None)

    async def _save(self, dialog_id: int, draft: types.DraftMessage, instead_of: str = "") -> None:
        saved = self._saved[dialog_id] = _Saved(draft.message, instead_of)
        try:
            peer = await self.client.get_input_entity(dialog_id)
            await self.client(
                functions.messages.SaveDraftRequest(
                    peer,
                    draft.message,
                    no_webpage=draft.no_webpage,
                    invert_media=draft.invert_media,
                    reply_to=draft.reply_to,
                    entities=draft.entities,
                )
            )
        finally:  # an answer that is lost does not tell that nothing was saved
            saved.until = asyncio.get_running_loop().time() + CROSSING

    def _wait(self, dialog_id: int, error: errors.RPCError) -> None:
        self._not_before[dialog_id] = asyncio.get_running_loop().time() + getattr(error, "seconds", REST)

    def _owner_wrote_lately(self, suggestion: Suggestion) -> bool:
        """By the server's own clock: the message that is answered against the owner's last one before it."""
        asked = self.archive.message(suggestion.dialog_id, suggestion.upto_id)
        own = [m for m in self.archive.recent(suggestion.dialog_id, 20) if m.mine and not m.by_twin]
        return bool(asked and own and abs(asked.sent_at - own[-1].sent_at) < SINCE_OWNER)

    def _title(self, dialog_id: int) -> str:
        dialog = self.archive.dialog(dialog_id)
        return dialog.title if dialog else "a chat"


def text_of(suggestion: Suggestion) -> str:
    """All its messages as one text: an input box holds one."""
    return "\n".join(suggestion.texts)


def _has_sent(begun: types.DraftMessage, newest: types.Message | None) -> bool:
    """Whether the owner has sent meanwhile what they had begun."""
    return newest is not None and newest.out and (newest.message == begun.message or newest.date > begun.date)
