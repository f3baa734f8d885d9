"""Whether the evaluation can tell people apart, and whether it says that a person is themselves.

    python -m bench.evaluate [--only texts]

Needs the extras `train`, `evaluate` and `demo`. Four people of the corpus, the last 30 % of their conversations held
out. The part on texts alone (`impostor_auc`, `null_auc`) needs no model. For the rest an adapter is trained on 60,000
tokens of each person; it is kept in the cache folder by the hash of its data, and an interrupted training goes on. Two
processes of one thread are at work, on a CPU with units for bf16 in mixed precision (`training.precision`).
"""

import argparse
import hashlib
import json
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache, partial
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from bench.persons import PERSONS, Person
from data.samples import DatasetCard, Sample, write_private
from training.measures import classify
from training.measures.exchange import Exchange
from training.measures.interval import Figure, spread

CACHE = user_cache_path("doppelgram")
TOKENS = 60_000
EPOCHS = 2.0
"""Passes over them. `train` makes three unless told otherwise, for which 45 minutes on two cores are too short."""
AT_ONCE = 2
SPLITS = 20
WINDOWS, CHARACTERS = 180, 900
"""Windows of a person at most, as many as 45 minutes bear on a Zen 4, and about how long they are."""
BASE = "base"
SEED = 1


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("texts", "models"), help="one of the two parts")
    options = parser.parse_args()
    persons = [Person(each) for each in PERSONS]
    found: dict[str, Any] = {"persons": {each.id: shape(each) for each in persons}, "seed": SEED}
    if options.only != "models":
        found |= texts(persons)
    if options.only != "texts":
        found |= models(persons)
    print(json.dumps(found))


def shape(person: Person) -> dict[str, int]:
    """What is held out of a person."""
    some = person.held_out
    return {
        "replies": len(some),
        "conversations": len({each.conversation for each in some}),
        "partners": len({each.dialog for each in some}),
    }


def texts(persons: Sequence[Person]) -> dict[str, Any]:
    """Real texts only: each two persons told apart in bundles of five, and each person from themselves.

    `null_auc`: the conversations of one person dealt into two heaps, five times each.
    """
    pairs = {}
    for one, other in combinations(persons, 2):
        told = classify.matched(one.held_out, other.held_out, SEED)
        joined = classify.bundles(told)
        # The matched conversations may be too few for an interval; the value stands in the median all the same.
        value = round(classify.value(joined, "characters", SEED), 4)
        single = round(classify.value(told, "characters", SEED), 4)
        figure = _short(classify.auc(joined, "characters", SEED))
        pairs[f"{one.id} {other.id}"] = figure | {"value": value, "one_reply": single}
        _say(f"{one.id} against {other.id}: {value}")
    nulls = []
    for split in range(SPLITS):
        person = persons[split % len(persons)]
        told = classify.matched(*deal(person.held_out, split), seed=split)
        nulls.append(round(classify.value(told, "characters", split), 4))
        _say(f"{person.id} against themselves: {nulls[-1]}")
    return {
        "impostor_auc": round(statistics.median(each["value"] for each in pairs.values()), 4),
        "impostor_pairs": pairs,
        "null_auc": round(statistics.mean(nulls), 4),
        "null_splits": nulls,
    }


def deal(some: Sequence[Exchange], seed: int) -> tuple[list[Exchange], list[Exchange]]:
    """One person's conversations in two heaps, by chance."""
    talks = sorted({each.conversation for each in some})
    random.Random(seed).shuffle(talks)
    heap = set(talks[::2])
    return [e for e in some if e.conversation in heap], [e for e in some if e.conversation not in heap]


