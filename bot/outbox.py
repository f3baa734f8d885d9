"""The one sender. Nothing else in the project calls Telegram's send, and this has two doors only: `to_contact` with
all checks, and `to_owner`, which reaches Saved Messages or the owner's own bot chat alone and works while paused.

Each bubble is a row with its own `random_id`, committed as `sending` in the transaction that makes the checks and
before the socket is touched. Telegram refuses a `random_id` it has seen, so a bubble is delivered at most once however
often its answer is lost; what became of it is then looked up in the chat itself. Whatever goes wrong in one chat ends
what was meant for that chat, with a word to the owner, and nothing else.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from telethon import errors
from telethon.tl import functions, types

from bot.botchat import BotChat
from bot.bubbles import Bubble, Bubbles
from bot.clocks import Clocks
from bot.echoes import NEAR, Echoes, Emit
from bot.gate import EXPIRED, Gate
from bot.livedb import LiveDb
from bot.suggestion import State, Suggestion
from bot.typist import Place, Typist
from data.archive import Archive
from data.message import Message
from data.rhythm import Gaps
from data.telegram import PASSING, Client, ends_login, refusal, to_message

RETRY_WITHIN = timedelta(minutes=5)
"""How long Telegram remembers a `random_id` is not documented, so an older one is never sent again."""
SPAMMER = timedelta(days=1)
"""How long nothing is sent by itself after Telegram called the account a spammer."""
TELL_WITHIN = 20.0
"""Seconds that a word to the owner may take, before it is tried elsewhere or later."""
TELL_AGAIN = timedelta(minutes=1)
REST = timedelta(seconds=2)
"""Between two looks for a message whose answer was lost."""
LOOK_BACK = 30
"""Among so many of a chat's newest messages one whose answer was lost is looked for."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Outbox:
    """The queue's way out, and its two doors."""

    client: Client
    live: LiveDb
    archive: Archive
    gate: Gate
    emit: Emit
    clocks: Clocks
    bubble_seconds: float = 1.5
    rng: random.Random = field(default_factory=random.SystemRandom)
    gaps: Gaps | None = None
    """The owner's rhythm, if there is one."""
    bot: BotChat | None = field(default=None, init=False)
    """The owner's chat with their own bot, while it can be reached."""
    bubbles: Bubbles = field(init=False)
    echoes: Echoes = field(init=False)
    typist: Typist = field(init=False)
    _not_before: dict[int, datetime] = field(default_factory=dict, init=False)
    _too_late: dict[int, int] = field(default_factory=dict, init=False)
    """The chats in which what the owner had approved was not sent in time, until they are told, with a `random_id`."""
    _too_late_from: datetime = field(default=LONG_AGO, init=False)
    _recalled: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.bubbles = Bubbles(self.live, self.clocks.now, self.bubble_seconds, self.rng, self.gaps)
        self.echoes = Echoes(self.bubbles, self.archive, self.emit, self.clocks)
        self.typist = Typist(self.client, self.clocks)

    def plan(self, suggestion: Suggestion) -> bool:
        """Put an approved or edited suggestion on its way."""
        return self.bubbles.plan(suggestion, self.clocks.there())

    def cancel(self, suggestion_id: int, reason: str) -> int:
        """Stop what is not yet on its way; bubbles already sent stay sent. Returns how many were stopped."""
        if n := self.bubbles.cancel(suggestion_id):
            self.emit("cancelled", suggestion=suggestion_id, bubbles=n, reason=reason)
        return n

    def cancel_dialog(self, dialog_id: int, message_id: int, reason: str) -> None:
        """Stop everything planned for a chat that answers something older than this message."""
        for suggestion_id in self.bubbles.planned_before(dialog_id, message_id):
            self.cancel(suggestion_id, reason)

    async def tell_time(self) -> None:
        """Learn how far the server's clock is ahead of ours: it is the one that dates messages. Raises what Telethon
        raises."""
        state = await self.client(functions.updates.GetStateRequest())
        self.clocks.compare(state.date)

    async def recover(self) -> None:
        """End what a crash interrupted: the rest of a reply that had begun. Bubbles whose answer we never saw are
        settled by the first steps."""
        for suggestion_id in self.bubbles.begun():
            self.cancel(suggestion_id, "interrupted")

    # --- delivering

    async def step(self, up_to_date: Callable[[int], bool] = lambda _: True) -> float | None:
        """Do what is due now. Returns the seconds until something is due, or None when nothing is planned.

        `up_to_date` tells whether a chat's recent history has been read since we connected: before that nobody can say
        whether the owner has answered meanwhile, so nothing is sent there.
        """
        for bubble in self.bubbles.sending():
            if up_to_date(bubble.dialog_id) and self.clocks.there() >= self._not_before.get(bubble.id, LONG_AGO):
                await self._settle(bubble)
        ready = []
        for bubble in self.bubbles.next():
            if not self._stopped(bubble) and up_to_date(bubble.dialog_id):
                ready.append(bubble)
        await self._tell_too_late()
        if not ready:
            await self.typist.show(None)
            return None
        bubble = min(ready, key=lambda each: each.due_at)
        wait = bubble.due_at - self.clocks.there().timestamp()
        if wait <= 0:
            await self.to_contact(bubble)
            return 0.0
        await self.typist.show(self._place(bubble) if wait <= 10 else None)
        return wait

    async def to_contact(self, bubble: Bubble) -> None:
        """The door to a contact. Every check is made again inside the transaction that marks the row `sending`."""
        with self.live.transaction():
            marked = None if self._stopped(bubble) else self.bubbles.attempt(bubble, self.clocks.there())
        if marked:
            await self._send(marked)

    async def to_owner(
        self, text: str, random_id: int | None = None, *, buttons: Any = None, saved: bool = False
    ) -> int | None:
        """The door to the owner: the chat with their own bot, if there is one and it can be reached, as only that one
        rings; else Saved Messages, and nowhere else. What has `buttons` goes to the bot's chat alone, what is `saved`
        never there. Best effort: the message's id, 0 if it had arrived before, None if it did not; never raises for the
        network. With the same `random_id` it arrives once in a place, however often it is tried."""
        number, chat = random_id or self.rng.getrandbits(63) or 1, self.bot
        if chat and not saved and self.clocks.there() >= chat.not_before:
            chat.error, arrived = await self._say(chat.client, chat.owner, text, number, buttons)
            if isinstance(chat.error, errors.FloodError):
                chat.not_before = self.clocks.there() + timedelta(seconds=getattr(chat.error, "seconds", 60))
            if arrived is not None:
                return arrived
        if buttons:
            return None
        _, arrived = await self._say(self.client, types.InputPeerSelf(), text, number)
        return arrived

    async def _say(
        self, client: Client, owner: Any, text: str, number: int, buttons: Any = None
    ) -> tuple[Exception | None, int | None]:
        request = functions.messages.SendMessageRequest(
            owner, text, random_id=number, no_webpage=True, reply_markup=buttons
        )
        try:
            async with asyncio.timeout(TELL_WITHIN):
                return None, _message_id(await client(request), number)
        except errors.RandomIdDuplicateError:
            return None, 0
        except (*PASSING, errors.RPCError, asyncio.CancelledError) as error:
            if cancelled(error):
                raise
            self.emit("notice_failed", error=type(error).__name__)
            return error if isinstance(error, Exception) else ConnectionError(), None

    def recall(self) -> None:
        """Paused: a bubble that was on the wire at the last look too is broken off, and the connection with it, lest it
        arrive when the network comes back. What became of it is settled then."""
        flying = self.echoes.in_flight
        if flying and flying.id == self._recalled:
            self.client.break_off()
        self._recalled = flying.id if flying else None

    async def _send(self, bubble: Bubble, again: bool = False) -> None:
        with self.echoes.awaiting(bubble):
            await self._try(bubble, again)

    async def _try(self, bubble: Bubble, again: bool) -> None:
        try:
            peer = await self.client.get_input_entity(bubble.dialog_id)
            answer = await self.client(
                functions.messages.SendMessageRequest(
                    peer, bubble.text, random_id=bubble.random_id, no_webpage=True, reply_to=self._reply_to(bubble)
                )
            )
        except errors.FloodError as flood:
            self._postpone(bubble, timedelta(seconds=getattr(flood, "seconds", 60)), again)
            self.emit("flood_wait", seconds=getattr(flood, "seconds", 60))
        except errors.PeerFloodError:
            await self._peer_flood(bubble)
        except errors.RandomIdDuplicateError:
            await self._settle(bubble, delivered=True)
        except PASSING:
            self.emit("answer_lost", outbox=bubble.id)  # the row stays `sending`; a later step settles it
        except (errors.RPCError, ValueError) as error:
            if ends_login(error):
                self._postpone(bubble, timedelta(0), again)
                raise
            await self._refused(bubble, error)
        else:
            self.echoes.sent(bubble.id, _message_id(answer, bubble.random_id))

    def _reply_to(self, bubble: Bubble) -> types.InputReplyToMessage | None:
        """In a group the first message of a reply answers the one that called; the others stay in its topic."""
        called = self._called(bubble)
        if called and bubble.position == 0:
            return types.InputReplyToMessage(called.id, top_msg_id=called.topic_id)
        return types.InputReplyToMessage(called.topic_id) if called and called.topic_id else None

    def _called(self, bubble: Bubble) -> Message | None:
        suggestion = self.bubbles.suggestions.get(bubble.suggestion_id) if bubble.dialog_id < 0 else None
        return self.gate.calling.asking(bubble.dialog_id, suggestion.answers) if suggestion else None

    def _postpone(self, bubble: Bubble, span: timedelta, again: bool) -> None:
        """Later, with all checks. What was tried before may have arrived all the same, so that it stays `sending`."""
        if again:
            self._not_before[bubble.id] = self.clocks.there() + span
        else:
            self.bubbles.postpone(bubble, self.clocks.there() + span)

    def _unknown(self, bubble: Bubble) -> bool:
        if ended := self.bubbles.end(bubble, "unknown"):
            self.emit("unknown", outbox=bubble.id)
        return ended

    async def _peer_flood(self, bubble: Bubble) -> None:
        """Telegram calls us a spammer: for a day nothing is sent by itself."""
        self.bubbles.end(bubble, "cancelled")
        until = self.clocks.there() + SPAMMER
        self.gate.policy.limit(until)
        self.emit("peer_flood", outbox=bubble.id)
        chat = self.title(bubble.dialog_id)
        await self.to_owner(
            f"Telegram limits this account (PEER_FLOOD): your twin's reply to {chat} was not sent."
            f" Until {until.astimezone(self.gate.policy.zone):%a %H:%M} it asks in every chat that is automatic."
        )

    async def _refused(self, bubble: Bubble, error: Exception) -> None:
        """Telegram will not carry it out, now or later."""
        self.bubbles.end(bubble, "cancelled")
        self.emit("refused", outbox=bubble.id, error=type(error).__name__)
        await self.to_owner(f"Your twin's reply to {self.title(bubble.dialog_id)} was not sent: {refusal(error)}.")

    # --- what became of a bubble whose answer was lost

    async def _settle(self, bubble: Bubble, delivered: bool = False) -> None:
        """Look into the chat, then send again with the same `random_id`, then give up and tell the owner. One that was
        `delivered`, since Telegram refuses its `random_id`, is looked for only: the owner may have changed or deleted
        it since."""
        self._not_before[bubble.id] = self.clocks.there() + REST
        try:
            found = await self._find(bubble)
        except errors.FloodError as flood:
            self._postpone(bubble, timedelta(seconds=getattr(flood, "seconds", 60)), again=True)
            return
        except PASSING:
            return  # out of reach; a later step tries again
        except (errors.RPCError, ValueError) as error:
            if ends_login(error):
                raise
            await self._give_up(bubble)
            return
        if found:
            self.echoes.sent(bubble.id, found)
            return
        if delivered:
            self._unknown(bubble)
            return
        attempted = datetime.fromtimestamp(bubble.attempted_at or 0, UTC)
        suggestion = self.bubbles.suggestions.get(bubble.suggestion_id)
        if self._reason_against(bubble, suggestion) or self.clocks.there() - attempted >= RETRY_WITHIN:
            await self._give_up(bubble)
        elif bubble in self.bubbles.sending():  # unless its echo came while we looked
            await self._send(bubble, again=True)

    async def _give_up(self, bubble: Bubble) -> None:
        if self._unknown(bubble):
            title = self.title(bubble.dialog_id)
            await self.to_owner(f"A message of your twin to {title} may not have been delivered. Please look there.")

    async def _find(self, bubble: Bubble) -> int | None:
        """The id of its message if it stands in the chat. Of several with its words, the one nearest to our sending."""
        candidates = []
        async for each in self.client.iter_messages(bubble.dialog_id, limit=LOOK_BACK, wait_time=0):
            message = to_message(bubble.dialog_id, each)
            if message and self.bubbles.may_be(bubble, message) and self.echoes.apart(bubble, message) <= NEAR:
                candidates.append(message)
        nearest = min(candidates, key=lambda each: self.echoes.apart(bubble, each), default=None)
        return nearest.id if nearest else None

    def _stopped(self, bubble: Bubble) -> bool:
        """Whether it must not go out: then its reply has been stopped, or is the owner's to decide on."""
        suggestion = self.bubbles.suggestions.get(bubble.suggestion_id)
        if reason := self._reason_against(bubble, suggestion):
            stopped = self.cancel(bubble.suggestion_id, reason)
            if stopped and reason == EXPIRED and suggestion and suggestion.surface != "auto":
                self._too_late[bubble.dialog_id] = self.rng.getrandbits(63) or 1
        elif suggestion and (reason := self.gate.against_auto(suggestion, self.clocks.there())):
            if self.bubbles.hand_back(suggestion):
                self.emit(str(State.OFFERED), dialog=bubble.dialog_id, suggestion=suggestion.id, because=reason)
        else:
            return False
        return True

    def _reason_against(self, bubble: Bubble, suggestion: Suggestion | None) -> str | None:
        # After a reconnect our own message may be read from history before the answer to its send is known.
        return self.gate.against(bubble, suggestion, self.clocks.now(), self.echoes.ours)

    async def _tell_too_late(self) -> None:
        """A FLOOD_WAIT that held a reply up may hold this word up, too."""
        for dialog_id, number in list(self._too_late.items()):
            if self.clocks.there() < self._too_late_from:
                return
            told = f"Your reply to {self.title(dialog_id)} was not sent: by the time it could be, it was too old."
            if await self.to_owner(told, number) is None:
                self._too_late_from = self.clocks.there() + TELL_AGAIN
            else:
                del self._too_late[dialog_id]

    def title(self, dialog_id: int) -> str:
        """What the owner calls a chat."""
        dialog = self.archive.dialog(dialog_id)
        return dialog.title if dialog else "one of your chats"

    def _place(self, bubble: Bubble) -> Place:
        called = self._called(bubble)
        return bubble.dialog_id, called.topic_id if called else None


def cancelled(error: BaseException) -> bool:
    """Whether somebody has cancelled this task. Telethon raises the same when it ends a connection under a request."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)


def _message_id(answer: Any, random_id: int) -> int:
    if isinstance(answer, types.UpdateShortSentMessage):
        return int(answer.id)
    return next(
        int(update.id)
        for update in answer.updates
        if isinstance(update, types.UpdateMessageID) and update.random_id == random_id
    )
