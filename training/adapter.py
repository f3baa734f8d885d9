"""The adapter folder: LoRA weights in peft's format, or a whole trained network, and a card that says what they were
made from.

An adapter holds what people wrote, so it is as private as the archive: folder 0700, files 0600, and nothing in it
names a path of this machine. `card.json` is written last: a folder without one is not an adapter.
"""

import errno
import json
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import ExitCode, UserError
from data.pauses import FIXED, Pauses
from data.samples import write_private
from training import network

if TYPE_CHECKING:
    from training.model import Identity, LanguageModel

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
CARD = "card.json"


@dataclass(frozen=True, slots=True)
class Card:
    """What an adapter is made of. Written beside it and shown to people."""

    name: str
    created_at: str
    base: str
    revision: str
    template: str
    tokenizer: str
    quantization: str
    """Of the base while training."""
    dataset: str
    """Hash of the dataset."""
    chats: tuple[int, ...]
    """Dialog ids of the chats whose text is inside."""
    window: int
    """Characters of context that the dataset was cut to; the live client must use the same."""
    zone: str
    pause: float = FIXED.pause.total_seconds()
    """Seconds of quiet that ended a turn in the dataset; the live client must use the same, and the next too."""
    silence: float = FIXED.silence.total_seconds()
    scopes: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    """Options, steps, tokens and seconds of the training."""
    losses: Mapping[str, float] = field(default_factory=dict)
    method: str = "lora"
    """`full`: the folder holds the whole network instead of LoRA weights."""
    built_at: str = ""
    """When the chats of its dataset were read, in ISO format; empty where it is not known."""
    stale: bool = False
    """A chat inside was forgotten or its consent revoked: train again before using it."""

    @property
    def pauses(self) -> Pauses:
        """The thresholds that its turns were cut with."""
        return Pauses(timedelta(seconds=self.pause), timedelta(seconds=self.silence))


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter on this disk."""

    folder: Path
    card: Card


def save(model: "LanguageModel", folder: Path, card: Card) -> Adapter:
    """Write the adapter that `model` carries, or the network that it has become. Raises `UserError` when the disk is
    full; then no card is left.

    Every rank takes part, and the first one writes.
    """
    from training import ranks

    with disk(folder):
        if ranks.first():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            (folder / CARD).unlink(missing_ok=True)
        if card.method == "full":
            network.save(model, folder)
        else:
            _save_lora(model, folder, card.base)
        if ranks.first():
            write_private(folder / CARD, json.dumps(asdict(card), indent=2) + "\n")
    return Adapter(folder, card)


def _save_lora(model: "LanguageModel", folder: Path, base: str) -> None:
    from peft import get_peft_model_state_dict

    from training import ranks, tensors

    weights: dict[str, Any] = get_peft_model_state_dict(model.adapted, save_embedding_layers=False)
    tensors.write(folder / WEIGHTS, weights)
    if ranks.first():
        write_private(folder / CONFIG, json.dumps(_portable(model.adapted.peft_config["default"], base), indent=2))


def _portable(config: Any, base: str) -> dict[str, Any]:
    """peft's configuration as JSON, with the base's id in place of a path on this machine."""
    values = {
        key: sorted(value) if isinstance(value, set) else getattr(value, "value", value)
        for key, value in config.to_dict().items()
    }
    return values | {"base_model_name_or_path": base, "revision": None, "inference_mode": True, "auto_mapping": None}


def read(folder: Path) -> Adapter:
    """The adapter in a folder. Raises `UserError` where there is none."""
    try:
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
        values["chats"] = tuple(values["chats"])
        card = Card(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"There is no adapter in {folder}.", "Run: doppelgram train", ExitCode.CONFIGURATION) from error
    if not all((folder / name).exists() for name in parts_of(card)[:2]):
        raise UserError(
            f"The adapter in {folder} has no safetensors weights.", "Run: doppelgram train", ExitCode.CONFIGURATION
        )
    return Adapter(folder, card)


def parts_of(card: Card) -> tuple[str, ...]:
    """The files that another program needs of an adapter: weights, configuration, and of a network what goes with
    it."""
    return network.FILES if card.method == "full" else (WEIGHTS, CONFIG)


def check(adapter: Adapter, identity: "Identity") -> None:
    """Raise `UserError` if the adapter was trained on another base, chat template or tokenizer than the loaded one.

    Its quantization may differ: the same weights, rounded, are the same base.
    """
    card = adapter.card
    differs = [
        word
        for word, mine, theirs in (
            ("base model", card.base, identity.base),
            ("base model's weights", card.revision, identity.revision),
            ("chat template", card.template, identity.template),
            ("tokenizer", card.tokenizer, identity.tokenizer),
        )
        if mine != theirs
    ]
    if differs:
        raise UserError(
            f"The adapter {card.name} does not fit this model: it was trained with another {' and '.join(differs)} "
            f"({card.base}, not {identity.base}).",
            f"Set DOPPELGRAM_MODEL__BASE to {card.base} as it was then, or train again.",
            ExitCode.CONFIGURATION,
        )


def attach(model: "LanguageModel", folder: Path) -> Adapter:
    """Put a saved adapter onto a loaded base, after `check`. A model that has one already must be detached first."""
    from training import uncompiled

    uncompiled.load()
    from peft import LoraConfig, set_peft_model_state_dict
    from safetensors.torch import load_file

    from training import lora

    if model.adapted is not None:
        raise ValueError("the model already carries an adapter")
    adapter = read(folder)
    check(adapter, model.identity)
    if adapter.card.method == "full":
        raise ValueError("a whole network is loaded in place of its base, not put onto it")
    config = LoraConfig.from_pretrained(str(folder))
    config.base_model_name_or_path = None  # peft would compare paths; `check` compared what really counts
    with peft_warnings():
        model.adapted = lora.put(model.causal, config)
        outcome = set_peft_model_state_dict(model.adapted, load_file(folder / WEIGHTS))
    missing = [key for key in outcome.missing_keys if "lora_" in key]
    if missing or outcome.unexpected_keys:
        detach(model)
        raise UserError(f"The adapter {adapter.card.name} is damaged.", "Train again.", ExitCode.CONFIGURATION)
    model.causal.requires_grad_(False)
    model.causal.eval()
    return adapter


def detach(model: "LanguageModel") -> None:
    """Take the adapter off again: the model is its untuned base."""
    if model.adapted is not None:
        model.causal = model.adapted.unload()
        model.adapted = None


def every(home: Path) -> list[Adapter]:
    """All finished adapters in the adapters folder, oldest first."""
    found = [read(card.parent) for card in home.glob(f"*/{CARD}")]
    return sorted(found, key=lambda adapter: (adapter.card.created_at, adapter.card.name))


def unfinished(home: Path) -> Path | None:
    """Where the training lies that was interrupted last. A folder without a card is not finished."""
    folders = (path for path in home.glob("*") if path.is_dir() and not path.name.startswith("."))
    return max((path for path in folders if not (path / CARD).exists()), key=_changed, default=None)


def _changed(folder: Path) -> float:
    return folder.stat().st_mtime


def fresh(home: Path) -> Path:
    """A folder for a new adapter, under a name that is free."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem, taken = time.strftime("%Y-%m-%d"), {path.name for path in home.glob("*") if path.is_dir()}
    number = next(n for n in range(1, len(taken) + 2) if f"{stem}-{n}" not in taken)
    return home / f"{stem}-{number}"


