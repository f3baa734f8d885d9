"""The benchmark of the reply engine, in small: the same road, and that its judge can say no."""

from random import Random

from bench.edits import Chat, Judge, run
from bench.reply import measure
from tests import training_models as models
from training.generate import Generator


def test_its_short_form_finds_the_same_tokens_and_fewer_of_them_read() -> None:
    found = measure(models.tiny(), rounds=2, tokens=400, short=(24, 80, 200), long=(4, 350, 450))
    assert found["edits"] == found["token_identical"] == 28
    assert found["prompt_tokens_ratio"] > 5
    assert found["rounds_with_the_same_tokens"] == 2
    assert found["three_candidates_prompt_tokens_ratio"] == 1
    assert set(found) >= {"time_ratio", "ties", "three_candidates_prefill_ratio"}


def test_a_few_edits_are_token_identical_with_the_real_model() -> None:
    tally = run(models.real(), 3, 60, 120, chats=2, new=4, seed=3)
    assert tally.token_identical == tally.edits == 3


def test_a_reply_to_another_state_of_the_chat_is_not_taken_for_identical() -> None:
    model = models.tiny()
    chat = Chat(1, Random(1))
    for _ in range(6):
        chat.append()
    (reply,) = Generator(model).reply(chat.transcript(), 1, 1, max_tokens=8, temperature=0)
    assert Judge(model).differing(chat.transcript(), reply.ids) == (0, 0)
    chat.edit()
    assert Judge(model).differing(chat.transcript(), reply.ids)[0] > 0
