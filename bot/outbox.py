"""The one sender. Nothing else in the project calls Telegram's send, and this has two doors only: `to_contact` with
all checks, and `to_owner`, which reaches Saved Messages alone and works while paused.

Each bubble is a row with its own `random_id`, committed as `sending` in the transaction that makes the checks and
before the socket is touched. Telegram refuses a `random_id` it has seen, so a row is delivered at most once however
often its answer is lost; what became of it is then looked up in the chat itself.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from telethon import TelegramClient, errors
from telethon.tl import functions, types

from bot.gate import LOOK_BACK, Gate
from bot.livedb import LiveDb
from bot.policy import Mode
from bot.suggestion import State, Suggestion, Suggestions
from data.archive import Archive
from data.message import Message

RETRY_WITHIN = timedelta(minutes=5)
"""How long Telegram remembers a `random_id` is not documented, so an older one is never sent again."""
LOST = (ConnectionError, OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, errors.ServerError)
"""The request may have been carried out, or not."""

TYPING_LASTS = timedelta(seconds=5)
"""A typing notice fades after six seconds, so it is repeated a little earlier, never more often."""

Emit = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Row:
    """One bubble on its way."""

    id: int
    suggestion_id: int
    position: int
    dialog_id: int
    random_id: int
    text: str
    state: str
    due_at: float
    attempted_at: float | None


_ROW = "id, suggestion_id, position, dialog_id, random_id, text, state, due_at, attempted_at"


@dataclass(slots=True)
class Outbox:
    """The queue and its two doors."""

    client: TelegramClient
    live: LiveDb
    archive: Archive
    gate: Gate
    emit: Emit
    now: Callable[[], datetime]
    bubble_seconds: float = 1.5
    rng: random.Random = field(default_factory=random.SystemRandom)
    _suggestions: Suggestions = field(init=False)
    _typing_in: int | None = field(default=None, init=False)
    _typing_since: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)

    def __post_init__(self) -> None:
        self._suggestions = Suggestions(self.live)

    # --- planning

    def plan(self, suggestion: Suggestion) -> bool:
        """Put an approved or edited suggestion on its way: one row per bubble, each due when it could be typed."""
        due = self.now()
        with self.live.transaction():
            if not self._suggestions.move(suggestion, State.PLANNED, self.now()):
                return False
            for position, text in enumerate(suggestion.final or suggestion.texts):
                due += timedelta(seconds=typing_time(text, self.bubble_seconds))
                self.live.db.execute(
                    "INSERT INTO outbox (suggestion_id, position, dialog_id, random_id, text, state, due_at)"
                    " VALUES (?, ?, ?, ?, ?, 'planned', ?)",
                    (
                        suggestion.id,
                        position,
                        suggestion.dialog_id,
                        self.rng.getrandbits(63) or 1,
                        text,
                        due.timestamp(),
                    ),
                )
        return True

    def cancel(self, suggestion_id: int, reason: str) -> None:
        """Stop what is not yet on its way; bubbles already sent stay sent."""
        with self.live.transaction():
            n = self.live.db.execute(
                "UPDATE outbox SET state = 'cancelled' WHERE suggestion_id = ? AND state = 'planned'", (suggestion_id,)
            ).rowcount
            self._conclude(suggestion_id)
        if n:
            self.emit("cancelled", suggestion=suggestion_id, bubbles=n, reason=reason)

    def cancel_dialog(self, dialog_id: int, message_id: int, reason: str) -> None:
        """Stop everything planned for a chat that answers something older than this message."""
        for (suggestion_id,) in self.live.db.execute(
            "SELECT DISTINCT outbox.suggestion_id FROM outbox JOIN suggestions ON suggestions.id = outbox.suggestion_id"
            " WHERE outbox.dialog_id = ? AND outbox.state = 'planned' AND upto_id < ?",
            (dialog_id, message_id),
        ).fetchall():
            self.cancel(suggestion_id, reason)

    # --- after a restart

    async def recover(self) -> None:
        """End what a crash interrupted: the rest of a reply that had begun. Rows whose answer we never saw are settled
        by the first steps."""
        for (suggestion_id,) in self.live.db.execute(
            "SELECT DISTINCT suggestion_id FROM outbox WHERE state = 'planned' AND suggestion_id IN"
            " (SELECT suggestion_id FROM outbox WHERE state != 'planned')"
        ).fetchall():
            self.cancel(suggestion_id, "interrupted")

    # --- delivering

    async def step(self, up_to_date: Callable[[int], bool] = lambda _: True) -> float | None:
        """Do what is due now. Returns the seconds until something is due, or None when nothing is planned.

        `up_to_date` tells whether a chat's recent history has been read since we connected: before that nobody can say
        whether the owner has answered meanwhile, so nothing is sent there.
        """
        for row in self._rows("state = 'sending'"):
            if up_to_date(row.dialog_id):
                await self._settle(row)
        heads = self._rows(
            "state = 'planned' AND position = (SELECT min(position) FROM outbox AS o WHERE"
            " o.suggestion_id = outbox.suggestion_id AND o.state IN ('planned', 'sending'))"
        )
        heads = [row for row in heads if up_to_date(row.dialog_id)]
        if not heads:
            await self._show_typing(None)
            return None
        row = min(heads, key=lambda each: each.due_at)
        wait = row.due_at - self.now().timestamp()
        if wait <= 0:
            await self.to_contact(row)
            return 0.0
        if reason := self._reason_against(row):
            self.cancel(row.suggestion_id, reason)
            return 0.0
        await self._show_typing(row.dialog_id if wait <= 10 else None)
        return wait

    async def to_contact(self, row: Row) -> None:
        """The door to a contact. Every check is made again inside the transaction that marks the row `sending`."""
        with self.live.transaction():
            reason = self._reason_against(row)
            if not reason:
                moved = self.live.db.execute(
                    "UPDATE outbox SET state = 'sending', attempted_at = ? WHERE id = ? AND state = 'planned'",
                    (self.now().timestamp(), row.id),
                ).rowcount
                if not moved:
                    return
                suggestion = self._suggestions.get(row.suggestion_id)
                if suggestion and suggestion.state is State.PLANNED:
                    self._suggestions.move(suggestion, State.SENDING, self.now())
        if reason:
            self.cancel(row.suggestion_id, reason)
        else:
            await self._send(row)

    async def to_owner(self, text: str, random_id: int | None = None) -> bool:
        """The door to the owner: Saved Messages, nowhere else. Best effort: whether it arrived; never raises for the
        network. With the same `random_id` it arrives once, however often it is tried."""
        request = functions.messages.SendMessageRequest(
            types.InputPeerSelf(), text, random_id=random_id or self.rng.getrandbits(63) or 1, no_webpage=True
        )
        try:
            await self.client(request)
        except errors.RandomIdDuplicateError:
            return True
        except (*LOST, errors.RPCError) as error:
            self.emit("notice_failed", error=type(error).__name__)
            return False
        return True

    async def _send(self, row: Row) -> None:
        try:
            peer = await self.client.get_input_entity(row.dialog_id)
            answer = await self.client(
                functions.messages.SendMessageRequest(peer, row.text, random_id=row.random_id, no_webpage=True)
            )
        except errors.FloodError as flood:
            self._refused(row, due=self.now() + timedelta(seconds=getattr(flood, "seconds", 60)))
            self.emit("flood_wait", seconds=getattr(flood, "seconds", 60))
        except errors.PeerFloodError:
            await self._peer_flood(row)
        except LOST as error:
            if isinstance(error, errors.RandomIdDuplicateError):
                await self._delivered_before(row)
            else:
                self.emit("answer_lost", outbox=row.id)  # the row stays `sending`; the next step settles it
        except errors.RPCError as error:
            self._refused(row)
            self.emit("refused", outbox=row.id, error=type(error).__name__)
        else:
            self.sent(row.id, _message_id(answer, row.random_id))

    async def _delivered_before(self, row: Row) -> None:
        """Telegram has seen this `random_id`: it was delivered. Its message may have been changed or deleted since."""
        if found := await self._find(row):
            self.sent(row.id, found)
        else:
            self._unknown(row, "delivered, but not found")

    def _unknown(self, row: Row, reason: str) -> None:
        if not self._rows(f"id = {row.id} AND state = 'sending'"):
            return  # its echo came while we looked
        with self.live.transaction():
            self.live.db.execute("UPDATE outbox SET state = 'unknown' WHERE id = ? AND state = 'sending'", (row.id,))
            self._conclude(row.suggestion_id)
        self.cancel(row.suggestion_id, reason)
        self.emit("unknown", outbox=row.id)

    async def _peer_flood(self, row: Row) -> None:
        """Telegram calls us a spammer: nothing is sent by itself any more until the owner says so."""
        self._refused(row)
        for dialog_id, mode in self.gate.policy.modes(self.now()).items():
            if mode is Mode.AUTO and (dialog := self.archive.dialog(dialog_id)):
                self.gate.policy.set_mode(dialog, Mode.ASK, self.now())
        self.emit("peer_flood")
        await self.to_owner("Telegram limits this account (PEER_FLOOD). Every chat in auto was set to ask.")

    def _refused(self, row: Row, due: datetime | None = None) -> None:
        """Telegram did not carry it out: later again with all checks, or never."""
        with self.live.transaction():
            self.live.db.execute(
                "UPDATE outbox SET state = ?, due_at = coalesce(?, due_at) WHERE id = ? AND state = 'sending'",
                ("planned" if due else "cancelled", due.timestamp() if due else None, row.id),
            )
        if not due:
            self.cancel(row.suggestion_id, "refused by Telegram")
            with self.live.transaction():
                self._conclude(row.suggestion_id)

    async def _settle(self, row: Row) -> None:
        """Find out what became of a row whose answer was lost: look into the chat, then send again with the same
        `random_id`, then give up and ask the owner."""
        try:
            found = await self._find(row)
        except (*LOST, errors.RPCError):
            return  # still out of reach; the next step tries again
        if not self._rows(f"id = {row.id} AND state = 'sending'"):
            return  # its echo came while we looked
        if found:
            self.sent(row.id, found)
            return
        attempted = datetime.fromtimestamp(row.attempted_at or 0, UTC)
        reason = self._reason_against(row)
        if not reason and self.now() - attempted < RETRY_WITHIN:
            await self._send(row)
            return
        self._unknown(row, reason or "answer lost")
        await self.to_owner("One message of your twin may not have been delivered. Please look at the chat.")

    async def _find(self, row: Row) -> int | None:
        """The id of a row's message if it stands in the chat: ours, newer than what it answers, and nobody else's."""
        suggestion = self._suggestions.get(row.suggestion_id)
        taken = {
            each[0]
            for each in self.live.db.execute(
                "SELECT message_id FROM outbox WHERE dialog_id = ? AND message_id IS NOT NULL", (row.dialog_id,)
            )
        }
        async for message in self.client.iter_messages(row.dialog_id, limit=LOOK_BACK, wait_time=0):
            new = suggestion is None or message.id > suggestion.upto_id
            if new and message.out and message.message == row.text and message.id not in taken:
                return int(message.id)
        return None

    def sent(self, row_id: int, message_id: int) -> None:
        """Note a delivery, and that this message is the twin's, so that it is neither the owner answering nor a
        training target."""
        now = self.now()
        with self.live.transaction():
            row = self.live.db.execute(
                "UPDATE outbox SET state = 'sent', message_id = ?, sent_at = ? WHERE id = ? AND state != 'sent'"
                " RETURNING suggestion_id, dialog_id, text",
                (message_id, now.timestamp(), row_id),
            ).fetchone()
            if row is None:
                return
            self._conclude(row["suggestion_id"])
        if self.archive.message(row["dialog_id"], message_id):
            self.archive.mark_by_twin(row["dialog_id"], message_id)
        else:
            self.archive.save([Message(row["dialog_id"], message_id, True, now, row["text"], by_twin=True)])
        self.emit("sent", dialog=row["dialog_id"], message=message_id, suggestion=row["suggestion_id"])

    def _conclude(self, suggestion_id: int) -> None:
        """Move the suggestion on when none of its rows is under way any more."""
        states = {
            row[0] for row in self.live.db.execute("SELECT state FROM outbox WHERE suggestion_id = ?", (suggestion_id,))
        }
        suggestion = self._suggestions.get(suggestion_id)
        if suggestion is None or states & {"planned", "sending"}:
            return
        end = State.UNKNOWN if "unknown" in states else State.SENT if "sent" in states else State.CANCELLED
        if suggestion.state is State.PLANNED and end is not State.CANCELLED:
            suggestion = self._suggestions.move(suggestion, State.SENDING, self.now()) or suggestion
        if suggestion.state in (State.PLANNED, State.SENDING, State.UNKNOWN) and suggestion.state is not end:
            self._suggestions.move(suggestion, end, self.now())

    def ours(self, dialog_id: int, message_id: int, text: str) -> bool:
        """Whether an outgoing message is one of our rows, also when its echo overtakes the answer to the send."""
        row = self.live.db.execute(
            "SELECT id, state, message_id FROM outbox WHERE dialog_id = ? AND"
            " (message_id = ? OR (state = 'sending' AND text = ?"
            " AND ? > (SELECT upto_id FROM suggestions WHERE suggestions.id = suggestion_id)))"
            " ORDER BY position LIMIT 1",
            (dialog_id, message_id, text, message_id),
        ).fetchone()
        if row is None:
            return False
        self.sent(row["id"], message_id)
        return True

    def _reason_against(self, row: Row) -> str | None:
        # After a reconnect our own message may be read from history before the answer to its send is known.
        return self.gate.against(row, self._suggestions.get(row.suggestion_id), self.now(), self.ours)

    async def _show_typing(self, dialog_id: int | None) -> None:
        """Typing is shown only while a bubble is really on its way, and ended when it is not."""
        fresh = self.now() - self._typing_since < TYPING_LASTS
        if dialog_id == self._typing_in and (dialog_id is None or fresh):
            return
        self._typing_since = self.now()
        action = types.SendMessageTypingAction() if dialog_id else types.SendMessageCancelAction()
        where, self._typing_in = dialog_id or self._typing_in, dialog_id
        try:
            await self.client(functions.messages.SetTypingRequest(await self.client.get_input_entity(where), action))
        except (*LOST, errors.RPCError, ValueError):
            return  # a nicety: never worth a failure

    def _rows(self, where: str) -> list[Row]:
        return [
            Row(*row) for row in self.live.db.execute(f"SELECT {_ROW} FROM outbox WHERE {where} ORDER BY id").fetchall()
        ]


def typing_time(text: str, least: float) -> float:
    """Seconds a person needs for a bubble: a plain default of 25 characters a second, between `least` and 8 s."""
    return min(8.0, max(least, len(text) / 25)) if least else 0.0


def _message_id(answer: Any, random_id: int) -> int:
    if isinstance(answer, types.UpdateShortSentMessage):
        return int(answer.id)
    return next(
        int(update.id)
        for update in answer.updates
        if isinstance(update, types.UpdateMessageID) and update.random_id == random_id
    )
