"""Several processes make the dataset that one makes, and none of them outlives the command."""

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from bench import invented
from data import crew, dataset
from data.archive import Archive
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.samples import SPLITS, DatasetCard, Shape
from data.share import Share

NOW = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    invented.account(tmp_path / "archive.db", 4000, chats=12)
    with closing(Archive(tmp_path / "archive.db")) as archive:
        yield archive


def build(archive: Archive, folder: Path, processes: int) -> tuple[DatasetCard, dict[str, bytes]]:
    card = dataset.build(archive, bytes(32), folder, Shape(), NOW, processes=processes)
    return card, {path.name: path.read_bytes() for path in folder.iterdir()}


def test_three_processes_make_the_dataset_of_one_byte_for_byte(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(self: Share, work: str) -> Iterator[int]:
        """Four chats are left to the helpers."""
        return take(replace(self, consents=dict(islice(self.consents.items(), 8))), work)

    one, take = build(archive, tmp_path / "1", 1), Share._taken
    monkeypatch.setattr(Share, "_taken", some)
    assert build(archive, tmp_path / "3", 3) == one
    assert one[0].messages > 3500
    assert set(one[1]) == {*(f"{split}.jsonl" for split in SPLITS), "rhythm.json", "card.json"}


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


def test_a_chat_is_with_who_takes_it_first_and_the_largest_is_taken_first(archive: Archive, tmp_path: Path) -> None:
    with crew.at_work(archive, Ledger(archive).active(), tmp_path, 1) as workers:
        one, other = workers.share, replace(workers.share, number=1)
        sizes = [archive.count(next(each._taken("write"))) for each in (one, other)]
        rest = [*one._taken("write"), *other._taken("write")]
    assert sizes == sorted((archive.count(each.id) for each in archive.dialogs()), reverse=True)[:2]
    assert len(rest) == len(set(rest)) == 10
