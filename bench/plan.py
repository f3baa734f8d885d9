"""The memory that `plan` predicts against torch's own tracker, for a 7B shape, method by method. No GPU, no weights.

    python -m bench.plan [--small]

The real training step (LoRA, packed rows, tiled loss, backward pass, AdamW) runs on tensors that have a size and no
content, while torch's tracker adds up what is alive. Both sides are for bf16 on a GPU with torch's varlen attention.
Prints one JSON object; exits 1 when a prediction is more than a tenth off.
"""

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

from bench.tracker import tracker as of_memory
from training.fit import METHODS, MODES, RANK, Averages, Checkpointing, Method, Shape, peak

MISTRAL_7B = Shape(32, 4096, 4096, 1024, 32, 14336, 32768, tied=False)
SMALL = Shape(8, 256, 256, 128, 4, 896, 4096, tied=False)
MICRO_BATCHES = (1024, 4096, 16384)
SMALL_MICRO_BATCHES = (512, 1024, 4096)
LIMIT = 0.10
LOSS_SHARE = 0.4
WINDOW = 256
"""Tokens of each window in a row."""


def main() -> None:
    """Print each prediction beside what was tracked, and the worst error."""
    small = "--small" in sys.argv[1:]
    shape, sizes = (SMALL, SMALL_MICRO_BATCHES) if small else (MISTRAL_7B, MICRO_BATCHES)
    ways: list[tuple[Method, Averages]] = [*((method, "fp32") for method in METHODS), ("full", "8bit")]
    rows = []
    for (method, averages), mode, tokens in product(ways, MODES, sizes):
        row = compare(shape, method, mode, tokens, averages=averages)
        print(json.dumps(row), file=sys.stderr, flush=True)
        rows.append(row)
    worst = max(abs(row["ratio"] - 1) for row in rows)
    print(json.dumps({"shape": "small" if small else "mistral-7b", "worst_error": round(worst, 4), "rows": rows}))
    sys.exit(worst > LIMIT)


def compare(
    shape: Shape, method: Method, mode: Checkpointing, tokens: int, *, averages: Averages = "fp32", **options: Any
) -> dict[str, Any]:
    """One prediction and what was tracked, in bytes."""
    options["averages"] = averages
    predicted = peak(shape, method, tokens, loss_share=LOSS_SHARE, checkpointing=mode, **options).total
    found = tracked(shape, method, mode, tokens, **options)
    return {
        "method": method,
        "averages": averages,
        "checkpointing": mode,
        "micro_batch_tokens": tokens,
        "predicted_bytes": predicted,
        "tracked_bytes": found,
        "ratio": round(predicted / found, 4),
    }


def tracked(
    shape: Shape,
    method: Method,
    mode: Checkpointing,
    tokens: int,
    *,
    stream: int = 2,
    by_document: bool = False,
    averages: Averages = "fp32",
) -> int:
    """Bytes alive at the peak of two training steps of two micro-batches each, by torch's tracker. `by_document`
    computes with real numbers, on the CPU: without a device torch would take another road through attention."""
    import torch

    from training import attention
    from training.loss import token_losses
    from training.optimizer import Learner

    device = torch.device("cpu" if by_document else "meta")
    model = _model(shape, method, stream, device)
    attention._CHOSEN[model.causal] = "documents" if by_document else "varlen"  # a check would have to look at numbers
    learned = {name: parameter for name, parameter in model.causal.named_parameters() if parameter.requires_grad}
    tracker = of_memory()
    scales = [p.quant_state.absmax for p in model.causal.parameters() if getattr(p, "quant_state", None) is not None]
    tracker.track_external(*model.causal.parameters(), *model.causal.buffers(), *scales)
    batch = _batch(tokens)
    model.causal.train()
    with warnings.catch_warnings(), tracker, _mode(model, mode):
        warnings.simplefilter("ignore")
        learner = Learner(learned, 1e-4, averages)
        for _ in range(2):
            for _ in range(2):
                token_losses(model, batch).weighted(1.0).backward()  # type: ignore[no-untyped-call]
            learner.optimizer.step()
            for parameter in learned.values():
                parameter.grad = None
    return int(tracker.get_tracker_snapshot("peak")[device]["Total"])


@contextmanager
def _mode(model: Any, mode: Checkpointing) -> Iterator[None]:
    from training import attention, recompute

    recompute.layers(model, mode)
    with attention.packed(model):
        yield


def _model(shape: Shape, method: Method, stream: int, device: Any) -> Any:
    """The network as `train` makes it."""
    import torch
    from transformers import AutoModelForCausalLM

    from training import train
    from training.model import Identity, LanguageModel
    from training.schedule import TrainOptions

    dtype = torch.bfloat16 if stream == 2 else torch.float32
    with device:
        causal = AutoModelForCausalLM.from_config(_config(shape), dtype=dtype, attn_implementation="sdpa")
    if method == "qlora":
        _quantize(causal, dtype)
    model = LanguageModel(None, causal, Identity("", "", "", "", ""))
    if method != "full":
        causal.requires_grad_(False)
        train.add_lora(model, TrainOptions(max_steps=1, rank=RANK))
    return model


def _config(shape: Shape) -> Any:
    from transformers import LlamaConfig, Qwen3Config

    return (Qwen3Config if shape.head_norms else LlamaConfig)(
        num_hidden_layers=shape.layers,
        hidden_size=shape.hidden,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads * shape.key // shape.query,
        head_dim=shape.query // shape.heads,
        intermediate_size=shape.middle,
        vocab_size=shape.vocabulary,
        tie_word_embeddings=shape.tied,
    )


def _quantize(causal: Any, dtype: Any) -> None:
    """Every matrix but the head's as bitsandbytes holds it in NF4."""
    import torch

    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)  # it looks for a CPU kernel, which is beside the point
    from bitsandbytes.functional import QuantState
    from bitsandbytes.nn import Linear4bit, Params4bit

    for name, plain in list(causal.model.named_modules()):
        if not isinstance(plain, torch.nn.Linear):
            continue
        rows, columns = plain.weight.shape
        linear = Linear4bit(columns, rows, bias=False, compute_dtype=dtype, quant_type="nf4", device="meta")
        packed = torch.empty((rows * columns // 2, 1), dtype=torch.uint8, device="meta")
        linear.weight = Params4bit(packed, requires_grad=False, quant_type="nf4", bnb_quantized=True)
        linear.weight.quant_state = linear.quant_state = QuantState(
            absmax=torch.empty(rows * columns // 64, device="meta"),
            shape=torch.Size((rows, columns)),
            code=torch.empty(16, device="meta"),
            blocksize=64,
            quant_type="nf4",
            dtype=dtype,
        )
        parent, _, own = name.rpartition(".")
        setattr(causal.model.get_submodule(parent), own, linear)
    causal.is_loaded_in_4bit = True


def _batch(tokens: int) -> Any:
    from training.encode import Encoded, Kind
    from training.packing import MicroBatch

    every = 10
    kinds = tuple(
        int(Kind.TEXT if place % every >= every * (1 - LOSS_SHARE) else Kind.CONTEXT) for place in range(WINDOW)
    )
    window = Encoded(tuple(range(WINDOW)), kinds, (0,) * WINDOW, WINDOW)
    return MicroBatch((window,) * (tokens // WINDOW))


if __name__ == "__main__":
    main()
