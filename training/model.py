"""The language model: a tokenizer, a network, and an identity that says exactly which ones they are."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data.errors import ExitCode, UserError
from data.uncollected import loaded
from training import base as bases

if TYPE_CHECKING:
    from training.adapter import Adapter, Card

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
    """peft's wrapper of the same network, or None without LoRA weights."""
    tuned: bool = False
    """Whether the network's own weights were trained: it is an adapter's in place of the base's."""
    anew: Callable[[], Any] | None = None
    """Loads the untuned network once more, as this one was loaded."""
    _base: Any = None

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
        """Within this context the model is its untuned base. That of a tuned network is loaded for it, and then
        kept."""
        if self.tuned:
            return self._untuned()
        context: AbstractContextManager[Any] = self.adapted.disable_adapter() if self.adapted else nullcontext()
        return context

    @contextmanager
    def _untuned(self) -> Iterator[None]:
        if self._base is None:
            if self.anew is None:
                raise ValueError("nobody said where the untuned network comes from")
            self._base = self.anew()
        tuned, self.causal = self.causal, self._base
        try:
            yield
        finally:
            self.causal = tuned


def load(
    base: str,
    cache: Path,
    quantization: Quantization = "auto",
    threads: int | None = None,
    adapter: Path | None = None,
    *,
    as_stored: bool = False,
) -> LanguageModel:
    """Load a base model, and an adapter onto it or, where that is a whole network, in its place.

    `base`: see `base.find`. `auto` is NF4 on CUDA and none on a CPU. Unquantised weights are fp32 on a CPU and bf16
    on CUDA, or with `as_stored` what they are on the disk, and then in the CPU's memory. `threads` is the number of
    CPU threads of the whole process. Raises `UserError`, exit code 3, where a package or the model is missing, where
    the adapter belongs to another base, and where the memory does not hold it.
    """
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"The package {error.name} is missing.", "Run: pip install 'doppelgram[train]'", ExitCode.CONFIGURATION
        ) from error
    from training import adapter as adapters

    if threads is not None:
        torch.set_num_threads(threads)
    bases.quiet()
    options = _options(quantization, as_stored)
    made = adapters.read(adapter) if adapter else None
    if made and made.card.method == "full":
        model = _whole(made, base, cache, options)
    else:
        model = _base(base, cache, options)
        if made:
            adapters.attach(model, made.folder)
    loaded()
    return model


def _base(base: str, cache: Path, options: dict[str, Any]) -> LanguageModel:
    found = bases.find(base, cache)
    tokenizer, causal = _tokenizer(found.folder, found.id), _network(found.folder, found.id, options)
    identity = identify(found.id, found.revision, tokenizer, causal)
    return LanguageModel(tokenizer, causal, identity, anew=partial(_network, found.folder, found.id, options))


def _options(quantization: Quantization, as_stored: bool) -> dict[str, Any]:
    """How transformers is to load a network here."""
    import torch

    from training import ranks

    cuda, several = torch.cuda.is_available() and not as_stored, ranks.several()
    options: dict[str, Any] = {
        "dtype": "auto" if as_stored else torch.bfloat16 if cuda else torch.float32,
        "attn_implementation": "sdpa",
        "use_safetensors": True,
        "trust_remote_code": False,
        "local_files_only": True,
    }
    if several and quantization == "nf4":
        raise UserError(
            "A base in 4 bit cannot be shared out over several GPUs.",
            "Use --method lora, set DOPPELGRAM_MODEL__QUANTIZATION=auto, or train on one GPU.",
            ExitCode.CONFIGURATION,
        )
    if cuda and not several:  # what is shared out is loaded by the CPU and goes to the GPUs layer by layer
        options["device_map"] = {"": 0}
    if quantization == "nf4" or (quantization == "auto" and cuda and not several):
        options["quantization_config"] = _nf4(options["dtype"])
    return options


def _whole(made: "Adapter", base: str, cache: Path, options: dict[str, Any]) -> LanguageModel:
    """A trained network from its own folder. The base itself need not be here, but where it is, it must be the one."""
    from training import adapter as adapters

    card = made.card
    adapters.check(made, identity_on_disk(base, cache, card))
    tokenizer, causal = _tokenizer(made.folder, card.name), _network(made.folder, card.name, options)
    identity = identify(card.base, card.revision, tokenizer, causal)
    adapters.check(made, identity)

    def anew() -> Any:
        found = bases.find(base, cache)
        adapters.check(made, replace(identity, base=found.id, revision=found.revision))
        return _network(found.folder, found.id, options)

    return LanguageModel(tokenizer, causal, identity, tuned=True, anew=anew)


def _tokenizer(folder: Path, name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise _not_loaded(name, error) from error
    if not tokenizer.chat_template:
        raise UserError(
            f"The model {name} has no chat template.",
            "Use an instruct or chat model: a plain one does not know turns.",
            ExitCode.CONFIGURATION,
        )
    return tokenizer


def _network(folder: Path, name: str, options: dict[str, Any]) -> Any:
    from transformers import AutoModelForCausalLM

    from training import shortage

    try:
        causal = AutoModelForCausalLM.from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError) as error:
        raise _not_loaded(name, error) from error
    except (MemoryError, RuntimeError) as error:
        if not shortage.is_meant(error):
            raise
        raise UserError(
            f"The memory does not hold the model {name}.",
            "Choose a smaller one, or set DOPPELGRAM_MODEL__QUANTIZATION=nf4. `doppelgram plan` shows what fits.",
            ExitCode.CONFIGURATION,
        ) from error
    causal.requires_grad_(False)
    causal.eval()
    return causal


def _not_loaded(name: str, error: Exception) -> UserError:
    return UserError(
        f"The model {name} could not be loaded: {(str(error).splitlines() or [type(error).__name__])[0][:200]}",
        "Its folder may be incomplete, or it may need code of its own, which is never run here.",
        ExitCode.CONFIGURATION,
    )


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
    from transformers import BitsAndBytesConfig

    from training import uncompiled

    if not uncompiled.load():
        raise UserError(
            "4-bit models need the package bitsandbytes.",
            "Run: pip install 'bitsandbytes>=0.50', or set MODEL__QUANTIZATION=none",
            ExitCode.CONFIGURATION,
        )

    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
