"""The core: what would the owner answer here? Archive -> context -> candidates -> guard -> the best one.

Knows neither Telethon nor torch: the generator comes in as an argument. `context` reads the archive and belongs to the
event loop's thread; `propose` is pure work for the one worker thread and can be stopped within a token.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.guard import Guard, Outcome, Verdict
from bot.guard.words import words
from data import conversation, transcript
from data.archive import Archive
from data.message import Message
from data.redact import Surrogates
from data.samples import Shape
from data.transcript import Scope, Transcript

HISTORY = 400
"""At least so many recent messages are read: the guard compares a reply with them. The window of very short messages
may hold more, and must be as whole live as in training."""


class Candidate(Protocol):
    """One generated reply."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Its messages."""

    @property
    def logprob_mean(self) -> float | None:
        """Mean log-probability of its tokens; None where that is not known."""

    @property
    def finished(self) -> bool:
        """Whether its last message is whole."""


class Generator(Protocol):
    """Whatever writes replies: the model, or a recording of one in a test."""

    def reply(
        self, transcript: Transcript, n: int, seed: int, *, dialog: int, stop: Callable[[], bool] | None = None
    ) -> Sequence[Candidate]:
        """Up to `n` replies to the end of a transcript; none when stopped. `dialog` names the chat, for its cache."""

    def forget(self, dialog: int) -> None:
        """Drop what is kept of a chat."""

    def restart(self) -> None:
        """Start anew after a failure: nothing that was kept is trusted."""


Confidence = Callable[[Candidate, Sequence[Candidate]], float | None]
"""How sure we are of one candidate among its siblings, 0..1; None without a calibration table."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a reply is written from."""

    dialog_id: int
    upto_id: int
    transcript: Transcript
    surrogates: Surrogates
    history: tuple[Message, ...]
    called: tuple[Message, ...] = ()
    """In a group, the messages that wait for a reply."""
    later: tuple[Message, ...] = ()
    """What stands after the newest message that asks."""

    @property
    def burst(self) -> list[Message]:
        """The messages that wait for a reply: in a private chat what the other side wrote since we last did."""
        return list(self.called) or _asked(self.history)

    @property
    def before(self) -> list[Message]:
        """All the others."""
        waiting = {message.id for message in self.burst}
        return [message for message in self.history if message.id not in waiting]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One reply with its verdict."""

    texts: tuple[str, ...]
    confidence: float | None
    verdict: Verdict


@dataclass(slots=True)
class Responder:
    """Everything a suggestion needs, put together once."""

    archive: Archive
    generator: Generator
    confidence: Confidence
    guard: Guard
    shape: Shape
    key: bytes
    candidates: int = 3

    def context(self, dialog_id: int, extra: Sequence[Message] = ()) -> Context | None:
        """The end of the chat as the model sees it; `extra` are messages tried out in it. None for an empty chat."""
        recent = self.archive.recent(dialog_id, max(HISTORY, self.shape.window // 2))
        history = (*(message for message in recent if not message.service), *extra)
        if not history:
            return None
        end = max((message.id for message in history if not message.mine), default=0)
        later = tuple(message for message in history if message.id > end)
        return self._context(dialog_id, history, later=later)

    def called(self, dialog_id: int, ids: Sequence[int]) -> Context | None:
        """The same in a group, for somebody who calls there with these messages: the view is of their topic, and ends
        with them."""
        called = tuple(found for each in ids if (found := self.archive.message(dialog_id, each)))
        if not called:
            return None
        thread = self.archive.thread(dialog_id, called[-1].topic_id, max(HISTORY, self.shape.window // 2))
        there = [message for message in thread if not message.service]
        history = tuple(message for message in there if message.id <= called[-1].id)
        later = tuple(message for message in there if message.id > called[-1].id)
        return self._context(dialog_id, history, called, later)

    def _context(
        self,
        dialog_id: int,
        history: tuple[Message, ...],
        called: tuple[Message, ...] = (),
        later: tuple[Message, ...] = (),
    ) -> Context:
        surrogates = Surrogates(self.key, dialog_id)
        quoting = transcript.quoting(history, lambda replied_to: self.archive.message(dialog_id, replied_to))
        seen = conversation.tail(quoting, self.shape.window, self.shape.pauses)
        shown = transcript.of(seen, Scope.CHAT, surrogates, self.shape.zone, self.shape.pauses)
        return Context(dialog_id, history[-1].id, shown, surrogates, history, called, later)

    def propose(self, context: Context, seed: int, stop: Callable[[], bool] | None = None) -> list[Proposal]:
        """Candidates with verdicts, the best first: passing before held before dropped, then by confidence."""
        candidates = self.generator.reply(
            context.transcript, self.candidates, seed, dialog=context.dialog_id, stop=stop
        )
        proposals = [self._judge(context, each, candidates) for each in candidates]
        order = {Outcome.PASS: 0, Outcome.HOLD: 1, Outcome.DROP: 2}
        return sorted(proposals, key=lambda p: (order[p.verdict.outcome], -(p.confidence or 0.0)))

    def _judge(self, context: Context, candidate: Candidate, siblings: Sequence[Candidate]) -> Proposal:
        texts = tuple(context.surrogates.restore(text).strip() for text in candidate.texts)
        texts = tuple(text for text in texts if text)
        asked, before = context.burst, context.before
        verdict = self.guard.judge(
            texts,
            [message.said for message in before + asked],
            context.surrogates,
            {word for message in before if message.mine for word in words(message.text)},
            incoming=[message.said for message in asked],
            own_last=_last_own(before),
        )
        if not candidate.finished and verdict.outcome is Outcome.PASS:
            verdict = Verdict(Outcome.HOLD, ("unfinished: the reply did not come to an end",))
        return Proposal(texts, self.confidence(candidate, siblings), verdict)


def _asked(history: Sequence[Message]) -> list[Message]:
    """The messages being answered, which is what the other side wrote last. A bubble of the twin's that was on its way
    while they wrote stands after them, and is no answer to them."""
    end = max((i + 1 for i, message in enumerate(history) if not message.mine), default=0)
    first = max((i + 1 for i, message in enumerate(history[:end]) if message.mine), default=0)
    return list(history[first:end])


def _last_own(before: Sequence[Message]) -> list[str]:
    """The texts of our side's last turn."""
    mine = [burst for burst in conversation.turns(before) if burst[0].mine]
    return [message.text for message in mine[-1]] if mine else []
