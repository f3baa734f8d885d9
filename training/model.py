"""The language model: a tokenizer, a network, and an identity that says exactly which ones they are."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data.errors import ExitCode, UserError
from training import base as bases

if TYPE_CHECKING:
    from training.adapter import Card

Quantization = Literal["auto", "nf4", "none"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What an adapter must find again to mean the same thing. `quantization` is read from the loaded layers."""

    base: str
    revision: str
    template: str
    tokenizer: str
    quantization: str

    def as_json(self) -> dict[str, str]:
        """The five values as plain text."""
        return asdict(self)


@dataclass(slots=True)
class LanguageModel:
    """A causal language model, with or without an adapter."""

    tokenizer: Any
    causal: Any
    """The transformers model with its head. An adapter is injected into it, so calls through it include the adapter."""
    identity: Identity
    adapted: Any = None
    """peft's wrapper of the same network, or None without an adapter."""

    @property
    def device(self) -> Any:
        """Where the inputs go: the device of the embedding."""
        return self.causal.get_input_embeddings().weight.device

    @property
    def decoder(self) -> Any:
        """The network without its head: ids to hidden states [batch, length, hidden]."""
        return self.causal.get_decoder()

    @property
    def head(self) -> Any:
        """Hidden states to logits over the vocabulary."""
        return self.causal.get_output_embeddings()

    def without_adapter(self) -> AbstractContextManager[Any]:
        """Within this context the model is its untuned base."""
        context: AbstractContextManager[Any] = self.adapted.disable_adapter() if self.adapted else nullcontext()
        return context


def load(
    base: str,
    cache: Path,
    quantization: Quantization = "auto",
    threads: int | None = None,
    adapter: Path | None = None,
    *,
    as_stored: bool = False,
) -> LanguageModel:
    """Load a base model, and an adapter onto it.

    `base`: see `base.find`. `auto` is NF4 on CUDA and none on a CPU. Unquantised weights are fp32 on a CPU and bf16
    on CUDA, or with `as_stored` what they are on the disk, and then in the CPU's memory. `threads` is the number of
    CPU threads of the whole process. Raises `UserError`, exit code 3, where a package or the model is missing, and
    where the adapter belongs to another base.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise UserError(
            f"The package {error.name} is missing.", "Run: pip install 'doppelgram[train]'", ExitCode.CONFIGURATION
        ) from error
    from training import ranks

    if threads is not None:
        torch.set_num_threads(threads)
    found = bases.find(base, cache)
    bases.quiet()
    cuda = torch.cuda.is_available() and not as_stored
    options: dict[str, Any] = {
        "dtype": "auto" if as_stored else torch.bfloat16 if cuda else torch.float32,
        "attn_implementation": "sdpa",
        "use_safetensors": True,
        "trust_remote_code": False,
        "local_files_only": True,
    }
    several = ranks.several()
    if several and quantization == "nf4":
        raise UserError(
            "A base in 4 bit cannot be shared out over several GPUs.",
            "Set DOPPELGRAM_MODEL__QUANTIZATION=auto, or train on one GPU.",
            ExitCode.CONFIGURATION,
        )
    if cuda and not several:  # what is shared out is loaded by the CPU and goes to the GPUs layer by layer
        options["device_map"] = {"": 0}
    if quantization == "nf4" or (quantization == "auto" and cuda and not several):
        options["quantization_config"] = _nf4(options["dtype"])
    try:
        tokenizer = AutoTokenizer.from_pretrained(found.folder, trust_remote_code=False, local_files_only=True)
        causal = AutoModelForCausalLM.from_pretrained(found.folder, **options)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"The model {found.id} could not be loaded: {str(error).splitlines()[0][:200]}",
            "Its folder may be incomplete, or it may need code of its own, which is never run here.",
            ExitCode.CONFIGURATION,
        ) from error
    if not tokenizer.chat_template:
        raise UserError(
            f"The model {found.id} has no chat template.",
            "Use an instruct or chat model: a plain one does not know turns.",
            ExitCode.CONFIGURATION,
        )
    causal.requires_grad_(False)
    causal.eval()
    model = LanguageModel(tokenizer, causal, identify(found.id, found.revision, tokenizer, causal))
    if adapter is not None:
        from training import adapter as adapters

        adapters.attach(model, adapter)
    return model


def gpu() -> str | None:
    """The name of the GPU that torch would compute on, None for none."""
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def identify(base: str, revision: str, tokenizer: Any, causal: Any) -> Identity:
    """The identity of what was really loaded."""
    template, vocabulary = _hash(tokenizer.chat_template), _hash(_vocabulary(tokenizer))
    return Identity(base, revision, template, vocabulary, quantization_of(causal))


def identity_on_disk(base: str, cache: Path, card: "Card") -> Identity:
    """The identity of a base that is on this disk, from its files, without loading its weights.

    What need not be known, or cannot yet, since the base or the packages are not here, is taken from the card.
    """
    folder = bases.local(base, cache)
    known = Identity(bases.name_of(base), card.revision, card.template, card.tokenizer, card.quantization)
    if folder is None or known.base != card.base:
        return known
    try:
        from transformers import AutoTokenizer

        bases.quiet()
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (ImportError, OSError, ValueError):  # loading says what is wrong with it
        return known
    revision = bases.find(base, cache).revision
    vocabulary, template = _vocabulary(tokenizer), tokenizer.chat_template or ""
    return replace(known, revision=revision, template=_hash(template), tokenizer=_hash(vocabulary))


def identity_by_tokenizer(card: "Card", tokenizer: Any) -> Identity:
    """That of the base which a card names, as far as a tokenizer tells: the weights are somewhere else."""
    template, vocabulary = _hash(tokenizer.chat_template or ""), _hash(_vocabulary(tokenizer))
    return Identity(card.base, card.revision, template, vocabulary, card.quantization)


def quantization_of(network: Any) -> str:
    """`nf4`, `fp4`, `int8`, `none`, or several joined by `+`: read from the classes of the loaded linear layers."""
    kinds: set[str] = set()
    for module in network.modules():
        name = type(module).__name__
        if name in ("Linear4bit", "Params4bit"):
            kinds.add(str(module.weight.quant_type))
        elif name == "Linear8bitLt":
            kinds.add("int8")
    return "+".join(sorted(kinds)) or "none"


def _vocabulary(tokenizer: Any) -> str:
    return "\n".join(f"{token}\0{index}" for token, index in sorted(tokenizer.get_vocab().items()))


def _hash(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _nf4(dtype: Any) -> Any:
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise UserError(
            "4-bit models need the package bitsandbytes.",
            "Run: pip install 'bitsandbytes>=0.50', or set MODEL__QUANTIZATION=none",
            ExitCode.CONFIGURATION,
        ) from error
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
