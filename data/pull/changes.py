"""What changed since the last pull, wherever it was: new messages, edits and deletions, without reading any history.

The archive keeps an update state of its own, never the login session's: Telethon drops edits and deletions after a gap.
One difference tells of all private chats and basic groups; each supergroup counts for itself. What a difference brings
is saved together with the state that it leads to, so it is applied once and completely.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from telethon.tl import functions, types

from data.archive import Archive, Cursor
from data.consent import Ledger
from data.message import Dialog, Kind
from data.pull.page import marked
from data.pull.question import Asker
from data.telegram import hear

STATE = "update_state"
"""The archive's fact that says up to where the account's changes are known."""
LIMIT = 100
_EDITS = (types.UpdateEditMessage, types.UpdateEditChannelMessage)


@dataclass(slots=True)
class Changes:
    """Applies differences."""

    archive: Archive
    ask: Asker

    async def of_account(self) -> None:
        """Bring private chats and basic groups up to date, as far as they were pulled before. Raises UserError."""
        known = self.archive.fact(STATE)
        if known is None:
            # From here on changes are known; whatever was pulled without a state may have changed meanwhile.
            state = await self.ask(functions.updates.GetStateRequest())
            with self.archive.transaction():
                self._remember(state.pts, state.qts, state.date)
                self.archive.recheck_all()
            return
        at = json.loads(known)
        while at is not None:
            at = await self._slice(at)

    async def _slice(self, at: dict[str, int]) -> dict[str, int] | None:
        """One part of the difference; returns where the next begins."""
        date = datetime.fromtimestamp(at["date"], UTC)
        answer = await self.ask(functions.updates.GetDifferenceRequest(pts=at["pts"], date=date, qts=at["qts"]))
        with self.archive.transaction():
            match answer:
                case types.updates.DifferenceEmpty():
                    return None
                case types.updates.DifferenceTooLong(pts=pts):
                    self.archive.recheck_all()
                    return self._remember(pts, at["qts"], date)
                case types.updates.DifferenceSlice(intermediate_state=state):
                    self._apply(answer)
                    return self._remember(state.pts, state.qts, state.date)
            self._apply(answer)
            self._remember(answer.state.pts, answer.state.qts, answer.state.date)
            return None

    def _remember(self, pts: int, qts: int, date: datetime) -> dict[str, int]:
        state = {"pts": pts, "qts": qts, "date": int(date.timestamp())}
        self.archive.set_fact(STATE, json.dumps(state))
        return state

    async def of_supergroup(self, dialog: Dialog, entity: Any) -> None:
        """Bring one supergroup up to date that was pulled before. Raises UserError."""
        final = False
        while not final:
            pts = self.archive.cursor(dialog.id).pts or 1
            answer = await self.ask(
                functions.updates.GetChannelDifferenceRequest(
                    channel=entity, filter=types.ChannelMessagesFilterEmpty(), pts=pts, limit=LIMIT
                )
            )
            final = bool(answer.final)
            with self.archive.transaction():
                if isinstance(answer, types.updates.ChannelDifferenceTooLong):
                    self._know(dialog.id, pts=answer.dialog.pts or pts, recheck=True)
                    return
                if isinstance(answer, types.updates.ChannelDifference):
                    self._apply(answer)
                self._know(dialog.id, pts=answer.pts)

    def _know(self, dialog_id: int, **what: Any) -> None:
        self.archive.set_cursor(dialog_id, replace(self.archive.cursor(dialog_id), **what))

    def _apply(self, answer: Any) -> None:
        entities = [*answer.users, *answer.chats]
        self._add(answer.new_messages, entities)
        edits = [update.message for update in answer.other_updates if isinstance(update, _EDITS)]
        self._change(edits, entities)
        for update in answer.other_updates:
            # Deletions need no consent, so that even a chat without one forgets what was taken back.
            if isinstance(update, types.UpdateDeleteMessages):
                self.ask.report.deleted += self.archive.delete(None, update.messages)
            elif isinstance(update, types.UpdateDeleteChannelMessages):
                channel = marked(types.PeerChannel(update.channel_id))
                self.ask.report.deleted += self.archive.delete(channel, update.messages)

    def _add(self, raw: Iterable[Any], entities: list[Any]) -> None:
        """New messages of chats that are here up to the message before."""
        by_dialog: dict[int, list[Any]] = defaultdict(list)
        for message in raw:
            by_dialog[marked(message.peer_id)].append(message)
        for dialog_id, messages in by_dialog.items():
            self._note_protection(dialog_id, messages)
            cursor = self.archive.cursor(dialog_id)
            if not cursor.untouched and self._save(dialog_id, messages, entities):
                self.archive.set_cursor(dialog_id, _grown(cursor, max(message.id for message in messages)))

    def _change(self, raw: Iterable[Any], entities: list[Any]) -> None:
        """Edits of messages that are here; the others are read as they are by then."""
        for message in raw:
            if self.archive.message(dialog_id := marked(message.peer_id), message.id) is not None:
                self._save(dialog_id, [message], entities)

    def _save(self, dialog_id: int, messages: list[Any], entities: list[Any]) -> bool:
        """What the consent of this moment allows; False when nothing may be kept."""
        dialog, consent = self.archive.dialog(dialog_id), Ledger(self.archive).of(dialog_id)
        if consent is None or dialog is None or not dialog.may_be_kept:
            return False
        heard = hear(messages, entities)
        self.ask.report.add(self.archive.save(consent.allows(heard.messages)))
        self.ask.report.excluded += heard.left_out
        self.archive.save_people(person for person in heard.people if person.kind is not Kind.SELF)
        return True

    def _note_protection(self, dialog_id: int, messages: list[Any]) -> None:
        """Somebody forbade that this chat is saved. That it is allowed again is asked when it is pulled."""
        for message in messages:
            action = getattr(message, "action", None)
            if isinstance(action, types.MessageActionNoForwardsToggle) and action.new_value:
                self.archive.set_protected(dialog_id, True)


def _grown(cursor: Cursor, top: int) -> Cursor:
    """The cursor when everything up to `top` has come in at the upper end."""
    top = max(top, cursor.top)
    if not cursor.resume_at:
        return replace(cursor, newest=top)
    whole = cursor.newest == cursor.resume_newest
    return replace(cursor, newest=top if whole else cursor.newest, resume_newest=top)
