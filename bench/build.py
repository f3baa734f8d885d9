"""archive -> dataset -> token ids, for a million invented messages: ours against the seed's way in vectorised pandas.

    python -m bench.build [MESSAGES] [--rounds N]

Both read the same archive, may use two cores and end in ids of the same tokenizer: ours builds and encodes in two
processes, the seed's tokenizer uses two threads. Each side runs in processes of its own, so that peaks of memory are
its own, and the sides take turns; of more rounds than one the medians count. `processor_seconds` are those that a
processor worked for it, in all its processes: they tell more than the others where the machine is shared, and so does
`ratio_processor`. `.._bare` are those of the dataset without redaction. Needs the extra `bench` and the small model.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from bench import invented

MESSAGES = 1_000_000
CORES = 2
NOW = datetime(2026, 3, 3, tzinfo=UTC)


def main() -> None:
    """Print both sides' figures as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.build", description=__doc__.splitlines()[0])
    parser.add_argument("messages", nargs="?", type=int, default=MESSAGES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)  # how this program calls itself
    options = parser.parse_args()
    if options.side:
        side, archive, folder = options.side
        print(json.dumps(SIDES[side](Path(archive), Path(folder))))
        return
    messages = options.messages
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.db"
        invented.account(archive, messages)
        rounds = [{side: _run(side, archive, Path(folder) / side) for side in SIDES} for _ in range(options.rounds)]
        ran = {side: _median([each[side] for each in rounds]) for side in SIDES}
    ours, bare, seed = ran["redacted"], ran["bare"], ran["seed"]
    print(
        json.dumps(
            {
                "messages": messages,
                "rounds": options.rounds,
                "seconds": ours["build_seconds"],
                "peak_memory_bytes": ours["peak_memory_bytes"],
                "ratio": round(seed["seconds"] / bare["seconds"], 2),
                "ratio_redacted": round(seed["seconds"] / ours["seconds"], 2),
                "ratio_processor": round(seed["processor"] / bare["processor"], 2),
                "ratio_processor_redacted": round(seed["processor"] / ours["processor"], 2),
                "own_turns_trained_share": ours["own_turns_trained_share"],
                "own_turns_trained_share_seed": seed["own_turns_trained_share"],
                "seconds_to_ids": bare["seconds"],
                "seconds_to_ids_redacted": ours["seconds"],
                "seconds_to_ids_seed": seed["seconds"],
                "seconds_seed_pandas": seed["build_seconds"],
                "processor_seconds": ours["build_processor"],
                "processor_seconds_seed_pandas": seed["build_processor"],
                "processor_seconds_bare": bare["build_processor"],
                "processor_seconds_to_ids": bare["processor"],
                "processor_seconds_to_ids_redacted": ours["processor"],
                "processor_seconds_to_ids_seed": seed["processor"],
                "tokens": bare["tokens"],
                "tokens_seed": seed["tokens"],
            }
        )
    )


def _run(side: str, archive: Path, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.build", "--side", side, str(archive), str(folder)],
        check=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"TOKENIZERS_PARALLELISM": "true", "RAYON_NUM_THREADS": str(CORES)},
    )
    return dict(json.loads(done.stdout))


def _median(rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Of each figure."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    from training import base

    return AutoTokenizer.from_pretrained(base.find("smollm2", user_cache_path("doppelgram")).folder)


def _ours(archive: Path, folder: Path) -> dict[str, Any]:
    from data import dataset, samples
    from data.archive import Archive
    from data.samples import Shape
    from training.encode import CONTEXT_TOKENS, Encoder

    card, *built = _timed(lambda: dataset.build(Archive(archive), bytes(32), folder, Shape(), NOW, processes=CORES))
    peak = _peak()
    encoder = Encoder(_tokenizer())
    tokens, *encoded = _timed(
        lambda: sum(len(encoded.ids) for _, encoded in encoder.parts(folder, samples.OWN_SPLITS, CONTEXT_TOKENS))
    )
    share = card.turns / _own_turns(archive, card.pauses)
    return _figures(built, encoded, peak, tokens, share)


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it returns, its seconds, and the seconds that a processor worked for it."""
    began, worked = time.perf_counter(), _worked()
    result = work()
    return result, time.perf_counter() - began, _worked() - worked


def _worked() -> float:
    """Seconds, those of the processes that have ended too."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _own_turns(archive: Path, pauses: Any) -> int:
    """All turns of the owner's own words, kept or not."""
    from data import conversation, target
    from data.archive import Archive

    opened = Archive(archive)
    return sum(
        turn[0].mine and target.against(turn[0]) is None
        for dialog in opened.dialogs()
        for turn in conversation.turns(conversation.shown(opened.messages(dialog.id)), pauses)
    )


def _without_redaction(archive: Path, folder: Path) -> dict[str, Any]:
    _redact_nothing()
    return _ours(archive, folder)


def _redact_nothing() -> None:
    from data.redact import Surrogates

    Surrogates.redact = lambda self, text: text  # type: ignore[method-assign]
    Surrogates.redact_all = lambda self, texts: texts  # type: ignore[method-assign, assignment, return-value]


def _seed(archive: Path, folder: Path) -> dict[str, Any]:
    from bench import seed

    tokenizer = _tokenizer()
    (texts, own), *built = _timed(lambda: seed.conversations(archive))
    ids, *encoded = _timed(lambda: seed.token_ids(texts, tokenizer))
    tokens = sum(map(len, ids))
    return _figures(built, encoded, _peak(), tokens, seed.trained_share(texts, own, ids, tokenizer))


def _figures(built: list[float], encoded: list[float], peak: int, tokens: int, share: float) -> dict[str, Any]:
    return {
        "build_seconds": round(built[0], 2),
        "build_processor": round(built[1], 2),
        "seconds": round(built[0] + encoded[0], 2),
        "processor": round(built[1] + encoded[1], 2),
        "peak_memory_bytes": peak,
        "tokens": tokens,
        "own_turns_trained_share": round(share, 4),
    }


def _peak() -> int:
    """Bytes, of this process and the one helper together: no less than at any one moment."""
    return sum(resource.getrusage(which).ru_maxrss for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * 1024


SIDES = {"bare": _without_redaction, "redacted": _ours, "seed": _seed}

if __name__ == "__mp_main__" and "bare" in sys.argv:  # a helper of that side
    _redact_nothing()
if __name__ == "__main__":
    main()
