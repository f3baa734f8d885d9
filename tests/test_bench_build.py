"""The benchmark of `build`: its invented account is always the same, and the owner's turns in it are learned."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bench import invented
from bench.build import _own_turns
from data import dataset
from data.archive import Archive
from data.samples import Shape


def test_the_invented_account_is_the_same_each_time_and_its_owners_turns_are_learned(tmp_path: Path) -> None:
    for name in ("one.db", "two.db"):
        invented.account(tmp_path / name, 20_000)
    with closing(Archive(tmp_path / "one.db")) as one, closing(Archive(tmp_path / "two.db")) as two:
        assert [one.messages(d.id) for d in one.dialogs()] == [two.messages(d.id) for d in two.dialogs()]
        card = dataset.build(one, bytes(32), tmp_path / "dataset", Shape(), datetime(2026, 3, 3, tzinfo=UTC))
    assert 19_000 < card.messages < 21_000
    assert card.messages == card.kept + sum(card.dropped.values())
    assert card.turns / _own_turns(tmp_path / "one.db", card.pauses) >= 0.97
