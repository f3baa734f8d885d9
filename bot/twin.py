"""The twin: what to do next, decided from rows alone. Knows no Telethon; time and chance are arguments.

    hearing -> inbox -> quiet? -> responder (worker thread) -> verdict -> mode: draft | ask | auto -> outbox

Whatever the owner, the other side or a switch does meanwhile wins (`hearing`, `writing`): what was written for an older
state of the chat is thrown away.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.caution import Caution
from bot.control import Control
from bot.echoes import Emit
from bot.guard import Outcome as Ruling
from bot.hearing import Hearing
from bot.inbox import Inbox, Outcome, Ready
from bot.listening import Listening
from bot.notices import Notices
from bot.outbox import Outbox
from bot.policy import Mode, Policy
from bot.respond import Context, Proposal, Responder
from bot.setbacks import TELL, Setbacks
from bot.suggestion import OPEN, State, Suggestion, Suggestions
from bot.writing import Writing
from data.archive import Archive
from data.errors import UserError

UNPLACED = timedelta(seconds=30)
"""A suggestion of this process that is still pending after this long met a failure on its way to the owner."""


class Drafts(Protocol):
    """The input box of the owner's apps."""

    async def place(self, suggestion: Suggestion) -> bool:
        """Put a suggestion there; False when the box may be in use."""

    async def remove(self, suggestion: Suggestion) -> bool:
        """Take an untouched one out; False when that must be tried later. Raises UserError when it is not possible."""

    def begun(self, dialog_id: int, draft: Any) -> None:
        """The owner's app tells what stands in a box."""

    def give_back(self) -> AsyncIterator[int]:
        """Put back what the owner had begun just before one of the above replaced it; the chats where that was so.
        Raises UserError, with the owner's text, when it is not possible."""


