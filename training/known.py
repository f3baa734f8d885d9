"""Base models that are worth looking at, with the shapes from their `config.json`: the table of `plan`.

Written down in November 2026 and checked by nobody but their configurations. Only dense models that read text alone and
need no code of their own; `plan --base` computes any other of that kind. Those that know many languages come first.
"""

from dataclasses import dataclass

from training.fit import Shape


@dataclass(frozen=True, slots=True)
class Known:
    """A base by its hub id, how many languages its makers name, and its shape."""

    id: str
    languages: int
    shape: Shape


BASES = (
    Known("Qwen/Qwen3-14B", 119, Shape(40, 5120, 5120, 1024, 40, 17408, 151936, tied=False, head_norms=True)),
    Known("Qwen/Qwen3-8B", 119, Shape(36, 4096, 4096, 1024, 32, 12288, 151936, tied=False, head_norms=True)),
    Known(
        "Qwen/Qwen3-4B-Instruct-2507", 119, Shape(36, 2560, 4096, 1024, 32, 9728, 151936, tied=True, head_norms=True)
    ),
    Known("Qwen/Qwen3-1.7B", 119, Shape(28, 2048, 2048, 1024, 16, 6144, 151936, tied=True, head_norms=True)),
    Known("Qwen/Qwen3-0.6B", 119, Shape(28, 1024, 2048, 1024, 16, 3072, 151936, tied=True, head_norms=True)),
    Known("Qwen/Qwen2.5-7B-Instruct", 29, Shape(28, 3584, 3584, 512, 28, 18944, 152064, tied=False)),
    Known("Qwen/Qwen2.5-3B-Instruct", 29, Shape(36, 2048, 2048, 256, 16, 11008, 151936, tied=True)),
    Known("mistralai/Mistral-Nemo-Instruct-2407", 11, Shape(40, 5120, 4096, 1024, 32, 14336, 131072, tied=False)),
    Known("meta-llama/Llama-3.1-8B-Instruct", 8, Shape(32, 4096, 4096, 1024, 32, 14336, 128256, tied=False)),
    Known("meta-llama/Llama-3.2-3B-Instruct", 8, Shape(28, 3072, 3072, 1024, 24, 8192, 128256, tied=True)),
    Known("HuggingFaceTB/SmolLM3-3B", 6, Shape(36, 2048, 2048, 512, 16, 11008, 128256, tied=True)),
    Known("mistralai/Mistral-7B-Instruct-v0.3", 1, Shape(32, 4096, 4096, 1024, 32, 14336, 32768, tied=False)),
    Known("smollm2", 1, Shape(30, 576, 576, 192, 9, 1536, 49152, tied=True)),
)


def find(base: str) -> Known | None:
    """A base of the table, whatever its revision."""
    return next((known for known in BASES if known.id == base.partition("@")[0]), None)
