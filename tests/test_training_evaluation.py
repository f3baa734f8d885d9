"""The whole evaluation, resumed and reported: on a tiny model, and people whose words are known."""

import json
import random
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data.samples import Sample
from data.transcript import Transcript, Turn
from tests import training_models as models
from training import evaluation, parts, pieces, precision, report, scores, train
from training.encode import CONTEXT_TOKENS, Encoder
from training.evaluation import Size
from training.generate import Generator
from training.material import Material
from training.measures import classify, likelihood, replies
from training.measures.exchange import exchanges
from training.measures.likelihood import Window
from training.model import LanguageModel
from training.pieces import Pieces
from training.schedule import TrainOptions

SMALL = Size("small", 40, 200, 40, 70, 70, 35, 3, 2, 1, 100, 4)
XSS = "<script>alert(1)</script>"


def talk(dialog: int, day: int, seed: int) -> Sample:
    """A conversation of four turns."""
    chance, at = random.Random(f"{dialog}/{day}/{seed}"), models.NOON + timedelta(days=day, hours=dialog)
    turns = []
    for place in range(4):
        mine = place % 2 == 1
        text = (
            f"{chance.choice(('yep', 'nope', 'haha'))} {chance.randint(1, 99)}"
            if mine
            else f"what about {place}? {XSS}"
        )
        turns.append(Turn(mine, (text,), at + timedelta(minutes=place), target=mine))
    return Sample(dialog, Transcript(tuple(turns)))


def material(chats: int = 5, days: int = 7) -> Material:
    parts = [[talk(d, day, seed) for d in range(1, chats + 1) for day in range(days)] for seed in (1, 2, 3)]
    held_out = exchanges(parts[1])
    number = {(each.dialog, each.at): each.conversation for each in held_out}
    windows = [Window(s, number[s.dialog_id, s.transcript.turns[1].at]) for s in parts[1]]
    return Material(windows, held_out, exchanges(parts[0]), exchanges(parts[2]), dropped={"a bot's": 3})


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    place = tmp_path_factory.mktemp("tuned")
    model = models.tiny()
    options = TrainOptions(max_steps=4, rank=4, alpha=8, learning_rate=2e-2)
    train.train(model, models.dataset(place / "dataset", [talk(1, d, 9) for d in range(8)]), place / "me", options)
    return model


GENERATORS: list[Generator] = []


