"""Four ways to train on the same conversations: ours, a plain Trainer, the recipe that this project started from, TRL.

Plain and the old recipe are written anew as `transformers.Trainer` computes them; TRL is the installed package itself:
its packing, its collator, its loss.
"""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.conversations import LONGEST, Conversation
from training import packing
from training.encode import Encoded
from training.loss import losses_of, token_losses
from training.model import Identity, LanguageModel
from training.packing import MicroBatch

ROWS = 8
ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SEED_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj")
RANK = 16


@dataclass(frozen=True, slots=True)
class Trainer:
    """One way. `batches` gives what goes through the network at a time; `scores` the pairs of tokens that attention
    compares in one batch, in one head; `shape` does the passes on meta tensors, where nothing may depend on a value;
    `head` is what `shape` leaves out, in FLOPs per token with loss."""

    batches: Callable[[Sequence[Conversation], int], list[Any]]
    loss: Callable[[LanguageModel, Any], Tensor]
    scores: Callable[[Any], int]
    shape: Callable[[LanguageModel, Any], Tensor]
    head: Callable[[Any], float] = lambda config: 0.0
    checkpointing: bool = False
    targets: tuple[str, ...] = ALL
    rank: int = RANK
    dropout: float = 0.0


def prepare(causal: Any, trainer: Trainer, seed: int = 1) -> LanguageModel:
    """The network with the trainer's LoRA on, in training mode."""
    from peft import LoraConfig, get_peft_model

    from training.adapter import peft_warnings

    causal.requires_grad_(False)
    config = LoraConfig(
        r=trainer.rank,
        lora_alpha=2 * trainer.rank,
        lora_dropout=trainer.dropout,
        target_modules=list(trainer.targets),
    )
    with torch.random.fork_rng(devices=[]), peft_warnings():
        torch.manual_seed(seed)
        adapted = get_peft_model(causal, config)
    if trainer.checkpointing:
        # The second name is that of older versions of transformers.
        enable = getattr(causal, "activation_checkpointing_enable", None) or causal.gradient_checkpointing_enable
        enable({"use_reentrant": False})
    causal.train()
    return LanguageModel(None, causal, Identity("bench", "", "", "", "none"), adapted)


def ours() -> Trainer:
    """Rows of the token budget, packed best-fit, each window to itself; logits where there is loss."""

    def batches(conversations: Sequence[Conversation], tokens: int) -> list[MicroBatch]:
        windows: list[Encoded] = [window for each in conversations if (window := each.window)]
        return packing.micro_batches(windows, tokens, seed=1)

    return Trainer(
        batches,
        lambda model, batch: token_losses(model, batch).weighted(1.0) / batch.loss_tokens,
        lambda batch: sum(len(window.ids) ** 2 for window in batch.windows),
        _packed_shape,
    )


def plain(rows: int = ROWS) -> Trainer:
    """Rows in random order, padded to the longest; the model's own loss over all logits."""

    def batches(conversations: Sequence[Conversation], tokens: int) -> list[Any]:
        order = list(conversations)
        random.Random(1).shuffle(order)
        return [order[start : start + rows] for start in range(0, len(order), rows)]

    return Trainer(batches, _padded_loss, _padded_scores, _padded_loss)


def plain_steps(some: Sequence[Conversation], tokens: int, rows: int = ROWS) -> list[list[Conversation]]:
    """Micro-steps of a plain Trainer, those nearest to so many real tokens first."""
    return sorted(plain(rows).batches(some, tokens), key=lambda step: abs(sum(len(each.ids) for each in step) - tokens))


def seed(targets: tuple[str, ...] = ALL, rank: int = RANK) -> Trainer:
    """`group_by_length`, rows of 8, checkpointing, all logits."""

    def batches(conversations: Sequence[Conversation], tokens: int) -> list[Any]:
        from transformers.trainer_pt_utils import get_length_grouped_indices

        order = get_length_grouped_indices(
            [len(each.ids) for each in conversations], ROWS * 2, generator=torch.Generator().manual_seed(1)
        )
        rows = [conversations[index] for index in order]
        return [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]

    return Trainer(batches, _padded_loss, _padded_scores, _padded_loss, checkpointing=True, targets=targets, rank=rank)