def models(persons: Sequence[Person]) -> dict[str, Any]:
    """Bits per character of each person's held-out windows under the base and under everybody's adapter."""
    from training import precision
    from training.measures import likelihood

    ids = [each.id for each in persons]
    places = [(text, under) for text in ids for under in (BASE, *ids)]
    with ProcessPoolExecutor(AT_ONCE, get_context("spawn")) as pool:
        folders = dict(zip(ids, pool.map(_learned, ids), strict=True))
        made = dict(zip(places, pool.map(partial(_scored, folders), places), strict=True))
    scored = {text: {under: made[text, under] for under in (BASE, *ids)} for text in ids}
    windows = {each.id: _windows(each) for each in persons}
    rows: dict[str, dict[str, Any]] = {}
    for each in persons:
        bits = likelihood.compare(windows[each.id], scored[each.id], SEED, own=each.id)
        rows[each.id] = {
            "windows": bits.n,
            "bits": {name: _short(figure) for name, figure in bits.bits.items()},
            "gain_over": {name: _short(figure) for name, figure in bits.gain.items()},
        }
    better = [name for name, row in rows.items() if (row["gain_over"][BASE]["low"] or 0) > 0]
    best = [
        name
        for name, row in rows.items()
        if all((gain["value"] or 0) > 0 for other, gain in row["gain_over"].items() if other != BASE)
    ]
    return {
        "q1_better_than_base": len(better),
        "own_adapter_best": len(best),
        "q1": rows,
        "mixed": precision.has_units(),
    }


def _scored(folders: Mapping[str, Path], who: tuple[str, str]) -> list[Any]:
    """A person's windows under the base, or under somebody's adapter."""
    from training import adapter as adapters
    from training.measures import likelihood

    (id_, under), loaded = who, _model()
    if under != BASE:
        adapters.attach(loaded, folders[under])
    found = likelihood.score(loaded, _windows(_person(id_)), _as_it_is, under != BASE)
    if under != BASE:
        adapters.detach(loaded)
    _say(f"{id_} under {under}")
    return found


def _learned(id_: str) -> Path:
    return learn(_model(), _person(id_))


_person = cache(Person)


@cache
def _model() -> Any:
    """The base model of this process."""
    from training import model

    return model.load("smollm2", CACHE / "models", "none", 1)


def learn(loaded: Any, person: Person) -> Path:
    """The folder of a person's adapter, trained now where the cache has none."""
    from training import adapter as adapters
    from training import precision
    from training.encode import CONTEXT_TOKENS, Encoder
    from training.schedule import TrainOptions
    from training.train import StepReport, train

    encoder, chosen, tokens = Encoder(loaded.tokenizer), list[Sample](), 0
    for sample in reversed(person.train):
        if tokens >= TOKENS:
            break
        tokens += len(encoder.sample(sample, CONTEXT_TOKENS).ids)
        chosen.insert(0, sample)
    options = TrainOptions(epochs=EPOCHS, seed=SEED)
    lines = "".join(sample.to_json() + "\n" for sample in chosen)
    digest = hashlib.sha256(f"{lines}{options}{loaded.identity}{precision.has_units()}".encode()).hexdigest()[:16]
    folder = CACHE / "bench-evaluate" / f"{person.id}-{digest}"
    out = folder / "adapter"
    if not (out / adapters.CARD).exists():
        _dataset(folder / "dataset", lines, chosen, digest)

        def told(report: StepReport) -> None:
            if report.step % 20 == 0:
                _say(f"{person.id}: {report.fraction:.0%}, loss {report.loss:.2f}, {report.tokens_per_second:.0f}/s")

        if train(loaded, folder / "dataset", out, options, told).interrupted:
            raise KeyboardInterrupt
        adapters.detach(loaded)
    return out


def _dataset(folder: Path, lines: str, chosen: Sequence[Sample], digest: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation", "test", "controls"):
        write_private(folder / f"{name}.jsonl", lines if name == "train" else "")
    card = DatasetCard(
        hash=digest,
        built_at="",
        scopes={str(sample.dialog_id): "chat" for sample in chosen},
        window=2400,
        zone="UTC",
        messages=0,
        kept=0,
        dropped={},
        turns=0,
        characters=0,
        split={"train": len(chosen)},
    )
    write_private(folder / "card.json", json.dumps(asdict(card)))


def _windows(person: Person) -> list[Any]:
    from training.measures import likelihood

    some = [likelihood.Window(likelihood.cut(s, CHARACTERS), n) for n, s in person.test_by_conversation]
    return spread(likelihood.readable(some), WINDOWS, SEED)


def _as_it_is(window: Any) -> Sample:
    sample: Sample = window.sample
    return sample


def _short(figure: Figure) -> dict[str, Any]:
    numbers = {"value": figure.value, "low": figure.low, "high": figure.high}
    rounded = {name: None if value is None else round(value, 4) for name, value in numbers.items()}
    return rounded | {"n": figure.n} | ({"why_none": figure.why_none} if figure.why_none else {})


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
