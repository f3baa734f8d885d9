"""An evaluation over a home folder: its report lies where the page looks for it, closed to others."""

import json
import os
import shutil
import stat
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from bot import erase, evaluating, progress, speaker
from bot.commands import evaluation
from bot.desk import Desk
from bot.home import Home
from bot.settings import Settings
from data import samples
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.samples import write_private
from data.transcript import Scope
from tests import training_models as models
from tests.terminal import Terminal
from tests.test_training_evaluation import SMALL, talk
from training import adapter, crew, report, train
from training.model import LanguageModel
from training.schedule import TrainOptions


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, LanguageModel]]:
    """A home with an adapter of the tiny model, and more held out than a figure needs."""
    home = Home.at(tmp_path_factory.mktemp("house") / "home")
    models.dataset(home.dataset, [talk(dialog, day, 1) for dialog in range(1, 6) for day in range(7)])
    for part, seed in (("test", 2), ("controls", 3)):
        some = [talk(dialog, day, seed) for dialog in range(1, 6) for day in range(7)]
        write_private(home.dataset / f"{part}.jsonl", "".join(each.to_json() + "\n" for each in some))
    model = models.tiny()
    options = TrainOptions(max_steps=3, rank=4, alpha=8)
    train.train(model, home.dataset, home.adapters / "me", options)
    with Desk.at(Settings(home=home.path), home) as desk:
        agreed(desk)
        yield desk, model


def agreed(desk: Desk) -> None:
    """Everybody in these chats has agreed."""
    for chat in range(6):
        Ledger(desk.archive).grant(chat, Scope.CHAT, "test", "test", datetime.now(UTC))