class Recorded(Generator):
    """A generator that can be asked afterwards."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        GENERATORS.append(self)


@pytest.fixture(scope="module")
def done(tuned: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Material]:
    folder, some = tmp_path_factory.mktemp("reports") / "pieces", material()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "Generator", Recorded)
        return folder, evaluation.run(tuned, some, Pieces(folder, "key"), SMALL), some


def test_every_condition_scores_the_same_words(done: tuple[Path, Any, Material]) -> None:
    bits = done[1].likelihood
    assert bits.n == 35
    assert set(bits.bits) == {
        "base",
        "base + 20 own messages",
        "base + all messages that fit",
        "base + a card of 20 facts",
        "base + 10 turns of this chat",
        "adapter",
        "adapter, history shuffled",
    }
    gain = bits.gain["base"]
    assert gain.value == pytest.approx(1 - bits.bits["adapter"].value / bits.bits["base"].value)
    assert gain.value > 0
    assert gain.low <= gain.value <= gain.high


def test_a_condition_changes_what_stands_before_and_never_the_words_that_are_scored() -> None:
    some = material()
    window = some.windows[0]
    own = [t.texts for t in window.sample.transcript.turns if t.target]
    for name, change in (likelihood.conditions(some.past, 100, 1) | {"shuffled": likelihood.shuffled(1)}).items():
        changed = change(window)
        assert [t.texts for t in changed.transcript.turns[changed.fresh :] if t.target] == own, name
    card = likelihood.conditions([replace(e, reply=("i live in oslo by the sea",)) for e in some.past], 100, 1)
    shown = card["base + a card of 20 facts"](window).transcript.turns[0]
    assert (shown.mine, shown.texts[1]) == (False, "i live in oslo by the sea")


def test_a_rival_answers_what_the_twin_answers_after_what_its_prompt_is_given(
    tuned: LanguageModel, done: tuple[Path, Any, Material], tmp_path: Path
) -> None:
    some = done[2]
    made = parts.Parts(tuned, some, Pieces(tmp_path, "k"), SMALL, 1, 0.9)
    assert made.rivals == likelihood.RIVALS
    own = {text for each in some.past for text in each.reply}
    for place, each in enumerate(made.contexts[: SMALL.rival_pairs]):
        twin = made._before("twin", each)
        for name in likelihood.RIVALS:
            turns = made._before(name, each).turns
            helps, rest = turns[: -len(twin.turns)], turns[-len(twin.turns) :]
            assert [(t.mine, t.texts) for t in rest] == [(t.mine, t.texts) for t in twin.turns]
            assert not any(t.mine and t.texts == each.reply and t.at == each.at for t in turns), "not what was replied"
            if name != "base + a card of 20 facts":  # nobody here ever said who they are
                assert {text for t in helps if t.mine for text in t.texts} & own, (name, place)
    written = done[1].replies
    assert {name: len(one) for name, one in written.rivals.items()} == dict.fromkeys(likelihood.RIVALS, 35)
    assert written.rivals["base + all messages that fit"] != written.base[:35]


def test_a_rival_is_held_against_the_twin_on_the_same_contexts(done: tuple[Path, Any, Material]) -> None:
    _, found, some = done
    real = [each.reply for each in found.replies.contexts]
    found = replace(found, replies=replace(found.replies, twin=[*real[1:], real[0]]))  # a twin who writes alike
    scored = json.loads(json.dumps(scores.scores(some, found)))
    assert set(scored["Q2_rivals"]) == set(likelihood.RIVALS)
    contexts = found.replies.contexts[: SMALL.rival_pairs]
    for name, each in scored["Q2_rivals"].items():
        for side, made in (("rival", found.replies.rivals[name]), ("twin", found.replies.twin[: len(contexts)])):
            pairs = [
                classify.Pair(c.reply, m, c.conversation, c.dialog) for c, m in zip(contexts, made, strict=True) if m
            ]
            assert each[side] == classify.auc(pairs, "characters", found.seed).as_json()
        assert each["twin"] != each["rival"]
    names = [each["beside"].partition(":")[0] for each in report.rest(scored) if "prompt" in each["name"]]
    assert names == list(likelihood.RIVALS)


def test_scores_of_other_texts_are_refused(tuned: LanguageModel) -> None:
    some = material()
    one, other = (likelihood.score(tuned, some.windows[i : i + 1], lambda w: w.sample, True) for i in (0, 1))
    longer = [replace(each, characters=each.characters + 1) for each in other]
    with pytest.raises(ValueError, match="identical"):
        likelihood.compare(some.windows[:1], {"base": one, "adapter": longer}, 1)


def test_what_is_finished_is_not_done_again_and_gives_the_same(
    tuned: LanguageModel, done: tuple[Path, Any, Material]
) -> None:
    folder, first, some = done
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert evaluation.run(tuned, some, Pieces(folder, "key"), SMALL) == first
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_was_read_for_the_proposals_is_not_read_again_for_the_replies(
    tuned: LanguageModel, done: tuple[Path, Any, Material], tmp_path: Path
) -> None:
    twin, base = GENERATORS
    made = parts.Parts(tuned, done[2], Pieces(tmp_path, "k"), SMALL, 1, 0.9)
    prompt, asked = Encoder(tuned.tokenizer).prompt, made.contexts[: SMALL.rival_pairs]
    rivals = sum(len(prompt(made._before(name, each), CONTEXT_TOKENS)) for name in made.rivals for each in asked)
    assert twin.read_tokens - (base.read_tokens - rivals) == SMALL.suggestions, "one token each, for its logits"


def test_a_context_is_read_once_for_all_temperatures(tuned: LanguageModel) -> None:
    generator, some = Generator(tuned), material().held_out[:2]
    _, first = replies.temperature(generator, some, 0.0, max_tokens=2)
    once = generator.read_tokens
    _, every = replies.temperature(generator, some, -99.0, max_tokens=2)
    assert generator.read_tokens == 2 * once
    assert list(first) == [0.6], "nothing is so likely, and hotter it is less so"
    assert list(every) == [0.6, 0.8, 1.0, 1.2]
    for warmth, mean in every.items():
        made = [c for (c,) in replies.write(generator, some, max_tokens=2, temperature=warmth)]
        assert sum((c.logprob_mean or 0) * c.tokens for c in made) / sum(c.tokens for c in made) == pytest.approx(mean)


def test_pieces_of_another_version_of_the_program_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in pieces.ROOMS:
        (tmp_path / room / "measures").mkdir(parents=True)
    source = tmp_path / "training/measures/probes.py"
    versions = []
    for text in ("A = 1\n", "A = 2\n"):
        source.write_text(text)
        pieces.program.cache_clear()
        versions.append(pieces.program(tmp_path))
    assert len(set(versions)) == 2
    here = pieces.key_of("dataset")
    assert here == pieces.key_of("dataset")
    monkeypatch.setattr(pieces, "program", lambda: versions[0])
    assert pieces.key_of("dataset") != here


def test_a_damaged_piece_and_one_of_another_adapter_are_made_anew(tmp_path: Path) -> None:
    made: list[int] = []
    pieces = Pieces(tmp_path / "p", "a")
    assert [pieces.get("x", lambda: made.append(1) or 7) for _ in range(2)] == [7, 7]
    assert len(made) == 1
    Pieces(tmp_path / "p", "b").get("x", lambda: made.append(1) or 8)
    (tmp_path / "p" / "x.json").write_text('{"key": "a"')
    assert pieces.get("x", lambda: made.append(1) or 9) == 9
    assert len(made) == 3


def test_a_piece_that_may_no_longer_be_used_once_it_is_made_is_not_written(tmp_path: Path) -> None:
    allowed = [True]

    def demand() -> None:
        if not allowed[0]:
            raise PermissionError("forgotten")

    pieces = Pieces(tmp_path / "p", "a", demand)
    assert pieces.get("x", lambda: 7) == 7
    with pytest.raises(PermissionError):
        pieces.get("y", lambda: allowed.clear() or allowed.append(False))
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["x.json"]


def test_what_another_cpu_measured_in_another_precision_is_measured_again(
    tuned: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = set()
    for units in (True, False):
        monkeypatch.setattr(precision, "has_units", lambda units=units: units)
        keys.add(parts.Parts(tuned, material(), Pieces(tmp_path, "k"), SMALL, 1, 0.9)._pieces.key)
    assert len(keys) == 2


def test_that_nothing_is_held_out_is_said_before_anything_is_computed(tuned: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no reply of yours was held out"):
        evaluation.run(tuned, material(chats=0), Pieces(tmp_path / "p", "k"), SMALL)
    assert not (tmp_path / "p").exists()


def test_the_earlier_half_holds_nothing_of_the_later_one_though_two_parts_count_from_one() -> None:
    past, held_out = ([talk(d, day, 1) for d in (1, 2) for day in days] for days in (range(20), range(20, 26)))
    some = Material([], exchanges(held_out), exchanges(past), [])
    assert {each.conversation for each in some.past} & {each.conversation for each in some.held_out}
    early, late = scores.halves_of(some)
    assert len(early) + len(late) == len(some.past) + len(some.held_out)
    assert max(each.at for each in early) < min(each.at for each in late)


@pytest.mark.parametrize(("real", "found"), [(-2.0, 0.9), (-0.5, 0.6), (-9.0, 1.2), (-3.0, 1.2)])
def test_the_temperature_is_where_the_curve_meets_the_owners(real: float, found: float) -> None:
    assert replies.matching({0.6: -1.0, 1.2: -3.0}, real) == pytest.approx(found)


def test_the_report_has_every_part_escapes_what_people_wrote_and_loads_nothing(
    done: tuple[Path, Any, Material], tmp_path: Path
) -> None:
    _, found, some = done
    scored = json.loads(json.dumps(scores.scores(some, found)))
    page = report.html(scored, found, name="me", base="tiny", made="today", losses=[(n, 3 - n / 9) for n in range(9)])
    assert XSS not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    outside = [
        part
        for part in ("http://", "https://", "@import", " src=")
        if part
        in page.replace("http://www.w3.org/", "")
        .replace("http://purl.org/", "")
        .replace("http://creativecommons.org/", "")
        .replace("https://matplotlib.org/", "")
    ]
    assert outside == []
    assert page.count("<svg") >= 4
    assert len(scores.verdict(scored)) == 3
    for part in ("a bot&#39;s", "20 contexts, three answers", "How to read this", "How it learned"):
        assert part in page
    assert f"<small>(n = {scored['Q6']['twin']['saved']['n']})</small>" in page
    assert f">{scored['temperature']['twin']:.2f}</td>" in page
    assert 'class="caution"' not in page
    assert page == report.html(
        scored, found, name="me", base="tiny", made="today", losses=[(n, 3 - n / 9) for n in range(9)]
    )
    report.write(tmp_path / "me" / report.FILE, page)
    assert stat.S_IMODE((tmp_path / "me" / report.FILE).stat().st_mode) == 0o600
