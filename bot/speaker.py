"""Who speaks: base model, adapter, confidence and guard, put together from the settings.

One place, so that `try`, `run` and the demo answer alike. Loading takes seconds and memory; everything above this
module works without torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.chosen import chosen
from bot.desk import Desk
from bot.guard import Guard
from bot.respond import Candidate, Responder
from bot.settings import ModelSettings
from data.archive import Archive
from data.pauses import FIXED
from data.samples import Shape
from data.transcript import Transcript
from training import confidence, model
from training.adapter import Adapter
from training.confidence import Confidence
from training.generate import Generator
from training.model import LanguageModel


@dataclass(frozen=True, slots=True)
class Voice:
    """`respond.Generator` over the model: the same replies, with the settings' limits."""

    generator: Generator
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


def load_model(desk: Desk, adapter: Adapter | None, base: str | None = None) -> LanguageModel:
    """The base of the settings (or this one), with an adapter on it."""
    wanted = desk.settings.model
    folder = adapter.folder if adapter else None
    return model.load(base or wanted.base, wanted.cache, wanted.quantization, wanted.threads, folder)


def responder(desk: Desk, archive: Archive) -> tuple[Responder, Adapter | None]:
    """Everything that `run` and `try` answer with, and the adapter, None for the untuned base."""
    adapter = chosen(desk)
    loaded = load_model(desk, adapter)
    table = confidence.load(adapter.folder) if adapter else None
    speaks = Responder(
        archive=archive,
        generator=Voice(Generator(loaded, memory_bytes=desk.settings.model.memory_mib << 20), desk.settings.model),
        confidence=_by(table if table and table.quantization == loaded.identity.quantization else None),
        guard=Guard(),
        shape=shape(desk, adapter),
        key=desk.home.key(),
        candidates=desk.settings.model.candidates,
    )
    return speaks, adapter


def shape(desk: Desk, adapter: Adapter | None) -> Shape:
    """How the settings, and the dataset that an adapter learned from, have transcripts cut."""
    wanted = desk.settings.transcript
    return Shape(wanted.window, desk.zone, wanted.zone, adapter.card.pauses if adapter else FIXED)


def _by(table: Confidence | None) -> Callable[[Candidate, Sequence[Candidate]], float | None]:
    """A table's answer for one candidate among its siblings; without a table nobody is ever sure."""

    def of(candidate: Candidate, siblings: Sequence[Candidate]) -> float | None:
        if table is None:
            return None
        return table.of(siblings)[list(siblings).index(candidate)]  # type: ignore[arg-type]

    return of