def test_the_report_and_its_figures_lie_where_the_page_finds_them(
    household: tuple[Desk, LanguageModel], tmp_path: Path
) -> None:
    desk, model = household
    made = adapter.read(desk.home.adapters / "me")
    with progress.bar("evaluate", hidden=True) as bar:
        found = evaluating.evaluate(desk, model, made, SMALL, bar, tmp_path / "copy.html")
    page, written = evaluating.newest(desk.home) or (Path(), 0)
    assert page == desk.home.reports / "me" / "report.html"
    assert written == page.stat().st_mtime_ns
    assert found["report"] == str(page)
    assert (tmp_path / "copy.html").read_bytes() == page.read_bytes()
    figures = json.loads(page.with_name("report.json").read_text(encoding="utf-8"))
    assert figures["n"]["chats"] == 5
    assert {"Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "F1", "F2", "F3", "F4"} <= figures.keys()
    for path in desk.home.reports.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    rows = evaluating.rows(found)
    assert next(value for name, value, _ in rows if name.startswith("Q2")).endswith(f"], n={found['n']['contexts']}")
    assert ("seed", "1", "size small") in rows
    less = json.loads(json.dumps(found))
    less["Q2"]["one"]["twin"]["n"] = 3  # another adapter that had nothing to say a few times
    both = evaluating.side_by_side([found, less])
    assert [one for _, one, _ in both] == [value for _, value, _ in rows]
    assert all(other for _, _, other in both)
    assert found["caution"] is None


@dataclass
class Forgetting:
    """Another command that forgets a chat, once as much of an evaluation is done."""

    home: Home
    at_share: float
    done: bool = False

    def at(self, share: float, words: str) -> None:
        if share >= self.at_share:
            self.forget()

    def note(self, words: str) -> None:
        """Nothing is noted."""

    def forget(self) -> None:
        if not self.done:
            self.done = True
            with Desk.at(Settings(home=self.home.path), self.home) as desk:
                erase.forget(desk, 1)


@pytest.fixture
def own(household: tuple[Desk, LanguageModel], tmp_path: Path) -> Iterator[tuple[Desk, Forgetting]]:
    """The same home for one test, and who forgets a chat there."""
    first, home = household[0].home, Home.at(tmp_path / "home")
    shutil.copytree(first.dataset, home.dataset)
    shutil.copytree(first.adapters, home.adapters)
    with Desk.at(Settings(home=home.path), home) as desk:
        agreed(desk)
        yield desk, Forgetting(home, 2.0)


def files(*places: Path) -> list[Path]:
    return [path for place in places for path in (place, *place.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("when", ["midway", "while it is drawn", "while it is written", "once all is written"])
def test_nothing_is_left_of_an_evaluation_whose_chat_is_forgotten_meanwhile(
    household: tuple[Desk, LanguageModel],
    own: tuple[Desk, Forgetting],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    (desk, other), copy = own, tmp_path / "copy.html"
    other.at_share = 0.4 if when == "midway" else 2.0

    def write(path: Path, text: str) -> None:
        if when == "while it is written":
            other.forget()  # the folder is gone
        write_private(path, text)
        other.forget()

    def draw(*values: Any, **others: Any) -> str:
        if when == "while it is drawn":
            other.forget()
        return drawn(*values, **others)

    drawn = report.html
    monkeypatch.setattr(report, "html", draw)
    monkeypatch.setattr(evaluating, "write_private", write)
    monkeypatch.setattr(crew, "suits", lambda _: when == "midway")  # a helper is told what to make, too
    made = adapter.read(desk.home.adapters / "me")
    with pytest.raises(UserError, match="was forgotten meanwhile") as refused:
        evaluating.evaluate(desk, household[1], made, SMALL, other, copy)
    assert refused.value.code is ExitCode.CONSENT
    assert other.done
    assert files(desk.home.reports, copy) == []


@pytest.mark.parametrize("inside", ["the dataset", "the adapter", "neither"])
def test_what_is_measured_with_may_be_used_while_nobody_in_dataset_or_adapter_took_it_back(
    own: tuple[Desk, Forgetting], inside: str
) -> None:
    desk, _ = own
    dataset, made = samples.read_card(desk.home.dataset), adapter.read(desk.home.adapters / "me")
    if inside != "the dataset":
        dataset = replace(dataset, scopes={"2": "chat"})
    if inside != "the adapter":
        made = replace(made, card=replace(made.card, chats=(2,), scopes={"2": "chat"}))
    still = evaluating._Still(desk, dataset, made)
    assert still.holds()
    Ledger(desk.archive).revoke(1, datetime.now(UTC))
    assert still.holds() == (inside == "neither")


def test_nor_is_what_a_helper_wrote_after_that_where_it_is_interrupted(
    household: tuple[Desk, LanguageModel], own: tuple[Desk, Forgetting], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, other = own

    def draw(*_: Any, **__: Any) -> str:
        other.forget()
        late = desk.home.reports / "me" / evaluating.PIECES / "late.json"
        late.parent.mkdir(parents=True)
        late.write_text("they wrote")
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "html", draw)
    with pytest.raises(KeyboardInterrupt):
        evaluating.evaluate(desk, household[1], adapter.read(desk.home.adapters / "me"), SMALL, other)
    assert files(desk.home.reports) == []


def test_a_report_that_is_written_while_reports_are_removed_is_removed_too(
    own: tuple[Desk, Forgetting], monkeypatch: pytest.MonkeyPatch
) -> None:
    (_, other), late = own, [True]
    home = other.home
    home.reports.mkdir()
    (home.reports / "report.html").write_text("they wrote")
    remove = os.rmdir

    def rmdir(path: str, **where: int | None) -> None:
        if late and Path(path).name == home.reports.name:
            late.clear()
            (home.reports / "report.json").write_text("they wrote")
        remove(path, **where)

    monkeypatch.setattr(os, "rmdir", rmdir)
    other.forget()
    assert not late
    assert not home.reports.exists()


async def test_one_evaluation_at_a_time_and_none_while_all_is_wiped(tmp_path: Path) -> None:
    shell = Terminal(tmp_path)
    home = Home.at(shell.home)
    with home.holding_measuring("evaluate"):
        for verb in ("evaluate", "evaluate --quick", "wipe --yes"):
            refused = (await shell(*verb.split())).failed(1)
            assert "`doppelgram evaluate` is measuring an adapter here." in refused.err
    assert home.path.exists()


def test_with_too_little_held_out_there_is_no_figure_but_a_report_of_what_can_be_looked_at(
    household: tuple[Desk, LanguageModel], tmp_path: Path
) -> None:
    desk, model = household
    home = Home.at(tmp_path / "home")
    few = [talk(dialog, day, 1) for dialog in (1, 2) for day in range(4)]
    models.dataset(home.dataset, few)
    for part in ("test", "controls"):
        write_private(home.dataset / f"{part}.jsonl", "".join(each.to_json() + "\n" for each in few[:6]))
    write_private(home.dataset / "unseen.jsonl", "".join(each.to_json() + "\n" for each in few[6:]))
    made = adapter.read(desk.home.adapters / "me")
    made = replace(made, card=replace(made.card, dataset="an earlier one"))
    with Desk.at(Settings(home=home.path), home) as poor, progress.bar("evaluate", hidden=True) as bar:
        agreed(poor)
        found = evaluating.evaluate(poor, model, made, SMALL, bar)
    assert found["n"] == {"held_out_replies": 16, "contexts": 16, "conversations": 8, "chats": 2}
    figures = [found["Q2"]["one"]["twin"], found["Q3"]["one"]["impostor"], found["Q1"]["bits"]["base"]]
    figures += [found["Q4"]["owner_real"], found["F1"]["twin"]["foreign_real"]]
    assert [each["value"] for each in figures] == [None] * len(figures)
    assert found["Q5"] is None
    assert "insufficient data: 8 conversations in 2 chats" in found["verdict"][0]
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "16 contexts, three answers" in page
    assert "me learned from another dataset" in found["caution"]
    assert found["caution"] in page


def test_each_adapter_is_measured_on_the_same_conversations_whatever_it_was_cut_by(
    household: tuple[Desk, LanguageModel],
) -> None:
    desk, _ = household
    made = adapter.read(desk.home.adapters / "me")
    other = replace(made, card=replace(made.card, silence=60 * 86_400.0))
    assert evaluating.material(desk, other) == evaluating.material(desk, made)


def test_an_adapter_that_may_no_longer_speak_is_not_measured_beside_another(
    household: tuple[Desk, LanguageModel],
) -> None:
    desk, _ = household
    Ledger(desk.archive).revoke(1, datetime.now(UTC))
    with pytest.raises(UserError, match="me is stale"):
        evaluation.wanted(desk, ("me", "me"))
    agreed(desk)
    assert [each.card.name for each in evaluation.wanted(desk, ("me", "me"))] == ["me", "me"]
    with pytest.raises(UserError, match="other"):
        evaluation.wanted(desk, ("me", "other"))


def test_the_model_of_one_adapter_is_gone_before_that_of_the_next_is_loaded(
    household: tuple[Desk, LanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _ = household
    loaded: list[weakref.ref[object]] = []

    def load(*_: object) -> LanguageModel:
        assert [each() for each in loaded if each()] == []
        model = models.tiny()
        loaded.append(weakref.ref(model.causal))
        return model

    monkeypatch.setenv("DOPPELGRAM_HOME", str(desk.home.path))
    monkeypatch.setattr(speaker, "load_model", load)
    monkeypatch.setattr(evaluating, "evaluate", lambda *_: {"caution": None})
    evaluation.appraise(False, None, ("me", "me"), True)
    assert len(loaded) == 2


def test_one_file_for_two_adapters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="--html or --compare"):
        evaluation.evaluate(quick=True, html=tmp_path / "x.html", compare=("a", "b"))


def test_nothing_held_out_is_one_sentence(household: tuple[Desk, LanguageModel], tmp_path: Path) -> None:
    desk, model = household
    home = Home.at(tmp_path / "home")
    models.dataset(home.dataset, models.windows(4))
    write_private(home.dataset / "test.jsonl", "")
    made = adapter.read(desk.home.adapters / "me")
    with Desk.at(Settings(home=home.path), home) as poor, progress.bar("evaluate", hidden=True) as bar:
        agreed(poor)
        with pytest.raises(UserError, match="nothing to measure with: no reply of yours"):
            evaluating.evaluate(poor, model, made, SMALL, bar)
