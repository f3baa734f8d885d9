"""What the reply engine saves against a fresh `generate` of transformers, and that it writes the same tokens.

    python -m bench.reply

Three parts with the small model in fp32: a chat of 1,000 tokens that grows by 30, answered up to the end of a first
message, both sides in turns; 200 random edits against a full recompute; three candidates against one. About six
minutes on an idle core.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, TypeVar

import torch
from platformdirs import user_cache_path

from bench.edits import Chat, run
from training import model
from training.encode import Encoder
from training.generate import Generator
from training.model import LanguageModel

BUBBLE = 12
"""Tokens of a first message: people in the corpus write ten words. Both sides end earlier where the turn does."""
Made = TypeVar("Made")


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.reply", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; two crawl where other programs run")
    options = parser.parse_args()
    loaded = model.load("smollm2", user_cache_path("doppelgram") / "models", "none", options.threads)
    print(json.dumps(measure(loaded)))


def measure(
    loaded: LanguageModel,
    *,
    rounds: int = 5,
    tokens: int = 1000,
    short: Sequence[int] = (190, 100, 300),
    long: Sequence[int] = (10, 950, 1100),
) -> dict[str, Any]:
    """All figures. `short` and `long` are edits and the least and most tokens of the chats they are made in."""
    began, worked = time.perf_counter(), time.process_time()
    grown = growth(loaded, rounds, tokens)
    few = run(loaded, *short, chats=8, new=12, seed=1)
    many = run(loaded, *long, chats=2, new=12, seed=2)
    three = candidates(loaded, max(1, rounds // 2), tokens)
    return {
        **grown,
        "edits": few.edits + many.edits,
        "token_identical": few.token_identical + many.token_identical,
        "ties": few.ties + many.ties,
        **three,
        "edits_by_kind": {kind: few.by_kind[kind] + many.by_kind.get(kind, 0) for kind in sorted(few.by_kind)},
        "threads": torch.get_num_threads(),
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - worked, 1),
    }


def growth(loaded: LanguageModel, rounds: int, tokens: int) -> dict[str, Any]:
    """One chat a round: it is read, grows by about 30 tokens, and is answered by both sides, in changing order."""
    encoder = Encoder(loaded.tokenizer)
    kept = Generator(loaded)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    prompt_ours = prompt_theirs = new = same = 0
    for number in range(1, rounds + 1):
        chat = Chat(number, Random(number))
        chat.fill(encoder, tokens)
        before = len(encoder.prompt(chat.transcript()))
        kept.reply(chat.transcript(), 1, 1, dialog=number, max_tokens=1, temperature=0)
        while (grown := len(encoder.prompt(chat.transcript()))) < before + 30:
            chat.append(mine=False)
        transcript = chat.transcript()
        prompt = encoder.prompt(transcript)
        engine = partial(kept.reply, transcript, 1, 1, dialog=number, max_tokens=BUBBLE, temperature=0)
        generate = partial(_generate, loaded, encoder, prompt)
        read = kept.read_tokens
        if number % 2:
            (mine, spent), (other, spent_there) = _timed(engine), _timed(generate)
        else:
            (other, spent_there), (mine, spent) = _timed(generate), _timed(engine)
        ours.append(spent)
        theirs.append(spent_there)
        prompt_ours += kept.read_tokens - read
        prompt_theirs += len(prompt)
        new += grown - before
        same += mine[0].ids == other
    return {
        "prompt_tokens_ratio": round(prompt_theirs / prompt_ours, 2),
        "time_ratio": round(_median(theirs, 0) / _median(ours, 0), 2),
        "cpu_ratio": round(_median(theirs, 1) / _median(ours, 1), 2),
        "rounds": rounds,
        "rounds_with_the_same_tokens": same,
        "prompt_tokens": round(prompt_theirs / rounds),
        "new_tokens": round(new / rounds),
        "seconds_ours": round(_median(ours, 0), 3),
        "seconds_generate": round(_median(theirs, 0), 3),
    }


def candidates(loaded: LanguageModel, rounds: int, tokens: int) -> dict[str, Any]:
    """From a chat that nobody has read to the first token of three candidates, against that of one; processor time."""
    encoder = Encoder(loaded.tokenizer)
    chat = Chat(1, Random(9))
    chat.fill(encoder, tokens)
    spent: dict[int, list[tuple[float, float]]] = {1: [], 3: []}
    read: dict[int, int] = {}
    for _ in range(rounds):
        for n, times in spent.items():
            generator = Generator(loaded)
            times.append(_timed(partial(generator.reply, chat.transcript(), n, 1, max_tokens=1))[1])
            read[n] = generator.read_tokens
    return {
        "three_candidates_prefill_ratio": round(_median(spent[3], 1) / _median(spent[1], 1), 2),
        "three_candidates_prompt_tokens_ratio": read[3] / read[1],
    }


def _generate(loaded: LanguageModel, encoder: Encoder, prompt: Sequence[int]) -> tuple[int, ...]:
    """The first tokens that transformers' own `generate` writes, with the same tokens forbidden."""
    inputs = torch.tensor([list(prompt)], device=loaded.device)
    with torch.inference_mode():
        made = loaded.causal.generate(
            inputs,
            attention_mask=torch.ones_like(inputs),
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            max_new_tokens=BUBBLE,
            eos_token_id=encoder.end,
            pad_token_id=encoder.end,
            suppress_tokens=sorted(encoder.special - {encoder.end}),
            begin_suppress_tokens=[encoder.end],
        )
    return tuple(made[0, len(prompt) :].tolist())


def _timed(work: Callable[[], Made]) -> tuple[Made, tuple[float, float]]:
    """What was made, and the seconds on the clock and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    made = work()
    return made, (time.perf_counter() - wall, time.process_time() - processor)


def _median(times: Sequence[tuple[float, float]], which: int) -> float:
    return statistics.median(each[which] for each in times)


if __name__ == "__main__":
    main()
