"""The twin: what happens to each event, decided from rows alone. Knows no Telethon; time and chance are arguments.

    incoming -> inbox -> quiet? -> responder (worker thread) -> verdict -> mode: draft | ask | auto -> outbox

Whatever the owner, the other side or a switch does meanwhile wins: it bumps the chat's `turn`, and a suggestion made
for an older turn is thrown away.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bot.control import Control
from bot.guard import Outcome as Ruling
from bot.inbox import Inbox, Outcome, Ready
from bot.outbox import Emit, Outbox
from bot.policy import Mode, Policy
from bot.respond import Context, Proposal, Responder
from bot.suggestion import OPEN, State, Suggestion, Suggestions
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Message
from data.transcript import Scope

UNPLACED = timedelta(seconds=30)
"""A suggestion that is still pending after this long was orphaned by a crash."""


class Drafts(Protocol):
    """The input box of the owner's apps."""

    async def place(self, suggestion: Suggestion) -> bool:
        """Put a suggestion there; False when the box may be in use."""

    async def remove(self, suggestion: Suggestion) -> None:
        """Take an untouched one out."""


@dataclass(slots=True)
class Twin:
    """One running twin. `adapter` names who speaks; without one nothing is ever sent by itself."""

    archive: Archive
    inbox: Inbox
    suggestions: Suggestions
    policy: Policy
    control: Control
    outbox: Outbox
    drafts: Drafts
    responder: Responder
    adapter: str
    emit: Emit
    now: Callable[[], datetime]
    auto_confidence: float = 0.5
    expire: timedelta = timedelta(hours=3)
    in_a_row: int = 6
    seed: int = 1
    _turns: Counter[int] = field(default_factory=Counter, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _busy_with: int | None = field(default=None, init=False)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "generator"), init=False)

    # --- what happens

    def listens_to(self, dialog: Dialog | None) -> bool:
        """The one choke point: a living person, a chat with consent for both sides, and listed by its owner."""
        if dialog is None or not dialog.with_a_person:
            return False
        consent = Ledger(self.archive).of(dialog.id)
        return (
            consent is not None
            and consent.scope is Scope.CHAT
            and self.policy.mode(dialog.id, self.now()) is not Mode.OFF
        )

    def incoming(self, message: Message) -> None:
        """The other side wrote."""
        self.archive.save([message])
        if self.inbox.add(message.dialog_id, message.id, self.now()):
            self._turn(message.dialog_id)
            self.emit("incoming", dialog=message.dialog_id, message=message.id)

    def own(self, message: Message) -> None:
        """Something of ours appeared in a chat, from whichever device: the twin's own echo, or the owner."""
        if self.outbox.ours(message.dialog_id, message.id, message.text):
            return
        known = self.archive.message(message.dialog_id, message.id)
        self.archive.save([message])
        if known is None:
            self._owner_answered(message)

    def found(self, message: Message) -> None:
        """A message that a reading of history brought, so that the archive knows it already."""
        if not message.mine:
            self.incoming(message)
            if self.now() - message.sent_at > self.expire:
                self.inbox.settle_one(message.dialog_id, message.id, Outcome.EXPIRED)
        elif not self.outbox.ours(message.dialog_id, message.id, message.text):
            self._owner_answered(message)

    def _owner_answered(self, message: Message) -> None:
        dialog_id = message.dialog_id
        self._turn(dialog_id)
        self.outbox.cancel_dialog(dialog_id, message.id, "the owner answered")
        n = self.inbox.settle(dialog_id, message.id, Outcome.OWNER_ANSWERED)
        for suggestion in self.suggestions.in_state(*OPEN, dialog_id=dialog_id):
            if suggestion.upto_id < message.id:
                # What the owner really said is the label of what we proposed.
                self._drop(suggestion, State.OWNER_ANSWERED, final=[message.text])
        if n:
            self.emit("owner_answered", dialog=dialog_id, messages=n)

    def edited(self, message: Message) -> None:
        """A text changed. A suggestion for it is made anew."""
        before = self.archive.message(message.dialog_id, message.id)
        self.archive.save([message])
        if before and before.text != message.text and not message.mine:
            self._again(message.dialog_id, message.id)

    def deleted(self, ids: Iterable[int]) -> None:
        """Messages vanished; Telegram does not say from which private chat, but ids are unique among those."""
        gone = set(ids)
        if not gone:
            return
        self.archive.delete(None, gone)
        for suggestion in self.suggestions.in_state(*OPEN):
            if suggestion.upto_id in gone:
                self._drop(suggestion, State.SUPERSEDED)
        for chat in self.inbox.waiting():
            for message_id in gone:
                self.inbox.settle_one(chat.dialog_id, message_id, Outcome.DELETED)
        if self._busy_with is not None:
            self._turn(self._busy_with)

    def typing(self, dialog_id: int) -> None:
        """The other side is writing."""
        self.inbox.typing(dialog_id, self.now())

    def draft_cleared(self, dialog_id: int) -> None:
        """The owner emptied the input box without sending: a no to what we had put there."""
        for suggestion in self.suggestions.in_state(State.OFFERED, dialog_id=dialog_id):
            if suggestion.surface == "draft":
                self.suggestions.move(suggestion, State.SKIPPED, self.now())
                self.emit("skipped", dialog=dialog_id, suggestion=suggestion.id)

    def _again(self, dialog_id: int, message_id: int) -> None:
        self._turn(dialog_id)
        for suggestion in self.suggestions.in_state(*OPEN, dialog_id=dialog_id):
            if suggestion.upto_id >= message_id and self._drop(suggestion, State.SUPERSEDED):
                self.inbox.reopen(suggestion.id)

    def _turn(self, dialog_id: int) -> None:
        """Whatever is being written for this chat is out of date."""
        self._turns[dialog_id] += 1
        if self._busy_with == dialog_id:
            self._stop.set()

    # --- what to do next

    async def step(self) -> None:
        """One look at the inbox: answer what is quiet."""
        for chat in self.inbox.ready(self.now()):
            if self.control.paused(self.now()):
                return
            await self.answer(chat)

    async def tidy(self) -> None:
        """One look at the suggestions: drop what is stale, put on its way what was approved on any surface. Quick, so
        that an approval never waits for a reply that is being written elsewhere."""
        now = self.now()
        if self.control.paused(now):
            return
        self._expire(now)
        for suggestion in self.suggestions.stale_drafts():
            await self.drafts.remove(suggestion)
            self.suggestions.withdrawn(suggestion)
        for suggestion in self.suggestions.in_state(State.PENDING):
            if now - suggestion.created_at > UNPLACED:  # a crash came between writing it and showing it
                state = State.HELD if suggestion.outcome == Ruling.HOLD else State.OFFERED
                self._move(suggestion, state, suggestion.surface or "review")
        for suggestion in self.suggestions.in_state(State.APPROVED, State.EDITED):
            self.outbox.plan(suggestion)

    def interrupt(self) -> None:
        """Stop writing, within a token: paused, or shutting down."""
        self._stop.set()

    def _expire(self, now: datetime) -> None:
        for suggestion in self.suggestions.in_state(*OPEN):
            newer = self.inbox.newest(suggestion.dialog_id) > suggestion.upto_id
            old = now - suggestion.created_at > self.expire
            if newer or old:
                self._drop(suggestion, State.SUPERSEDED if newer else State.EXPIRED)

    def _drop(self, suggestion: Suggestion, state: State, final: Iterable[str] | None = None) -> bool:
        """End a suggestion nobody decided on; its draft, if untouched, leaves the input box at the next look."""
        moved = self.suggestions.move(suggestion, state, self.now(), final=final) is not None
        if moved:
            self.emit(str(state), dialog=suggestion.dialog_id, suggestion=suggestion.id)
        return moved

    async def answer(self, chat: Ready) -> None:
        """Write one reply, unless a rule or somebody is against it."""
        now = self.now()
        dialog = self.archive.dialog(chat.dialog_id)
        if not self.listens_to(dialog):
            self._settle(chat, Outcome.OFF)
        elif now.timestamp() - chat.arrived_at > self.expire.total_seconds():
            self._settle(chat, Outcome.EXPIRED)
        elif (context := self.responder.context(chat.dialog_id)) is None or (
            context.history[-1].mine and not context.history[-1].by_twin
        ):
            self._settle(chat, Outcome.OWNER_ANSWERED)
        else:
            await self._write(chat, context)

    async def _write(self, chat: Ready, context: Context) -> None:
        attempt = self.suggestions.attempts(chat.dialog_id, chat.upto_id)
        turn = self._turns[chat.dialog_id]
        self._stop.clear()
        self._busy_with = chat.dialog_id
        try:
            seed = hash((self.seed, chat.dialog_id, chat.upto_id, attempt)) & 0x7FFFFFFF
            proposals = await asyncio.get_running_loop().run_in_executor(
                self._worker, lambda: self.responder.propose(context, seed, self._stop.is_set)
            )
        finally:
            self._busy_with = None
        if self._turns[chat.dialog_id] != turn or self.control.paused(self.now()) or self._stop.is_set():
            return  # still waiting in the inbox; the next look decides anew
        if not self.listens_to(self.archive.dialog(chat.dialog_id)):  # revoked or forgotten while it was written
            self._settle(chat, Outcome.OFF)
            return
        if not proposals or proposals[0].verdict.outcome is Ruling.DROP:
            self._settle(chat, Outcome.DROPPED)
            return
        await self._offer(chat, proposals[0], attempt)

    async def _offer(self, chat: Ready, best: Proposal, attempt: int) -> None:
        now = self.now()
        mode = self.policy.mode(chat.dialog_id, now)
        with self.outbox.live.transaction():
            suggestion = self.suggestions.add(
                dialog_id=chat.dialog_id,
                upto_id=chat.upto_id,
                attempt=attempt,
                mode=mode,
                texts=best.texts,
                confidence=best.confidence,
                outcome=best.verdict.outcome,
                reasons=best.verdict.reasons,
                adapter=self.adapter,
                now=now,
            )
            self.inbox.settle(chat.dialog_id, chat.upto_id, Outcome.SUGGESTED, suggestion.id)
        if best.verdict.notify:
            await self.outbox.to_owner("A message in one of your chats needs you now. Your twin does not answer it.")
        if best.verdict.outcome is Ruling.HOLD:
            self._move(suggestion, State.HELD, "review")
        elif mode is Mode.AUTO and (reason := self._against_auto(suggestion)) is None:
            if approved := self._move(suggestion, State.APPROVED, "auto"):
                self.outbox.plan(approved)
        elif mode is Mode.DRAFT and await self._placed(suggestion):
            self._move(suggestion, State.OFFERED, "draft")
        else:
            self._move(suggestion, State.OFFERED, "review", **({"because": reason} if mode is Mode.AUTO else {}))

    async def _placed(self, suggestion: Suggestion) -> bool:
        """Put it into the input box. That it may lie there is committed first: nothing is sent from two places."""
        self.suggestions.shown_on(suggestion, "draft")
        placed = await self.drafts.place(suggestion)
        if not placed:
            self.suggestions.shown_on(suggestion, "review")
        return placed

    def _move(self, suggestion: Suggestion, state: State, surface: str, **more: object) -> Suggestion | None:
        moved = self.suggestions.move(suggestion, state, self.now(), surface=surface)
        if moved:
            self.emit(str(state), dialog=moved.dialog_id, suggestion=moved.id, surface=surface, **more)
        return moved

    def _against_auto(self, suggestion: Suggestion) -> str | None:
        """Why this one is shown to the owner instead of sent."""
        if suggestion.confidence is None or not self.adapter:
            return "no confidence without a measured adapter"
        if suggestion.confidence < self.auto_confidence:
            return "confidence below the threshold"
        if self._replies_in_a_row(suggestion.dialog_id) >= self.in_a_row:
            return "many replies without the owner"
        return self.policy.against_auto(suggestion.dialog_id, self.now())

    def _replies_in_a_row(self, dialog_id: int) -> int:
        """The twin's turns since the owner last wrote here."""
        turns, before = 0, False
        for message in reversed(self.archive.recent(dialog_id)):
            if message.mine and not message.by_twin:
                break
            turns += message.by_twin and not before
            before = message.by_twin
        return turns

    def _settle(self, chat: Ready, outcome: Outcome) -> None:
        n = self.inbox.settle(chat.dialog_id, chat.upto_id, outcome)
        self.emit(str(outcome), dialog=chat.dialog_id, messages=n)

    def close(self) -> None:
        """Stop the worker."""
        self._stop.set()
        self._worker.shutdown(wait=True)
