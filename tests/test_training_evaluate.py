"""The figures: over text alone, paired, with intervals around them; and the scales of confidence and style."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import UserError
from data.samples import Sample
from tests import training_models as models
from training import confidence, evaluate, style, train
from training.candidate import Candidate
from training.confidence import Confidence, agreement, chrf
from training.evaluate import Comparison, Scored
from training.generate import Generator
from training.model import LanguageModel
from training.schedule import TrainOptions


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    place = tmp_path_factory.mktemp("tuned")
    model = models.tiny()
    options = TrainOptions(max_steps=6, rank=4, alpha=8, learning_rate=2e-2, warmup_loss_tokens=50)
    train.train(model, models.dataset(place / "dataset", models.windows(8)), place / "me", options)
    return model


def test_only_the_text_of_own_turns_is_counted(tuned: LanguageModel) -> None:
    compared = evaluate.compare(tuned, [Sample(7, models.chat())])
    own = [text for mine, text in models.CHAT if mine]
    assert compared.text_tokens == sum(len(models.tokenizer()(t, add_special_tokens=False).input_ids) for t in own)
    assert compared.base[0].characters == sum(map(len, own))
    assert compared.base[0].format_tokens == 6
    bits = compared.base[0].text_nll / math.log(2) / sum(map(len, own))
    assert compared.bits_per_character_base == pytest.approx(bits)
    assert compared.loss_base == pytest.approx(compared.base[0].text_nll / compared.text_tokens)


def test_base_and_adapter_are_scored_on_identical_windows(tuned: LanguageModel) -> None:
    compared = evaluate.compare(tuned, models.windows(6))
    assert [(s.dialog_id, s.text_tokens) for s in compared.base] == [
        (s.dialog_id, s.text_tokens) for s in compared.adapter
    ]
    assert compared.loss_adapter < compared.loss_base
    assert compared.ratio.value == pytest.approx(compared.loss_adapter / compared.loss_base)


def test_the_base_is_the_untuned_model(tuned: LanguageModel) -> None:
    off = evaluate.held_out(tuned, models.windows(3), adapter=False)
    assert [s.text_nll for s in off] == pytest.approx(
        [s.text_nll for s in evaluate.held_out(models.tiny(), models.windows(3))], rel=1e-5
    )


def test_an_evaluation_says_how_far_it_is(tuned: LanguageModel) -> None:
    shares: list[float] = []
    compared = evaluate.compare(tuned, models.windows(20), progress=shares.append)
    assert shares == sorted(shares)
    assert (len(shares) > 2, shares[-1]) == (True, 1.0)
    shares.clear()
    evaluate.own_gain(tuned, compared, [wordy(dialog) for dialog in range(4)], progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
    shares.clear()
    samples = models.windows(2)
    confidence.measure(Generator(tuned), "none", compared.adapter, samples, max_tokens=2, progress=shares.append)
    assert shares == [0.5, 1.0]


def test_a_turns_mean_is_over_its_text_and_its_format(tuned: LanguageModel) -> None:
    (scored,) = evaluate.held_out(tuned, [Sample(7, models.chat(((False, "hm"), (True, "ok then"))))])
    total = scored.text_nll + scored.format_nll
    assert scored.turns == pytest.approx([-total / (scored.text_tokens + scored.format_tokens)])


def test_the_interval_contains_the_figure_and_is_the_same_for_the_same_seed(tuned: LanguageModel) -> None:
    first, again = (evaluate.compare(tuned, models.windows(8), seed=3) for _ in range(2))
    assert first.ratio.low <= first.ratio.value <= first.ratio.high
    assert first.ratio == again.ratio


def test_a_cap_chooses_the_same_samples_each_time() -> None:
    samples = models.windows(20)
    assert evaluate.choose(samples, 5, 1) == evaluate.choose(samples, 5, 1)
    assert len(evaluate.choose(samples, 5, 1)) == 5
    assert evaluate.choose(samples, 5, 1) != evaluate.choose(samples, 5, 2)
    assert evaluate.choose(samples, None, 1) == samples


def wordy(dialog: int) -> Sample:
    lines = tuple((index % 2 == 1, f"line {index} of a long talk about the number {index * 37}") for index in range(24))
    return Sample(dialog, models.chat(lines, dialog))


def test_own_gain_is_the_owners_drop_less_the_mean_drop_of_other_persons(tuned: LanguageModel) -> None:
    owner = evaluate.compare(tuned, models.windows(6))
    controls = [wordy(dialog) for dialog in (20, 20, 21, 22, 24)] + [
        Sample(23, models.chat(((False, "a"), (True, "b"))))
    ]
    gain = evaluate.own_gain(tuned, owner, controls)
    assert [control.dialog_id for control in gain.controls] == [20, 21, 22, 24]
    assert [control.n for control in gain.controls] == [2, 1, 1, 1]
    mean = sum(control.drop for control in gain.controls) / 4
    assert gain.why_none is None
    assert gain.own_gain is not None
    assert gain.own_gain.value == pytest.approx(1 - owner.ratio.value - mean)
    assert gain.own_gain.low <= gain.own_gain.value <= gain.own_gain.high
    json.dumps([owner.as_json(), gain.as_json()])


def test_own_gain_of_a_person_over_themselves_is_nothing(tuned: LanguageModel) -> None:
    samples = [wordy(5), wordy(5)]
    selves = [replace(sample, dialog_id=dialog) for dialog in range(4) for sample in samples]
    gain = evaluate.own_gain(tuned, evaluate.compare(tuned, samples), selves)
    assert gain.own_gain is not None
    assert gain.own_gain.value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("persons", [0, 3])
def test_own_gain_with_fewer_than_four_other_persons_is_none_and_says_why(tuned: LanguageModel, persons: int) -> None:
    controls = [wordy(dialog) for dialog in range(persons)]
    gain = evaluate.own_gain(tuned, evaluate.compare(tuned, models.windows(2)), controls)
    assert len(gain.controls) == persons
    assert gain.own_gain is None
    assert "too few controls" in (gain.why_none or "")
    assert "too few controls" in gain.as_json()["why_none"]


def test_evaluation_can_be_stopped(tuned: LanguageModel) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluate.compare(tuned, models.windows(2), stop=lambda: True)


@pytest.mark.parametrize(
    ("hypothesis", "reference", "score"),
    [
        ("abc", "abc", 1.0),
        ("abc", "xyz", 0.0),
        ("ab", "abc", 5 * (7 / 12) / (4 + 7 / 12)),  # precision 1, recall (2/3 + 1/2) / 2
        ("a b", "ab", 1.0),  # white space does not count
        ("", "", 1.0),
        ("", "abc", 0.0),
    ],
)
def test_chrf_of_known_pairs(hypothesis: str, reference: str, score: float) -> None:
    assert chrf(hypothesis, reference) == pytest.approx(score)


def test_agreement_is_highest_for_the_candidate_most_like_the_others() -> None:
    scores = agreement([("see you at six",), ("see you at seven",), ("purple",)])
    assert scores[0] > scores[2]
    assert scores[1] > scores[2]
    assert agreement([("alone",)]) == [0.0]


def candidate(text: str, logprob: float) -> Candidate:
    return Candidate((text,), logprob, True, 3)


TABLE = Confidence(tuple(np.linspace(-4, -1, 101)), 200, tuple(np.linspace(0, 1, 101)), 24, "none", 1)


def test_confidence_is_the_lower_of_the_two_quantiles() -> None:
    sure, unsure = TABLE.of([candidate("same words", -0.5), candidate("same words", -3.97)])
    assert sure == pytest.approx(1.0, abs=0.02)
    assert unsure == pytest.approx(0.01, abs=0.02)
    assert TABLE.of([candidate("alone", -0.5)]) == (pytest.approx(0.0, abs=0.02),)


def test_a_confidence_table_survives_the_disk_and_is_called_uncalibrated(tmp_path: Path) -> None:
    assert confidence.load(tmp_path) is None
    TABLE.save(tmp_path)
    loaded = confidence.load(tmp_path)
    assert loaded is not None
    assert loaded.of([candidate("a", -2), candidate("a", -2)]) == TABLE.of([candidate("a", -2), candidate("a", -2)])
    assert not loaded.calibrated
    (tmp_path / confidence.FILE).write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        confidence.load(tmp_path)


def test_a_confidence_table_is_measured_on_held_out_replies(tuned: LanguageModel) -> None:
    samples = models.windows(8)
    scored = evaluate.held_out(tuned, samples)
    table = confidence.measure(Generator(tuned), "none", scored, samples, contexts=2, max_tokens=6)
    assert table is not None
    assert table.logprob_n == sum(len(s.turns) for s in scored)
    assert list(table.logprob) == sorted(table.logprob)
    assert confidence.measure(Generator(tuned), "none", scored[:1], samples, contexts=1, max_tokens=2) is None


def test_style_counts_what_anybody_can_see() -> None:
    seen = style.of([("Hello there.", "you ok?"), ("fine",)])
    assert (seen.n, seen.messages, seen.messages_per_turn) == (2, 3, 1.5)
    assert seen.words_per_message == pytest.approx(5 / 3)
    assert seen.ends_with_stop == pytest.approx(2 / 3)
    assert seen.starts_lower == pytest.approx(2 / 3)
    assert style.of([]).n == 0


def test_a_comparison_without_own_text_is_refused(tuned: LanguageModel) -> None:
    with pytest.raises(ValueError, match="no own text"):
        evaluate.compare(tuned, [models.without_target(models.windows(1)[0])])


def test_a_window_counts_as_much_as_its_text() -> None:
    short, long = Scored(1, 2.0, 1, 0.0, 0, 4, ()), Scored(1, 30.0, 10, 0.0, 0, 40, ())
    assert evaluate._loss([short, long]) == pytest.approx(32 / 11)
    assert isinstance(replace(short, text_nll=1.0), Scored)
    assert Comparison.__doc__
