"""A chat or a person by name: whom an unknown name is said to mean."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot import chats, show
from data.archive import Archive
from data.errors import UserError
from data.message import Dialog, Kind, Person


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with closing(Archive(tmp_path / "archive.db")) as archive:
        titles = ("Alma Reyes", "Carla", "Benedict", "Big Ben", "Ann-Marie", "Sunday hike")
        archive.save_dialogs(Dialog(n, Kind.PRIVATE, title) for n, title in enumerate(titles, 1))
        yield archive


def hint(archive: Archive, name: str) -> str:
    with pytest.raises(UserError, match="There is no chat called") as caught:
        chats.find(archive, name)
    return caught.value.hint


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Alma", "Alma Reyes"),
        ("alma", "Alma Reyes"),
        ("@alma", "Alma Reyes"),
        ("REYES", "Alma Reyes"),
        ("sun", "Sunday hike"),
        ("marie", "Ann-Marie"),
        ("ben", "Benedict or Big Ben"),
        ("Benedikt", "Benedict"),
        ("Alma Reys", "Alma Reyes"),
        ("Karla", "Carla"),
    ],
)
def test_an_unknown_name_means_whoever_has_it_as_a_word_or_begins_with_it_and_else_the_nearest(
    archive: Archive, name: str, meant: str
) -> None:
    assert hint(archive, name) == f"Did you mean {meant}?"


@pytest.mark.parametrize("name", ["Zoe", "rey", "", "  ", "(", "@"])
def test_a_name_that_is_near_nobody_points_at_the_list(archive: Archive, name: str) -> None:
    assert "--refresh" in hint(archive, name)


def test_of_a_crowd_that_is_meant_some_are_named_and_the_others_counted(archive: Archive) -> None:
    archive.save_dialogs(Dialog(100 + n, Kind.PRIVATE, f"Zoe {n:02}") for n in range(12))
    assert hint(archive, "zoe") == f"Did you mean {', '.join(f'Zoe {n:02}' for n in range(8))} or 4 others?"


def test_a_person_who_bears_more_than_that_name_is_meant_too(archive: Archive) -> None:
    archive.save_people([Person(50, Kind.PRIVATE, "Dora Lund")])
    for name, meant in (("dora", "Dora Lund"), ("alma", "Alma Reyes")):
        with pytest.raises(UserError, match="Nobody called") as caught:
            chats.person(archive, name)
        assert caught.value.hint == f"Did you mean {meant}?"
    with pytest.raises(UserError) as caught:
        chats.person(archive, "Karl")
    assert "Pull the group" in caught.value.hint, "a stranger's name that is spelt alike is no help there"


def test_a_name_in_a_hint_cannot_steer_the_terminal(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    archive.save_dialogs([Dialog(9, Kind.PRIVATE, "Zed \x1b]0;gotcha\x07")])
    with pytest.raises(UserError) as caught:
        chats.find(archive, "zed")
    show.failure(caught.value, as_json=False)
    shown = capsys.readouterr().err
    assert "Did you mean Zed" in shown
    assert not set("\x1b\x07") & set(shown)
