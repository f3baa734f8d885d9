"""Compile each decoder layer with `torch.compile` in mid-training, if that is quicker there; on CUDA only.

Regional: all layers are the same code, so that it is compiled once and not for a whole network. It takes a minute or
two all the same, and nobody knows before whether it gains anything with this base, this quantization and this GPU. So a
training runs some steps as it is, then some compiled, and goes on with whatever was quicker. What fails to compile is
computed as it was. Short trainings are left alone.
"""

from collections.abc import Callable
from typing import Any

from training import attention, ranks
from training.model import LanguageModel
from training.schedule import TrainOptions

SETTLE = 3
"""Steps that nobody times: kernels are chosen, memory is taken, code is compiled."""
TIMED = 8
GAIN = 1.05
"""How many times as quick it must be."""
WORTH = 600.0
"""Seconds that a training must still take for it to be tried."""


class Regional:
    """The trial in one training. To be told of each step; `compiled` says how the next one is computed."""

    def __init__(self, model: LanguageModel, compile_layer: Callable[[Any], None] | None = None) -> None:
        """`compile_layer` is told each layer: by default `torch.compile` with dynamic shapes."""
        self._model, self._compile = model, compile_layer or _compile
        self._steps, self._tokens, self._seconds = 0, 0, 0.0
        self._plain: float | None = None
        """Tokens a second without."""
        self.compiled = False
        self.decided = False

    def told(self, tokens: int, seconds: float, remaining: float) -> None:
        """A step of so many tokens took so many seconds, and the training takes about `remaining` seconds more."""
        if self.decided:
            return
        self._steps += 1
        if self._steps > SETTLE:
            self._tokens, self._seconds = self._tokens + tokens, self._seconds + seconds
        if self._steps < SETTLE + TIMED:
            return
        speed = self._tokens / max(self._seconds, 1e-9)
        self._steps, self._tokens, self._seconds = 0, 0, 0.0
        if self._plain is not None:
            self.decided = True
            if speed < GAIN * self._plain:
                self._off()
        elif remaining < WORTH:
            self.decided = True
        else:
            self._plain = speed
            self._on()

    def failed(self) -> bool:
        """A step failed with an error that is neither memory's nor a loss's. Whether to try it again as it was."""
        was, self.decided = self.compiled, True
        self._off()
        return was

    def _on(self) -> None:
        try:
            for layer in self._model.decoder.layers:
                self._compile(layer)
            self.compiled = True
        except Exception:  # each backend has its own kinds
            self.decided = True
            self._off()

    def _off(self) -> None:
        for layer in self._model.decoder.layers:
            layer._compiled_call_impl = None
        self.compiled = False


def trial(model: LanguageModel, options: TrainOptions) -> Regional | None:
    """A trial where one may gain anything: a CUDA GPU alone, attention that looks the same whatever the lengths are,
    nothing that is computed twice."""
    alone = model.device.type == "cuda" and ranks.count() == 1
    if not alone or options.checkpointing != "off" or attention.way(model) != "varlen":
        return None
    return Regional(model)


def _compile(layer: Any) -> None:
    layer.compile(dynamic=True)