@dataclass(slots=True)
class Twin:
    """One running twin. `adapter` names who speaks; without one nothing is ever sent by itself."""

    archive: Archive
    listening: Listening
    hearing: Hearing
    writing: Writing
    inbox: Inbox
    notices: Notices
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
    caution: Caution = field(default_factory=Caution)
    seed: int = 1
    setbacks: Setbacks = field(default_factory=Setbacks, init=False)
    _placing: int | None = field(default=None, init=False)
    _looping: set[int] = field(default_factory=set, init=False)
    _orphans: set[int] = field(init=False)
    """Suggestions that a process before this one wrote and did not live to show."""

    def __post_init__(self) -> None:
        self._orphans = {suggestion.id for suggestion in self.suggestions.in_state(State.PENDING)}

    async def step(self) -> bool:
        """One look at the inbox: answer what is quiet; whether there was anything."""
        answered = False
        for chat in self.inbox.ready(self.now()):
            if self.control.paused(self.now()):
                break
            if chat not in self.inbox.ready(self.now()):
                continue  # more came there while another chat was answered
            if not self.setbacks.waits(chat.dialog_id, self.now()):
                await self.answer(chat)
                answered = True
        return answered

    async def tidy(self, up_to_date: Callable[[int], bool] = lambda _: True) -> None:
        """One look at the suggestions: drop what is stale, put on its way what was approved on any surface. Quick, so
        that an approval never waits for a reply that is being written elsewhere. What a crash left is shown once its
        chat is `up_to_date`: by then it is known whether the owner has answered."""
        await self._give_back()
        now = self.now()
        self._expire(now)  # paused or not: what is stale ends and its words are taken back; none are said
        for suggestion in self.suggestions.stale_drafts():
            await self._take_back(suggestion)
        if self.control.paused(now):
            return
        for suggestion in self.suggestions.in_state(State.PENDING):
            waited = now - suggestion.created_at > UNPLACED and suggestion.id != self._placing
            if waited or (suggestion.id in self._orphans and up_to_date(suggestion.dialog_id)):
                self._orphans.discard(suggestion.id)  # should showing it fail, it waits like any other
                await self._show(suggestion)
        for suggestion in self.suggestions.in_state(State.APPROVED, State.EDITED):
            self.outbox.plan(suggestion)

    async def _show(self, suggestion: Suggestion) -> None:
        """A crash came between writing it and showing it. Where it may lie in the input box, it is looked for there."""
        if suggestion.outcome == Ruling.HOLD:
            self._move(suggestion, State.HELD, "review")
        else:
            placed = suggestion.surface == "draft" and await self._placed(suggestion)
            self._move(suggestion, State.OFFERED, "draft" if placed else "review")

    async def _give_back(self) -> None:
        """The owner's text wins over a draft that crossed it. If Telegram forbids that, they get it as a notice."""
        try:
            async for dialog_id in self.drafts.give_back():
                self.emit("draft_given_back", dialog=dialog_id)
        except UserError as error:
            self.emit("draft_not_given_back")
            await self.outbox.to_owner(f"{error} {error.hint}")

    async def _take_back(self, suggestion: Suggestion) -> None:
        """Empty the input box of a suggestion that has ended. If Telegram forbids it, the owner is told, once."""
        try:
            if not await self.drafts.remove(suggestion):
                self.suggestions.shown_on(suggestion, "draft")
                return
        except UserError as error:
            self.emit("draft_left", dialog=suggestion.dialog_id, suggestion=suggestion.id)
            await self.outbox.to_owner(f"{error} {error.hint}")
        self.suggestions.withdrawn(suggestion)

    def _expire(self, now: datetime) -> None:
        for suggestion in self.suggestions.in_state(*OPEN):
            if self.inbox.overtakes(suggestion) or not self.listening.to(suggestion.dialog_id):
                self.hearing.end(suggestion, State.SUPERSEDED)
            elif abs(now - suggestion.created_at) > self.expire:  # our clock may have been set back
                self.hearing.end(suggestion, State.EXPIRED)

    async def answer(self, chat: Ready) -> None:
        """Write one reply, unless a rule or somebody is against it."""
        asked = self.archive.message(chat.dialog_id, chat.upto_id)
        if not self.listening.to(chat.dialog_id):
            self._settle(chat, Outcome.OFF)
        elif abs(self.now().timestamp() - chat.arrived_at) > self.expire.total_seconds():
            self._settle(chat, Outcome.EXPIRED)
        elif asked is None:
            return  # a crash came between noting and keeping it: the next reading of the chat brings it
        elif self.outbox.clocks.age(asked.sent_at) > self.expire:
            self._settle(chat, Outcome.EXPIRED)
        elif (context := self._context(chat)) is None or any(
            message.mine and not message.by_twin for message in context.later
        ):
            self._settle(chat, Outcome.OWNER_ANSWERED)
        else:
            await self._write(chat, context)

    def _context(self, chat: Ready) -> Context | None:
        if chat.dialog_id >= 0:
            return self.responder.context(chat.dialog_id)
        return self.responder.called(chat.dialog_id, self.inbox.turn(chat))

    async def _write(self, chat: Ready, context: Context) -> None:
        attempt = self.suggestions.attempts(chat.dialog_id, chat.upto_id)
        seed = hash((self.seed, chat.dialog_id, chat.upto_id, attempt)) & 0x7FFFFFFF
        failed: tuple[str, str] | None = None
        proposals: list[Proposal] | None = None
        try:
            proposals = await self.writing.reply(
                chat.dialog_id, lambda stop: self.responder.propose(context, seed, stop)
            )
        except Exception as error:  # the model's, of whatever kind; what it says may hold words of the chat
            failed = type(error).__name__, f"{error} {error.hint}" if isinstance(error, UserError) else ""
        if failed:  # no longer within `except`: the error holds on to what the model had in memory
            await self._set_back(chat, *failed)
            return
        self.setbacks.over(chat.dialog_id)
        if not self.listening.to(chat.dialog_id):  # revoked or forgotten while it was written
            self._settle(chat, Outcome.OFF)
            return
        if proposals is None or self.control.paused(self.now()):
            return  # still waiting in the inbox; the next look decides anew
        with self.outbox.live.transaction():
            if proposals and proposals[0].verdict.notify:
                self._note_crisis(chat, context)
            if not proposals or proposals[0].verdict.outcome is Ruling.DROP:
                self._settle(chat, Outcome.DROPPED)
                return
        await self._offer(chat, context, proposals[0], attempt)

    async def _set_back(self, chat: Ready, error: str, why: str) -> None:
        """The model failed: it starts anew, and the messages wait in the inbox for another try."""
        self.writing.restart(self.responder.generator.restart)
        self.setbacks.met(chat.dialog_id, self.now())
        self.emit("trouble", dialog=chat.dialog_id, error=error, **({"because": why} if why else {}))
        if self.setbacks.in_a_row >= TELL and not self.setbacks.told:
            known = why or f"The model failed ({error})."
            await self.outbox.to_owner(f"No reply could be written, {TELL} times in a row. {known} It is tried again.")
            self.setbacks.told = True

    def _note_crisis(self, chat: Ready, context: Context) -> None:
        """The guard reads a burst as a whole, and the reply too: it may see what no single message showed."""
        last_own = max((message.id for message in context.history if message.mine), default=0)
        if not self.notices.noted(chat.dialog_id, last_own, chat.upto_id):
            self.notices.note(chat.dialog_id, chat.upto_id)

    async def _offer(self, chat: Ready, context: Context, best: Proposal, attempt: int) -> None:
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
                answers=context.burst,
                now=now,
            )
            self.inbox.settle_turn(chat, Outcome.SUGGESTED, suggestion.id)
        if best.verdict.outcome is Ruling.HOLD:
            self._move(suggestion, State.HELD, "review")
        elif mode is Mode.AUTO and (reason := await self._against_auto(suggestion, context)) is None:
            if approved := self._move(suggestion, State.APPROVED, "auto"):
                self.outbox.plan(approved)
        elif mode is Mode.DRAFT and await self._placed(suggestion):
            if not self._move(suggestion, State.OFFERED, "draft"):  # it ended while it was being placed
                await self._take_back(suggestion)
        else:
            self._move(suggestion, State.OFFERED, "review", **({"because": reason} if mode is Mode.AUTO else {}))

    async def _placed(self, suggestion: Suggestion) -> bool:
        """Put it into the input box. That it may lie there is committed first: nothing is sent from two places."""
        self.suggestions.shown_on(suggestion, "draft")
        self._placing = suggestion.id
        try:
            placed = await self.drafts.place(suggestion)
        finally:
            self._placing = None
        if not placed:
            self.suggestions.shown_on(suggestion, "review")
        return placed

    def _move(self, suggestion: Suggestion, state: State, surface: str, **more: object) -> Suggestion | None:
        moved = self.suggestions.move(suggestion, state, self.now(), surface=surface)
        if moved:
            self.emit(str(state), dialog=moved.dialog_id, suggestion=moved.id, surface=surface, **more)
        return moved

    async def _against_auto(self, suggestion: Suggestion, context: Context) -> str | None:
        """Why this one is shown to the owner instead of sent."""
        dialog_id = suggestion.dialog_id
        if suggestion.confidence is None or not self.adapter:
            return "no confidence without a measured adapter"
        if suggestion.confidence < self.auto_confidence:
            return "confidence below the threshold"
        automatic = self.outbox.bubbles.automatic(dialog_id)
        if loop := self.caution.loop(context.history, automatic, self.suggestions.skipped_upto(dialog_id)):
            await self._tell_loop(dialog_id, loop)
            return loop
        self._looping.discard(dialog_id)
        return (
            self.caution.against(context.history, context.burst, automatic, self.outbox.clocks.age)
            or self.outbox.gate.stranger(dialog_id)
            or self.policy.against_auto(dialog_id, self.outbox.clocks.there())
        )

    async def _tell_loop(self, dialog_id: int, why: str) -> None:
        """Once, as long as it lasts."""
        if dialog_id in self._looping:
            return
        told = await self.outbox.to_owner(
            f"Your twin has stopped answering {self.outbox.title(dialog_id)} by itself ({why}). It asks there until you"
            " write or decide on something, or until the next conversation."
        )
        if told is not None:
            self._looping.add(dialog_id)

    def _settle(self, chat: Ready, outcome: Outcome) -> None:
        n = self.inbox.settle_turn(chat, outcome)
        self.emit(str(outcome), dialog=chat.dialog_id, messages=n)
