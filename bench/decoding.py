"""Replies on one GPU: our reply engine's decode step against transformers' `generate`, both on the same 4-bit network
with the same unmerged adapter; several chats at once; and the time until a chat that grew is read."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch

from bench import networks, trainers
from bench.features import Bench, demand
from training.decode import Steppers, logits_of
from training.memory import Memory
from training.model import LanguageModel

PROMPT, GROWN, WRITTEN = 2000, 30, 128
"""Tokens of a chat, of what came since, of a long reply."""
CHATS = 8


@dataclass(frozen=True, slots=True)
class Size:
    """Of a run."""

    prompt: int
    grown: int
    written: int


def decode(bench: Bench) -> dict[str, Any]:
    """Tokens a second of a reply; how many times those of `generate` ours are, alone and of several chats together;
    and how many times longer a fresh `generate` needs to its first token."""
    demand("bitsandbytes")
    size = Size(40, 6, 6) if bench.tiny else Size(PROMPT, GROWN, WRITTEN)
    causal = networks.network(bench.shape, "nf4", bench.device)
    network = trainers.prepare(causal, trainers.ours())
    causal.eval()
    steppers = Steppers(network)
    chance = Random(1)
    prompts = [[chance.randrange(10, causal.config.vocab_size) for _ in range(size.prompt)] for _ in range(CHATS)]
    with torch.inference_mode():
        agreeing = _same(network, steppers, prompts[0], size)
        for _ in range(bench.rounds + 1):
            _round(bench, network, steppers, prompts, size)
    first = [each for each in bench.raw if each["side"] != "decode"]
    middle = {
        key: statistics.median(each[key] for each in first[1:])  # the first round records graphs and warms up
        for key in ("ours", "generate", "together", "first_ours", "first_generate")
    }
    return {
        "decode_ratio_generate": round(middle["ours"] / middle["generate"], 2),
        "decode_tokens_per_second": round(middle["ours"], 1),
        "decode_tokens_per_second_generate": round(middle["generate"], 1),
        "together_ratio": round(middle["together"] / middle["ours"], 2),
        "chats_together": CHATS,
        "first_token_ratio": round(middle["first_generate"] / middle["first_ours"], 2),
        "captured": bench.device.type == "cuda" and not steppers.refused,
        "refused": steppers.refused,
        "same_tokens": agreeing,
    }


def _round(bench: Bench, network: LanguageModel, steppers: Steppers, prompts: Sequence[list[int]], size: Size) -> None:
    memories = [_read(network, Memory(network.causal.config), prompt) for prompt in prompts]
    _, alone = bench.timed(lambda: _write(network, steppers, memories[:1], size.written))
    _, together = bench.timed(lambda: _write(network, steppers, memories, size.written))
    _, short = bench.timed(lambda: _generate(network, prompts[0], 1))
    _, long = bench.timed(lambda: _generate(network, prompts[0], size.written + 1))
    grown = [*prompts[0], *prompts[1][: size.grown]]
    _, first_ours = bench.timed(lambda: _read(network, memories[0], grown))
    _, first_generate = bench.timed(lambda: _generate(network, grown, 1))
    bench.note(
        "round",
        ours=size.written / alone,
        generate=size.written / max(long - short, 1e-9),
        together=CHATS * size.written / together,
        first_ours=first_ours,
        first_generate=first_generate,
    )


def _read(network: LanguageModel, memory: Memory, ids: list[int]) -> Memory:
    """Bring a chat's memory up to these ids, in one part, and compute what would be said next."""
    memory.rewind(memory.common(ids))
    new = ids[len(memory.ids) :]
    if new:
        inputs = torch.tensor([new], device=network.device)
        out = network.decoder(input_ids=inputs, past_key_values=memory.cache, use_cache=True)
        memory.ids += new
        logits_of(network, out.last_hidden_state[:, -1])
    return memory


def _write(network: LanguageModel, steppers: Steppers, memories: Sequence[Memory], count: int) -> list[list[int]]:
    """The likeliest tokens of each chat, side by side."""
    stepper = steppers.begin([(memory, 1) for memory in memories], count)
    tokens = [memory.ids[-1] for memory in memories]
    written: list[list[int]] = [[] for _ in memories]
    for _ in range(count):
        tokens = stepper.step(tokens).argmax(-1).tolist()
        for row, token in zip(written, tokens, strict=True):
            row.append(token)
    return written


def _generate(network: LanguageModel, prompt: list[int], count: int) -> list[int]:
    inputs = torch.tensor([prompt], device=network.device)
    made = network.causal.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        do_sample=False,
        min_new_tokens=count,
        max_new_tokens=count,
        pad_token_id=0,
    )
    return [int(token) for token in made[0, len(prompt) :]]


def _same(network: LanguageModel, steppers: Steppers, prompt: list[int], size: Size) -> dict[str, int]:
    """How many of a reply's tokens are those of `generate` before the first other one. With random weights the two
    likeliest tokens lie close together, so in half precision a difference may be rounding alone."""
    memory = _read(network, Memory(network.causal.config), prompt[:-1])  # the last one is read by the first step
    stepper = steppers.begin([(memory, 1)], size.written)
    mine, token = [], prompt[-1]
    for _ in range(size.written):
        token = int(stepper.step([token]).argmax(-1))
        mine.append(token)
    theirs = _generate(network, prompt, size.written)
    same = next((n for n, (one, other) in enumerate(zip(mine, theirs, strict=True)) if one != other), size.written)
    return {"tokens": same, "of": size.written}
