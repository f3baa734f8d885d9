"""The decode step: however it is taken, alone or side by side, recorded or plain, the tokens are the same."""

from collections.abc import Callable
from functools import cache

import pytest
import torch

from tests import training_models as models
from training.candidate import Candidate
from training.decode import Captured
from training.generate import Generator, Request
from training.model import LanguageModel

CHATS = [
    models.chat(models.CHAT[:-1]),
    models.chat(models.CHAT[:4]),
    models.chat(((False, "a much longer beginning, " * 12), *models.CHAT, (False, "so?"))),
]


@cache
def tiny() -> LanguageModel:
    return models.tiny()


def alone(index: int, n: int = 2) -> tuple[Candidate, ...]:
    return Generator(tiny()).reply(CHATS[index], n, seed=index, max_tokens=14)


def same(some: tuple[Candidate, ...], others: tuple[Candidate, ...]) -> bool:
    close = all(abs(a.logprob_mean - b.logprob_mean) < 1e-4 for a, b in zip(some, others, strict=True))
    return close and [each.texts for each in some] == [each.texts for each in others]


def requests() -> list[Request]:
    return [Request(chat, 2, seed=index, dialog=index) for index, chat in enumerate(CHATS)]


def test_several_chats_of_different_lengths_at_once_are_answered_as_each_alone() -> None:
    together = Generator(tiny()).replies(requests(), max_tokens=14)
    assert all(same(answers, alone(index)) for index, answers in enumerate(together))


def test_one_chat_of_a_batch_is_stopped_and_the_others_go_on() -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    asks = requests()
    asks[1] = Request(CHATS[1], 2, seed=1, dialog=1, stop=stop)
    first, none, third = Generator(tiny()).replies(asks, max_tokens=14)
    assert none == ()
    assert asked == 6, "a chat that was stopped is not written any further"
    assert same(first, alone(0))
    assert same(third, alone(2))


def test_two_requests_for_one_dialog_are_refused() -> None:
    with pytest.raises(ValueError, match="one dialog"):
        Generator(tiny()).replies([Request(CHATS[0], 1, 1), Request(CHATS[1], 1, 1)])


def test_the_step_of_fixed_shape_that_cuda_records_gives_the_same_replies() -> None:
    """Without a graph, since there is no CUDA here: the buffers, the mask and the places are those that it replays."""
    shapes: list[Captured] = []
    generator = Generator(tiny(), capture=shapes.append)
    assert same(generator.reply(CHATS[0], 2, seed=0, max_tokens=14), alone(0))
    assert same(generator.reply(CHATS[1], 2, seed=1, max_tokens=14), alone(1))
    assert len(shapes) == 1, "chats of like length share one"
    together = generator.replies(requests(), max_tokens=14)
    assert all(same(answers, alone(index)) for index, answers in enumerate(together))
    assert not generator.steppers.refused


def test_of_the_shapes_that_were_recorded_only_the_last_few_keep_their_memory() -> None:
    shapes: list[Captured] = []
    generator = Generator(tiny(), capture=shapes.append)
    made = []
    for n in (1, 2, 3, 2, 1):
        generator.reply(CHATS[1], n, seed=0, max_tokens=2)
        made.append(len(shapes))
    assert made == [1, 2, 3, 3, 4], "the first was made room of, and is made anew"


def _cannot(_: Captured) -> None:
    raise RuntimeError("operation not permitted when stream is capturing")


def _stale(captured: Captured) -> None:
    """A graph that replays what it saw while it was recorded."""
    logits = torch.zeros(2, 49152)
    logits[:, 7] = 9.0
    captured._replay = lambda: logits


@pytest.mark.parametrize(("capture", "why"), [(_cannot, "not permitted"), (_stale, "away from the plain one")])
def test_a_graph_that_cannot_be_recorded_or_lies_is_not_used(capture: Callable[[Captured], None], why: str) -> None:
    tried: list[Captured] = []

    def once(captured: Captured) -> None:
        tried.append(captured)
        capture(captured)

    generator = Generator(tiny(), capture=once)
    assert same(generator.reply(CHATS[0], 2, seed=0, max_tokens=14), alone(0))
    assert same(generator.reply(CHATS[1], 2, seed=1, max_tokens=14), alone(1))
    assert why in generator.steppers.refused
    assert len(tried) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.long
def test_on_cuda_the_step_is_recorded() -> None:
    model = models.tiny()
    model.causal.to("cuda")
    generator = Generator(model)
    recorded = generator.reply(CHATS[0], 2, seed=0, max_tokens=14, temperature=0)
    assert not generator.steppers.refused
    plain = Generator(model, capture=_cannot).reply(CHATS[0], 2, seed=0, max_tokens=14, temperature=0)
    assert [each.texts for each in recorded] == [each.texts for each in plain]