def newest(home: Path) -> Adapter | None:
    """The youngest adapter that is not stale."""
    return next((adapter for adapter in reversed(every(home)) if not adapter.card.stale), None)


def mark_stale(home: Path, dialog_id: int) -> list[str]:
    """Mark every adapter that holds this chat's text. Returns their names."""
    inside = [adapter for adapter in every(home) if dialog_id in adapter.card.chats]
    for adapter in inside:
        update(adapter, stale=True)
    return [adapter.card.name for adapter in inside]


def update(adapter: Adapter, **changes: Any) -> Adapter:
    """Write the card anew with some values changed, such as `losses` after an evaluation."""
    # Read again: a consent may have been revoked while the caller was measuring, and that is never undone.
    card = replace(read(adapter.folder).card, **changes)
    with disk(adapter.folder):
        write_private(adapter.folder / CARD, json.dumps(asdict(card), indent=2) + "\n")
    return Adapter(adapter.folder, card)


def remove(folder: Path) -> None:
    """Delete an adapter, its card first, so that an interrupted removal leaves nothing that looks usable."""
    (folder / CARD).unlink(missing_ok=True)
    shutil.rmtree(folder)


@contextmanager
def disk(place: Path) -> Iterator[None]:
    """Turn a full disk into an error that a person can read."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"The disk is full: {place} could not be written.", "Free some space and run the same command again."
        ) from error


@contextmanager
def peft_warnings() -> Iterator[None]:
    """peft 0.21 asks a transformers 5 model for an attribute by its old name; nothing of ours can change that."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        yield
