"""What fits: the memory and the arithmetic of a training, computed from a model's configuration. Without torch.

docs/plan.md explains each term. `bench.plan` holds the memory against torch's own tracker, method by method.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from data.errors import ExitCode, UserError
from training.machine import Machine
from training.work import Work

Method = Literal["qlora", "lora", "full"]
METHODS: tuple[Method, ...] = ("qlora", "lora", "full")
Checkpointing = Literal["off", "partial", "full"]
"""Which layers' activations are computed a second time for the backward pass: of none, every second one, or all."""
MODES: tuple[Checkpointing, ...] = ("off", "partial", "full")
Averages = Literal["fp32", "8bit"]
"""How AdamW keeps its two averages of each weight's gradient."""
AVERAGES: dict[Averages, float] = {"fp32": 8.0, "8bit": 2.0 + 8 / 256}
"""Bytes of both, a weight; in 8 bit there is an fp32 scale for each 256 of them."""
MASTER_BYTES = 4
"""Learned weights are fp32: LoRA's are so in the network, whole networks in half precision have copies to learn on."""
TILE = 512
"""Rows of logits that exist at a time, as in `loss`."""
RANK = 16
NF4_BYTES = 0.5 + 4 / 64
"""Half a byte a weight, and an fp32 scale for each 64 of them."""
FEWEST = 256
"""Tokens below which fewer at a time save next to nothing."""
RESERVE = 0.08
"""Share of a GPU's memory that is left free: the driver's context, and what the allocator cannot use."""
ROW_TOKENS = {"cpu": 256, "cuda": 4096}
"""Tokens of a micro-batch by kind of device: few on a CPU, where memory is all that more would take, and many on a GPU,
which would idle with less. Chosen, not measured."""
ENOUGH = 1024
"""Tokens at a time with which a GPU is busy. With fewer it waits for launches and for weights out of their 4 bits, so
that computing activations twice costs less."""
UTILISATION = 0.4
"""Share of a machine's arithmetic that a training makes use of: an assumption, which docs/plan.md speaks of."""
DENSE = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma3_text")
"""The architectures that the terms are true for."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a dense decoder. `query` and `key` are the widths of all heads together."""

    layers: int
    hidden: int
    query: int
    key: int
    heads: int
    middle: int
    vocabulary: int
    tied: bool
    head_norms: bool = False
    """Whether queries and keys are normalised (Qwen3, Gemma 3)."""
    norms: int = 2
    """Of a layer's whole width."""

    @property
    def linear(self) -> int:
        """Weights of all layers' matrices."""
        return self.layers * (2 * self.hidden * (self.query + self.key) + 3 * self.hidden * self.middle)

    @property
    def embeddings(self) -> int:
        """Weights of the embedding, and of the head where it has its own."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All weights, vectors apart."""
        return self.linear + self.embeddings

    def adapter(self, rank: int) -> int:
        """Weights of a LoRA of this rank on every matrix of every layer."""
        attention = 2 * (self.hidden + self.query) + 2 * (self.hidden + self.key)
        return self.layers * rank * (attention + 3 * (self.hidden + self.middle))


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The shape in a model's `config.json`. Raises `UserError` (exit 3) for another architecture."""
    text = config.get("text_config", config)
    kind = text.get("model_type", "")
    if kind not in DENSE:
        raise UserError(
            f"plan cannot compute the architecture {kind or 'of this model'}.",
            f"It knows dense decoders: {', '.join(DENSE)}. `train` may take it all the same.",
            ExitCode.CONFIGURATION,
        )
    try:
        heads = int(text["num_attention_heads"])
        size = int(text.get("head_dim") or text["hidden_size"] // heads)
        gemma = kind == "gemma3_text"
        return Shape(
            layers=int(text["num_hidden_layers"]),
            hidden=int(text["hidden_size"]),
            query=heads * size,
            key=int(text.get("num_key_value_heads") or heads) * size,
            heads=heads,
            middle=int(text["intermediate_size"]),
            vocabulary=int(text["vocab_size"]),
            tied=bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", gemma))),
            head_norms=kind in ("qwen3", "gemma3_text"),
            norms=4 if gemma else 2,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"The model's config.json lacks or garbles {error}.", "Download the model again.", ExitCode.CONFIGURATION
        ) from error


@dataclass(frozen=True, slots=True)
class Peak:
    """Bytes at the worst moment of a training step, by what holds them."""

    weights: int
    training: int
    """Gradients, the optimizer's state and the adapter itself."""
    activations: int
    working: int
    """Logits of a tile, or what the backward pass of a layer holds for a moment."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.training + self.activations + self.working


def peak(
    shape: Shape,
    method: Method,
    tokens: int,
    *,
    stream: int = 2,
    rank: int = RANK,
    loss_share: float = 0.4,
    checkpointing: Checkpointing = "off",
    by_document: bool = False,
    averages: Averages = "fp32",
    ranks: int = 1,
) -> Peak:
    """The peak of a step of micro-batches of this many tokens, gradients of earlier ones included.

    `stream`: bytes of a number in the forward pass, 2 on a GPU (bf16) and 4 on a CPU. `by_document`: attention as it is
    computed where torch's varlen kernel is not to be had. `ranks`: GPUs that share the weights; the peak is of each.
    """
    weights, trained = _static(shape, method, stream, rank, averages)
    layer = _layer(shape, method, stream, rank, by_document)
    twice = {"off": 0, "partial": shape.layers // 2, "full": shape.layers}[checkpointing]
    kept = twice * stream * shape.hidden + (shape.layers - twice) * layer
    if method != "full" and twice < shape.layers - shape.layers % 2:
        kept -= 4 * shape.hidden  # the first layer's norm keeps nothing where the embedding before it does not learn
    again = layer if checkpointing == "full" else 0.0  # of every second one only after the last, which is not, is done
    head, back = _head(shape, tokens, stream, loss_share), tokens * _backward(shape, method, stream, again)
    working = max(head, back) + (stream * shape.hidden * shape.middle if method == "qlora" else 0)  # one unpacked
    if ranks > 1:
        weights, trained = -(-weights // ranks), -(-trained // ranks)
        working += _gathered(shape, method, stream)
    if method == "full" and stream < MASTER_BYTES:  # for the optimizer's step the gradients become fp32
        working = max(working, (MASTER_BYTES - stream) * shape.parameters / ranks - tokens * kept)
    return Peak(weights, trained, round(tokens * kept), round(working))


def _gathered(shape: Shape, method: Method, stream: int) -> float:
    """Bytes of what each of several ranks holds whole for a while: two layers and what is around them, with the
    gradients of what learns."""
    layer = shape.linear / shape.layers
    return stream * (2 * layer + shape.embeddings + (layer + shape.embeddings if method == "full" else 0))


def _head(shape: Shape, tokens: int, stream: int, loss_share: float) -> float:
    """Bytes while the loss is computed: the last norm, the rows that carry loss, and one tile of logits."""
    rows = tokens * loss_share
    return tokens * (4 + stream) * shape.hidden + rows * stream * shape.hidden + min(rows, TILE) * 12 * shape.vocabulary


def _backward(shape: Shape, method: Method, stream: int, again: float) -> float:
    """Bytes a token that the backward pass holds for a moment, in the last norm or in a layer that may have to be
    computed `again` first. The factors are read off the tracker."""
    copies = stream < MASTER_BYTES
    norm, narrow = (24.5, 2.5) if method == "full" else (20.5, 4.6 if copies else -1.5)
    return max(norm * shape.hidden, again + 2 * stream * shape.middle + narrow * shape.hidden)


def _static(shape: Shape, method: Method, stream: int, rank: int, averages: Averages) -> tuple[int, int]:
    vectors = (shape.norms * shape.layers + 1) * shape.hidden
    if method == "full":
        whole = shape.parameters + vectors
        copies = MASTER_BYTES if stream < MASTER_BYTES else 0
        return stream * whole, round((stream + copies + AVERAGES[averages]) * whole)
    each = NF4_BYTES if method == "qlora" else stream
    weights = round(shape.linear * each) + stream * (shape.embeddings + vectors)
    return weights, round((2 * MASTER_BYTES + AVERAGES[averages]) * shape.adapter(rank))


def _layer(shape: Shape, method: Method, stream: int, rank: int, by_document: bool) -> float:
    """Bytes a token that a layer keeps for its backward pass."""
    hidden, query, key, middle = shape.hidden, shape.query, shape.key, shape.middle
    kept = shape.norms * 4 * hidden  # a norm computes in fp32 and keeps what it was given
    if shape.head_norms:
        kept += 4 * (query + key)
    kept += stream * (2 * query + 2 * key) + 4 * shape.heads  # attention: its inputs, its output, a sum for each head
    kept += stream * 3 * middle  # gate, its activation, and what that is multiplied by
    if method == "full":  # what goes into each matrix, and each norm before its weights
        kept += stream * (2 * hidden + middle) + stream * shape.norms * hidden
        kept += stream * (query + key) if shape.head_norms else 0
    elif stream < MASTER_BYTES:  # LoRA's own fp32 copy of what goes into each matrix
        kept += MASTER_BYTES * (5 * hidden + query + middle) + 7 * MASTER_BYTES * rank
    else:
        kept += stream * (2 * hidden + middle) + 7 * stream * rank
    if by_document and (method == "full" or stream >= MASTER_BYTES):
        kept += stream * query  # the windows' outputs, side by side
    return kept


@dataclass(frozen=True, slots=True)
class Fit:
    """How a training would run on a machine. `micro_batch_tokens` 0: it does not fit."""

    method: Method
    micro_batch_tokens: int
    checkpointing: Checkpointing
    peak: Peak
    seconds: float
    """For one pass."""


def fit(shape: Shape, method: Method, machine: Machine, work: Work) -> Fit:
    """The way that `train` takes: see `ways`. The longest conversation is computed whole, so no micro-batch is smaller.
    What does not fit at all is given with the least memory it would take."""
    stream = 2 if machine.gpu else 4
    room = machine.memory * (1 - RESERVE)
    tried: Fit | None = None
    for most, mode in ways(ROW_TOKENS["cuda" if machine.gpu else "cpu"]):
        size = max(most, work.context)
        needs = peak(
            shape,
            method,
            size,
            stream=stream,
            loss_share=work.loss_share,
            checkpointing=mode,
            by_document=not machine.gpu,
            averages=averages_of(shape, method, machine),
        )
        seconds = work.tokens * operations(shape, method, work, mode) / (machine.rate * UTILISATION)
        tried = Fit(method, size, mode, needs, seconds)
        if needs.total <= room:
            return tried
    assert tried is not None
    return Fit(tried.method, 0, tried.checkpointing, tried.peak, tried.seconds)


def ways(most: int) -> list[tuple[int, Checkpointing]]:
    """Tokens at a time and what is computed twice, the quickest first. First fewer tokens, as long as they are
    `ENOUGH`; then activations twice, of every second layer or of all; then still fewer tokens."""
    many, few = _halves(most, ENOUGH), _halves(min(most, ENOUGH), FEWEST)
    return [(size, mode) for mode in MODES for size in many] + [(size, MODES[-1]) for size in few]


def _halves(most: int, least: int) -> list[int]:
    sizes = [most]
    while sizes[-1] // 2 >= least:
        sizes.append(sizes[-1] // 2)
    return sizes


def averages_of(shape: Shape, method: Method, machine: Machine, rank: int = RANK, ranks: int = 1) -> Averages:
    """How AdamW keeps its averages there: in 8 bit where a single GPU would be filled by more than half with them."""
    learned = shape.parameters if method == "full" else shape.adapter(rank)
    short = machine.gpu and ranks == 1 and AVERAGES["fp32"] * learned > machine.memory * (1 - RESERVE) / 2
    return "8bit" if short else "fp32"


def operations(
    shape: Shape, method: Method, work: Work, checkpointing: Checkpointing = "off", rank: int = RANK
) -> float:
    """Floating-point operations a token of training costs, a multiplication and an addition counting two."""
    again = {"off": 0.0, "partial": 2 * (shape.layers // 2) / shape.layers, "full": 2.0}[checkpointing]
    head = work.loss_share * shape.vocabulary * shape.hidden
    # Each token attends to half its window: scores and their use, forward once and backward two and a half times.
    attention = shape.layers * 2 * shape.query * work.mean * (1 + 2.5 + again / 2)
    if method == "full":
        return (6 + again) * shape.linear + 8 * head + attention
    return (4 + again) * shape.linear + (6 + again) * shape.adapter(rank) + 4 * head + attention
