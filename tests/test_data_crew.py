"""Several processes make the dataset that one makes, and none of them outlives the command."""

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import invented
from data import crew, dataset
from data.archive import Archive
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.samples import DatasetCard, Shape
from data.share import divide

NOW = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    invented.account(tmp_path / "archive.db", 4000, chats=12)
    with closing(Archive(tmp_path / "archive.db")) as archive:
        yield archive


def build(archive: Archive, folder: Path, processes: int) -> tuple[DatasetCard, dict[str, bytes]]:
    card = dataset.build(archive, bytes(32), folder, Shape(), NOW, processes=processes)
    return card, {path.name: path.read_bytes() for path in folder.iterdir()}


def test_three_processes_make_the_dataset_of_one_byte_for_byte(archive: Archive, tmp_path: Path) -> None:
    one, three = (build(archive, tmp_path / str(processes), processes) for processes in (1, 3))
    assert one == three
    assert one[0].messages > 3500
    assert set(one[1]) >= {"train.jsonl", "unseen.jsonl", "controls.jsonl", "rhythm.json", "card.json"}


def test_a_helper_that_fails_says_so_in_its_own_words(archive: Archive, tmp_path: Path) -> None:
    consents = Ledger(archive).active()
    with crew.at_work(archive, consents, tmp_path, 2) as workers:
        archive.path.rename(tmp_path / "elsewhere")
        (tmp_path / "archive.db").mkdir()
        with pytest.raises(UserError, match=r"archive\.db cannot be opened") as raised:
            workers.count()
    assert raised.value.code is ExitCode.ERROR
    assert not multiprocessing.active_children()


def test_a_helper_that_is_killed_is_a_sentence_and_leaves_nothing_half_made(archive: Archive, tmp_path: Path) -> None:
    def kill(share: float) -> None:
        for helper in multiprocessing.active_children():
            helper.kill()
            helper.join()

    with pytest.raises(UserError, match="ended early"):
        dataset.build(archive, bytes(32), tmp_path / "dataset", Shape(), NOW, kill, processes=2)
    assert not (tmp_path / "dataset").exists()


def test_who_is_interrupted_leaves_no_helper_behind(archive: Archive, tmp_path: Path) -> None:
    helpers: list[object] = []

    def interrupt(share: float) -> None:
        helpers.extend(multiprocessing.active_children())
        if helpers:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataset.build(archive, bytes(32), tmp_path / "dataset", Shape(), NOW, interrupt, processes=2)
    assert len(helpers) == 1
    assert not multiprocessing.active_children()
    assert not (tmp_path / "dataset").exists()


def test_small_accounts_are_read_by_one_process(archive: Archive, tmp_path: Path) -> None:
    with crew.at_work(archive, Ledger(archive).active(), tmp_path, None) as workers:
        assert workers.helpers == []


def test_shares_are_of_about_one_size_and_hold_everything_once() -> None:
    sizes = {number: number**2 for number in range(40)}
    shares = divide(sizes, 3)
    assert sorted(each for share in shares for each in share) == sorted(sizes)
    filled = [sum(map(sizes.__getitem__, share)) for share in shares]
    assert max(filled) - min(filled) <= max(sizes.values())
