"""The parts of an evaluation that are computed with the model, each kept as a piece or several."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from data.samples import Sample
from data.transcript import Transcript, Turn
from training import precision
from training.crew import Part, Told
from training.evaluate import Scored, choose
from training.generate import Generator
from training.material import Material
from training.measures import likelihood, probes, replies
from training.measures.exchange import Exchange
from training.measures.interval import spread
from training.measures.likelihood import Window
from training.model import LanguageModel
from training.pieces import Pieces, key_of
from training.style import Reply

if TYPE_CHECKING:
    from training.evaluation import Size

CHUNK = 50
"""Contexts answered between two writes."""
WHOLE = 1 << 20
"""Prompt tokens read at once: nobody stops a reply here."""
SIDES = ("twin", "base")


def silent(_: float) -> None:
    """Nobody looks."""


class Parts:
    """Each method gives what is there, and makes what is not."""

    def __init__(
        self, model: LanguageModel, material: Material, pieces: Pieces, size: "Size", seed: int, top_p: float
    ) -> None:
        self._model, self._material, self._size, self._seed, self._top_p = model, material, size, seed, top_p
        self.windows = spread(likelihood.readable(material.windows), size.windows, seed)
        self.contexts = spread(material.held_out, size.pairs, seed)
        # Another version of this program may choose others, and another CPU rounds otherwise.
        what = ([each.sample for each in self.windows], self.contexts, precision.has_units())
        self._pieces = replace(pieces, key=key_of(pieces.key, *what))
        self.rivals = likelihood.RIVALS if size.rival_pairs else ()
        self._generators = {side: Generator(model, chunk=WHOLE) for side in SIDES}
        self._conditions = likelihood.conditions(material.past, size.fit_tokens, seed)
        self._conditions["adapter"] = self._conditions["base"]
        self._conditions["adapter, history shuffled"] = likelihood.shuffled(seed)

    def all(self) -> list[Part]:
        """What can be made one without the other: from both ends it is about as far to the middle, where the short ones
        are."""
        begun = -(-self._size.suggestions // CHUNK)
        starts = [(side, start) for side in ("twin", *self.rivals, "base") for start in self._starts(side)]
        each = 0.43 / len(starts)
        answered = [
            Part(f"replies of the {s}", each, partial(self._replies, s, n), later=True) for s, n in starts[begun:]
        ]
        return [
            *(Part(f"sampling temperature of the {s}", 0.03, partial(self.temperature, s)) for s in SIDES),
            # What is read for the proposals is remembered for these replies.
            Part("three proposals each", 0.06 + each * begun, partial(self._begin, starts[:begun]), later=True),
            *answered[: -len(self._starts("base"))],
            *(Part(f"probes of events and memory, {s}", 0.045, partial(self.probes, s), later=True) for s in SIDES),
            *answered[-len(self._starts("base")) :],
            *(
                Part(f"bits per character, {name}", 0.36 / len(self._conditions), partial(self._bits, name))
                for name in self._conditions
            ),
        ]

    def bits(self) -> likelihood.Bits:
        """Q1, as far as it can be told."""
        scored = {
            name: [Scored(**row | {"turns": tuple(row["turns"])}) for row in self._bits(name)]
            for name in self._conditions
        }
        return likelihood.compare(self._cut(), scored, self._seed)

    def temperature(self, side: str, told: Told = silent) -> float:
        """At which this side is sampled."""
        found: float = self._pieces.get(f"temperature-{side}", partial(self._match, side, told))["temperature"]
        return found

    def proposals(self, told: Told = silent) -> tuple[list[Exchange], list[list[Reply]]]:
        """The twin's, and what they answer."""
        asked = self.contexts[: self._size.suggestions]

        def made() -> list[list[Reply]]:
            return [[each.texts for each in some] for some in self._write("twin", asked, 1, told, n=3, kept=True)]

        return asked, [[tuple(texts) for texts in each] for each in self._pieces.get("proposals", made)]

    def replies(self, side: str) -> list[Reply]:
        """One to each context that this side, or this rival, answers."""
        return [reply for start in self._starts(side) for reply in self._replies(side, start)]

    def probes(self, side: str, _: Told = silent) -> tuple[dict[str, probes.Share], dict[int, probes.Share]]:
        """F2 and F3."""
        found = self._pieces.get(f"probes-{side}", partial(self._probed, side))
        events = {name: probes.Share(*share) for name, share in found["events"].items()}
        return events, {int(name): probes.Share(*share) for name, share in found["facts"].items()}

    def _answered(self, side: str) -> list[Exchange]:
        size = self._size
        return self.contexts[: {"twin": size.pairs, "base": size.base_pairs}.get(side, size.rival_pairs)]

    def _starts(self, side: str) -> range:
        return range(0, len(self._answered(side)), CHUNK)

    def _cut(self) -> list[Window]:
        size = self._size.window_characters
        return [Window(likelihood.cut(each.sample, size), each.conversation) for each in self.windows]

    def _bits(self, name: str, told: Told = silent) -> Any:
        change, adapter = self._conditions[name], name.startswith("adapter")

        def made() -> list[dict[str, Any]]:
            return [asdict(each) for each in likelihood.score(self._model, self._cut(), change, adapter, told)]

        return self._pieces.get(f"bits-{list(self._conditions).index(name)}", made)

    def _match(self, side: str, told: Told) -> dict[str, Any]:
        """Matched on past contexts: those that are answered later stay unseen."""
        size, seed = self._size, self._seed
        some = choose(self._material.past or self._material.held_out, size.temperature_contexts, seed)
        windows = [Window(Sample(e.dialog, _whole(e, size.characters), 0), 0) for e in some]
        with self._switched(side):
            scored = likelihood.score(self._model, windows, _last_only, side == "twin")
            real = sum(-s.text_nll - s.format_nll for s in scored) / sum(
                s.text_tokens + s.format_tokens for s in scored
            )
            found, curve = replies.temperature(
                self._generators[side],
                some,
                real,
                seed=seed,
                characters=size.characters,
                max_tokens=size.max_tokens,
                top_p=self._top_p,
                progress=told,
            )
        return {"temperature": round(found, 3), "real": real, "curve": {str(t): value for t, value in curve.items()}}

    def _begin(self, starts: list[tuple[str, int]], told: Told) -> None:
        self.proposals(lambda share: told(share / 2))
        for done, (side, start) in enumerate(starts, 1):
            self._replies(side, start)
            told(0.5 + done / len(starts) / 2)

    def _replies(self, side: str, start: int, told: Told = silent) -> list[Reply]:
        part = self._answered(side)[start : start + CHUNK]

        def made() -> list[Reply]:
            return replies.first(self._write(side, part, start, told))

        name = f"rival-{self.rivals.index(side)}" if side in self.rivals else side
        return [tuple(texts) for texts in self._pieces.get(f"replies-{name}-{start}", made)]

    def _write(self, side: str, some: list[Exchange], seed: int, told: Told, **how: Any) -> Any:
        voice = "base" if side in self.rivals else side  # a rival is the base with another prompt
        with self._switched(voice):
            return replies.write(
                self._generators[voice],
                some,
                seed=self._seed + seed,
                before=partial(self._before, side),
                progress=told,
                **how,
                **self._sampling(voice),
            )

    def _before(self, side: str, each: Exchange) -> Transcript:
        """What this side reads of a context: its end, and before that what a rival is given."""
        if side not in self.rivals:
            return replies.tail(each.before, self._size.characters)
        # With the real reply behind it, as a help is found by what was said before that; it is taken off again.
        window = Window(Sample(each.dialog, _whole(each, self._size.characters), 0), each.conversation)
        return Transcript(self._conditions[side](window).transcript.turns[:-1])

    def _probed(self, side: str) -> dict[str, Any]:
        generator, window, sampling = self._generators[side], self._material.window, self._sampling(side)
        with self._switched(side):
            happened = probes.events(generator, window, seed=self._seed, **sampling)
            known = probes.facts(generator, window, seed=self._seed, most=self._size.facts, **sampling)
        return {
            "events": {name: [share.hits, share.n] for name, share in happened.items()},
            "facts": {str(name): [share.hits, share.n] for name, share in known.items()},
        }

    def _sampling(self, side: str) -> Mapping[str, Any]:
        return {"max_tokens": self._size.max_tokens, "temperature": self.temperature(side), "top_p": self._top_p}

    def _switched(self, side: str) -> AbstractContextManager[Any]:
        return nullcontext() if side == "twin" else self._model.without_adapter()


def _whole(each: Exchange, characters: int) -> Transcript:
    before = replies.tail(each.before, characters)
    return Transcript((*before.turns, Turn(True, each.reply, each.at, target=True)))


def _last_only(window: Window) -> Sample:
    sample = window.sample
    return Sample(sample.dialog_id, sample.transcript, len(sample.transcript.turns) - 1)
