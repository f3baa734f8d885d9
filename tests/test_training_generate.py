"""Generation: repeatable, cancellable, and the same with or without what the cache remembers."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest
import torch

from data.samples import Sample
from data.transcript import Transcript
from tests import training_models as models
from training.evaluate import held_out
from training.generate import Generator, Request
from training.model import LanguageModel

CONTEXT = models.chat(models.CHAT[:-1])
GROWN = models.chat((*models.CHAT, (False, "soup is ready"), (False, "where are you")))


@cache
def tiny() -> LanguageModel:
    return models.tiny()


def test_the_same_seed_gives_the_same_replies_and_another_seed_others() -> None:
    first, again = (Generator(tiny()).reply(CONTEXT, 2, seed=5, max_tokens=12) for _ in range(2))
    assert first == again
    assert Generator(tiny()).reply(CONTEXT, 2, seed=6, max_tokens=12) != first
    assert first[0].texts != first[1].texts


def test_generation_leaves_the_global_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    Generator(tiny()).reply(CONTEXT, 2, seed=5, max_tokens=4)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_candidate_does_not_depend_on_how_many_others_there_are() -> None:
    three = Generator(tiny()).reply(CONTEXT, 3, seed=5, max_tokens=12)
    one = Generator(tiny()).reply(CONTEXT, 1, seed=5, max_tokens=12)
    assert three[0].texts == one[0].texts


def test_a_grown_chat_read_from_the_cache_gives_the_replies_of_a_fresh_one() -> None:
    kept, fresh = Generator(tiny()), Generator(tiny())
    kept.reply(CONTEXT, 1, seed=1, dialog=3, max_tokens=4)
    before = kept.read_tokens
    cached = kept.reply(GROWN, 2, seed=9, dialog=3, max_tokens=16)
    whole = fresh.reply(GROWN, 2, seed=9, dialog=3, max_tokens=16)
    assert [c.texts for c in cached] == [c.texts for c in whole]
    assert [c.logprob_mean for c in cached] == pytest.approx([c.logprob_mean for c in whole], abs=1e-4)
    assert kept.read_tokens - before < fresh.read_tokens / 3


def test_an_edited_message_is_read_again_from_where_it_differs() -> None:
    kept = Generator(tiny())
    kept.reply(GROWN, 1, seed=1, max_tokens=2)
    last = replace(CONTEXT.turns[-1], texts=("no wait, i forgot something",))
    edited = Transcript((*CONTEXT.turns[:-1], last))
    cached = kept.reply(edited, 2, seed=4, max_tokens=12)
    assert [c.texts for c in cached] == [c.texts for c in Generator(tiny()).reply(edited, 2, seed=4, max_tokens=12)]


def test_asking_again_reads_one_token() -> None:
    kept = Generator(tiny())
    kept.reply(CONTEXT, 1, seed=1, max_tokens=2)
    before = kept.read_tokens
    kept.reply(CONTEXT, 1, seed=2, max_tokens=2)
    assert kept.read_tokens - before == 1


def test_a_bound_of_bytes_holds_for_the_generator_too() -> None:
    small = Generator(tiny(), memory_bytes=1)
    small.reply(CONTEXT, 1, seed=1, dialog=1, max_tokens=2)
    small.reply(GROWN, 1, seed=1, dialog=2, max_tokens=2)
    before = small.read_tokens
    small.reply(CONTEXT, 1, seed=1, dialog=1, max_tokens=2)
    assert small.read_tokens - before > 50


def test_several_requests_for_one_dialog_read_it_once_each_at_its_own_temperature() -> None:
    generator = Generator(tiny())
    asked = [Request(CONTEXT, 2, 5, 3), Request(CONTEXT, 2, 5, 3, temperature=0.0), Request(GROWN, 1, 5, 4)]
    warm, cold, other = generator.replies(asked, max_tokens=12)
    alone = Generator(tiny())
    assert generator.read_tokens == sum(len(alone._encoder.prompt(each)) for each in (CONTEXT, GROWN))
    for made, (chat, n, warmth) in zip(
        (warm, cold, other), ((CONTEXT, 2, 0.8), (CONTEXT, 2, 0.0), (GROWN, 1, 0.8)), strict=True
    ):
        assert [c.texts for c in made] == [
            c.texts for c in alone.reply(chat, n, seed=5, max_tokens=12, temperature=warmth)
        ]
    assert cold[0].texts == cold[1].texts != warm[0].texts
    with pytest.raises(ValueError, match="two transcripts"):
        generator.replies([Request(CONTEXT, 1, 5, 3), Request(GROWN, 1, 5, 3)])


def test_stop_ends_generation_before_the_next_token() -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 4

    generator = Generator(tiny())
    assert generator.reply(CONTEXT, 2, seed=1, max_tokens=50, stop=stop) == ()
    assert asked == 5
    cached = generator.reply(CONTEXT, 2, seed=1, max_tokens=8)
    assert [c.texts for c in cached] == [c.texts for c in Generator(tiny()).reply(CONTEXT, 2, seed=1, max_tokens=8)]


def test_a_stopped_reading_leaves_a_cache_that_can_be_used() -> None:
    long = models.chat(((False, "well " * 400), *models.CHAT[1:-1]))
    answers = iter([False, True])
    generator = Generator(tiny())
    assert generator.reply(long, 1, seed=1, max_tokens=4, stop=lambda: next(answers)) == ()
    cached = generator.reply(long, 1, seed=1, max_tokens=8)
    assert [c.texts for c in cached] == [c.texts for c in Generator(tiny()).reply(long, 1, seed=1, max_tokens=8)]


def test_no_reply_holds_a_control_token_an_empty_message_or_no_message() -> None:
    for candidate in Generator(tiny()).reply(CONTEXT, 6, seed=3, max_tokens=30, temperature=3.0, top_p=1.0):
        assert candidate.texts
        assert all(text.strip() == text != "" for text in candidate.texts)
        assert not any("<|" in text for text in candidate.texts)


def test_the_real_model_ends_a_turn_or_is_marked_unfinished() -> None:
    (cut,) = Generator(models.real()).reply(CONTEXT, 1, seed=1, max_tokens=3)
    assert not cut.finished
    assert cut.tokens == 3
    replies = Generator(models.real()).reply(CONTEXT, 4, seed=1, max_tokens=60)
    assert any(reply.finished and reply.tokens < 60 for reply in replies)
    assert all(reply.logprob_mean < 0 for reply in replies)


def test_a_candidates_log_probability_is_that_of_scoring_its_text() -> None:
    """Generation and evaluation measure one quantity: else a confidence would compare two different things."""
    replies = Generator(models.real()).reply(CONTEXT, 4, seed=1, max_tokens=60)
    made = next(reply for reply in replies if reply.tokens < 60)  # none of its tokens was left out
    answered = Sample(7, models.chat((*models.CHAT[:-1], *((True, text) for text in made.texts))), len(CONTEXT.turns))
    (scored,) = held_out(models.real(), [answered])
    assert scored.turns[0] == pytest.approx(made.logprob_mean, abs=0.02)


def test_a_reply_that_is_cut_at_its_limit_keeps_the_messages_that_are_whole() -> None:
    short, long = (Generator(models.real()).reply(CONTEXT, 12, seed=2, max_tokens=n, temperature=1.3) for n in (16, 60))
    cut = [(a, b) for a, b in zip(short, long, strict=True) if a.tokens == 16 < b.tokens]
    assert any(a.finished for a, _ in cut)
    for a, b in cut:
        assert a.texts == b.texts[: len(a.texts)] if a.finished else len(a.texts) == 1


def test_a_prompt_is_read_in_parts_of_at_most_128_tokens_with_a_look_at_stop_before_each() -> None:
    long = models.chat(((False, "well " * 400), *models.CHAT[1:-1]))
    model = models.tiny()
    steps: list[str] = []
    model.decoder.register_forward_pre_hook(
        lambda _, __, given: steps.append(str(given["input_ids"].shape[1])), with_kwargs=True
    )

    def stop() -> bool:
        steps.append("asked")
        return False

    in_parts = Generator(model).reply(long, 2, seed=1, max_tokens=3, stop=stop)
    taken = [(before, int(step)) for before, step in pairwise(steps) if step != "asked"]
    assert all(before == "asked" and step <= 128 for before, step in taken)
    assert len(taken) > 4
    steps.clear()
    whole = Generator(model, chunk=4096).reply(long, 2, seed=1, max_tokens=3)
    assert int(steps[0]) > 128
    assert [c.ids for c in whole] == [c.ids for c in in_parts]


def test_a_network_that_fails_in_the_middle_leaves_nothing_wrong_behind() -> None:
    """Part of the layers hold the chunk, part do not: nothing of that may be read again."""
    model = models.tiny()
    generator = Generator(model)
    generator.reply(CONTEXT, 1, seed=1, max_tokens=4)

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    fault = model.decoder.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        generator.reply(GROWN, 2, seed=1, max_tokens=4)
    fault.remove()
    again = generator.reply(GROWN, 2, seed=2, max_tokens=8)
    assert [c.texts for c in again] == [c.texts for c in Generator(model).reply(GROWN, 2, seed=2, max_tokens=8)]
    generator.restart()
    before = generator.read_tokens
    generator.reply(GROWN, 1, seed=2, max_tokens=2)
    assert generator.read_tokens - before > 50, "after a restart nothing is trusted"
