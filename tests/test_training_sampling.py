"""The rules of a reply: no control token, no message without a word; and what the draw draws."""

from itertools import pairwise

import pytest
import torch

from tests import training_models as models
from training.encode import Encoder
from training.sampling import Rules, draw


def test_nothing_but_the_masks_decides_and_no_message_stays_empty() -> None:
    """Whatever the network wants: here it wants line ends, blanks, control tokens and the end, in that order."""
    tokenizer = models.tokenizer()
    encoder = Encoder(tokenizer)
    rules = Rules(encoder, tokenizer, 49200)  # padded, as many vocabularies are
    wanted = torch.zeros(49200)
    wanted[49152:] = 30
    wanted[sorted(encoder.special)] = 20
    texts = tokenizer.backend_tokenizer.decode_batch([[i] for i in range(49152)], skip_special_tokens=True)
    wanted[[i for i, text in enumerate(texts) if not text.strip()]] += 10
    chance = torch.Generator().manual_seed(1)
    for _ in range(20):
        ids: list[int] = []
        blank = True
        while len(ids) < 40 and (not ids or ids[-1] != encoder.end):
            ids.append(draw(rules.allowed(wanted, blank), 1.0, 1.0, chance))
            blank = rules.is_blank(ids[-1], blank)
        assert not set(ids[:-1]) & encoder.special
        assert ids[-1] < 49152
        lines = encoder.decode(ids).split("\n")
        assert all(line.strip() for line in lines[: len(lines) if ids[-1] == encoder.end else -1])


@pytest.mark.parametrize("top_p", [0.3, 0.9, 0.999, 1.0])
def test_the_draw_is_the_same_as_from_the_whole_sorted_vocabulary(top_p: float) -> None:
    logits = torch.randn(5000, generator=torch.Generator().manual_seed(3)) * 2
    drawn = [draw(logits, 0.8, top_p, torch.Generator().manual_seed(seed)) for seed in range(300)]
    probabilities, order = (logits / 0.8).softmax(-1).sort(descending=True)
    nucleus = int((probabilities.cumsum(-1) - probabilities < top_p).sum())
    assert set(drawn) <= set(order[:nucleus].tolist())
    assert draw(logits, 0.0, top_p, torch.Generator()) == int(logits.argmax())


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    chance, logits = torch.Generator().manual_seed(1), torch.tensor([0.5, 0.3, 0.2, 1e-9]).log()
    drawn = [draw(logits, 1.0, 0.95, chance) for _ in range(4000)]
    for token, share in enumerate((0.5, 0.3, 0.2)):
        assert drawn.count(token) / len(drawn) == pytest.approx(share, abs=0.03)
    assert 3 not in drawn
    after = {token: [b for a, b in pairwise(drawn) if a == token] for token in range(3)}
    for token, next_ones in after.items():  # what was drawn says nothing of what will be
        assert next_ones.count(token) / len(next_ones) == pytest.approx((0.5, 0.3, 0.2)[token], abs=0.05)


def test_chance_belongs_to_the_tokens_and_rounding_does_not_decide() -> None:
    """Of two that are equally likely, which is first may differ from one batch to another."""
    logits = torch.zeros(40)
    for seed in range(50):
        tilted = logits + torch.randn(40, generator=torch.Generator().manual_seed(seed)) * 1e-6
        assert draw(tilted, 1.0, 1.0, torch.Generator().manual_seed(seed)) == draw(
            -tilted, 1.0, 1.0, torch.Generator().manual_seed(seed)
        )