def trl(rows: int = 1) -> Trainer:
    """`packing=True, packing_strategy="bfd", max_length=1024`, `loss_type="nll"`, SDPA, checkpointing off. TRL joins
    the rows of a batch into one, over which SDPA attends with a dense mask, so one row at a time is its cheapest.
    Raises ImportError without TRL."""
    from datasets import Dataset
    from trl.data_utils import pack_dataset
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)

    def batches(conversations: Sequence[Conversation], tokens: int) -> list[Any]:
        columns = {
            "input_ids": [list(each.ids) for each in conversations],
            "labels": [each.labels for each in conversations],
        }
        packed = list(pack_dataset(Dataset.from_dict(columns), LONGEST, "bfd", {"keep_in_memory": True}))
        return [collate(packed[start : start + rows]) for start in range(0, len(packed), rows)]

    return Trainer(batches, _trl_loss, lambda batch: _width(batch) ** 2, _row_shape, _trl_head)


def _width(batch: Any) -> int:
    return int(batch["input_ids"].shape[1])


def _row_shape(model: LanguageModel, batch: Any) -> Tensor:
    """Without the head: TRL's picks its positions by value."""
    hidden: Tensor = model.decoder(input_ids=batch["input_ids"].to(model.device), use_cache=False).last_hidden_state
    return hidden.sum()


def _trl_head(config: Any) -> float:
    """On a CPU TRL's head scores every position, on a GPU those with loss alone, which is what is counted here."""
    from transformers import AutoModelForCausalLM

    single = copy.deepcopy(config)
    single.num_hidden_layers = 1
    causal = AutoModelForCausalLM.from_config(single)
    add_trl_head(causal)
    model = prepare(causal, plain())
    ids = torch.ones((1, 65), dtype=torch.long)
    with FlopCounterMode(display=False) as whole:
        torch.autograd.backward(_trl_loss(model, {"input_ids": ids, "labels": ids}))
    with FlopCounterMode(display=False) as headless:
        torch.autograd.backward(_row_shape(model, {"input_ids": ids}))
    return float(whole.get_total_flops() - headless.get_total_flops()) / 64


def _packed_shape(model: LanguageModel, batch: MicroBatch) -> Tensor:
    ids = torch.zeros((1, batch.tokens), dtype=torch.long, device=model.device)
    hidden = model.decoder(input_ids=ids, use_cache=False).last_hidden_state[0, : batch.loss_tokens]
    return losses_of(model.causal, model.head, hidden, ids[0, : batch.loss_tokens]).sum()


def _trl_loss(model: LanguageModel, batch: Any) -> Tensor:
    found = model.causal(**batch, use_cache=False, fused_lm_head=True)
    loss: Tensor = -found.log_probs.sum() / found.label_mask.sum().clamp(min=1)
    return loss


def add_trl_head(causal: Any) -> None:
    """TRL's head, with the metrics that its trainer asks for. Before the adapter is put on."""
    from trl.trainer.utils import add_fused_lm_head

    add_fused_lm_head(causal, outputs=("log_probs", "entropy", "is_top1"))


def _padded_scores(batch: Sequence[Conversation]) -> int:
    return len(batch) * max(len(each.ids) for each in batch) ** 2


def _padded_loss(model: LanguageModel, batch: Sequence[Conversation]) -> Tensor:
    width = max(len(each.ids) for each in batch)

    def padded(rows: list[list[int]], value: int) -> Tensor:
        return torch.tensor([[*row, *([value] * (width - len(row)))] for row in rows], device=model.device)

    found = model.causal(
        input_ids=padded([list(each.ids) for each in batch], 0),
        attention_mask=padded([[1] * len(each.ids) for each in batch], 0),
        labels=padded([each.labels for each in batch], -100),
        use_cache=False,
    )
    loss: Tensor = found.loss
    return loss


SIDES = {"ours": ours, "plain": plain, "trl": trl}
"""By name, since a process of its own is told of one by that."""
