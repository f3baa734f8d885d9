"""Who speaks: base model, adapter, confidence and guard, put together from the settings.

One place, so that `try`, `run` and the demo answer alike. Loading takes seconds and memory, and torch comes with it;
everything above this module works without, and so does `run` until its model wakes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bot import agreement, chosen, show
from bot.desk import Desk
from bot.guard import Guard
from bot.respond import Candidate, Confidence, Generator, Responder
from bot.settings import ModelSettings
from bot.waking import Waking
from data.archive import Archive
from data.pauses import FIXED
from data.samples import Shape
from data.transcript import Transcript
from training import adapter as adapters
from training import model, tokenizer
from training.adapter import Adapter
from training.model import LanguageModel, Quantization
from training.server import Server

if TYPE_CHECKING:
    from training import confidence, generate


@dataclass(frozen=True, slots=True)
class Voice:
    """`respond.Generator` over the model: the same replies, with the settings' limits."""

    generator: "generate.Generator"
    settings: ModelSettings

    def reply(
        self, transcript: Transcript, n: int, seed: int, *, dialog: int, stop: Callable[[], bool] | None = None
    ) -> Sequence[Candidate]:
        """Up to `n` replies."""
        return self.generator.reply(
            transcript,
            n,
            seed,
            dialog=dialog,
            max_tokens=self.settings.max_tokens,
            temperature=self.settings.temperature,
            top_p=self.settings.top_p,
            stop=stop,
        )

    def forget(self, dialog: int) -> None:
        """Drop what the model has read of a chat."""
        self.generator.forget(dialog)

    def restart(self) -> None:
        """Drop everything it has read."""
        self.generator.restart()


def load_model(
    desk: Desk, adapter: Adapter | None, base: str | None = None, quantization: Quantization | None = None
) -> LanguageModel:
    """The base of the settings (or this one), in their quantization (or this one), with an adapter on it."""
    return loading(desk, adapter, base, quantization)()


def loading(
    desk: Desk, adapter: Adapter | None, base: str | None = None, quantization: Quantization | None = None
) -> Callable[[], LanguageModel]:
    """What loads it, in another process too."""
    wanted = desk.settings.model
    folder = adapter.folder if adapter else None
    rounded = quantization or wanted.quantization
    return partial(model.load, base or wanted.base, wanted.cache, rounded, wanted.threads, folder)


def responder(desk: Desk, archive: Archive) -> tuple[Responder, Adapter | None]:
    """Everything that `try` answers with, and the adapter, None for the untuned base.

    A named adapter that is missing or stale is told of, and not used. Raises UserError where the model cannot be had.
    """
    adapter = _speaking(desk)
    return _together(desk, archive, adapter, *_load(desk, adapter)), adapter


def waking(desk: Desk, archive: Archive) -> tuple[Responder, Adapter | None, Waking]:
    """The same for `run`, at once: the model comes later, when its `begin` is called."""
    adapter = _speaking(desk)
    asleep = Waking(lambda: _load(desk, adapter))
    return _together(desk, archive, adapter, asleep, asleep.confidence), adapter, asleep


def _speaking(desk: Desk) -> Adapter | None:
    adapter, why_not = chosen.speaking(desk)
    if why_not:
        show.say(f"{why_not} Until then the untuned base speaks, and where the mode is auto it asks.", "yellow")
    return adapter


def _together(
    desk: Desk, archive: Archive, adapter: Adapter | None, generator: Generator, sure: Confidence
) -> Responder:
    return Responder(
        archive=archive,
        generator=generator,
        confidence=sure,
        guard=Guard(),
        shape=shape(desk, adapter),
        key=desk.home.key(),
        candidates=desk.settings.model.candidates,
    )


def _load(desk: Desk, adapter: Adapter | None) -> tuple[Generator, Confidence]:
    """The model, and how sure it may be."""
    from training import confidence

    generator, quantization = _remote(desk, adapter) or _local(desk, adapter)
    table = confidence.load(adapter.folder) if adapter else None
    return generator, _by(table if table and table.quantization == quantization else None)


def _local(desk: Desk, adapter: Adapter | None) -> tuple[Voice | Server, str]:
    """The model in this process, and what its weights are rounded to."""
    from training.generate import Generator

    loaded, wanted = load_model(desk, adapter), desk.settings.model
    return Voice(Generator(loaded, memory_bytes=wanted.memory_mib << 20), wanted), loaded.identity.quantization


def _remote(desk: Desk, adapter: Adapter | None) -> tuple[Voice | Server, str] | None:
    """The model server of the settings, if there is one. What it rounds to, only the owner can say: a confidence table
    that was measured otherwise would mean nothing."""
    wanted = desk.settings.model
    address = agreement.address(desk)
    if address is None:
        return None
    words = tokenizer.load(wanted.base, wanted.cache)
    if adapter:
        adapters.check(adapter, model.identity_by_tokenizer(adapter.card, words))
    server = Server(
        address,
        words,
        model=wanted.server_model or "",
        key=wanted.server_key.get_secret_value() if wanted.server_key else "",
        max_tokens=wanted.max_tokens,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
    )
    return server, wanted.quantization


def shape(desk: Desk, adapter: Adapter | None) -> Shape:
    """How the settings, and the dataset that an adapter learned from, have transcripts cut."""
    wanted = desk.settings.transcript
    return Shape(wanted.window, desk.zone, wanted.zone, adapter.card.pauses if adapter else FIXED)


def _by(table: "confidence.Confidence | None") -> Confidence:
    """A table's answer for one candidate among its siblings; without a table nobody is ever sure."""

    def of(candidate: Candidate, siblings: Sequence[Candidate]) -> float | None:
        if table is None:
            return None
        return table.of(siblings)[list(siblings).index(candidate)]  # type: ignore[arg-type]

    return of
