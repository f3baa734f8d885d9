"""What `forget` must also take: what a group was before, who wrote only there, and no copy outside of the home."""

from contextlib import closing
from pathlib import Path

import pytest

from data.archive import Archive
from data.errors import ExitCode
from data.message import Dialog, Kind, Message, Person
from sandbox.life import MOVED, life_town
from sandbox.server import Sandbox
from sandbox.small import ALMA
from tests.terminal import Terminal, everything_in
from tests.test_bot_importing import exported, small_disk
from tests.test_data_desktop_export import row
from tests.training_models import NOON

CREW, CLUB = -1_000_000_000_001, -1_000_000_000_002


async def test_a_supergroup_is_forgotten_with_the_basic_group_that_it_was(tmp_path: Path) -> None:
    async with Sandbox(life_town()) as sandbox:
        shell = Terminal(tmp_path, sandbox)
        await shell.enter()
        (await shell("consent", "grant", "Moving crew", "--scope", "own")).ok()
        (await shell("pull", "Moving crew")).ok()
        assert b"who is here?" in everything_in(shell.home), "said in the basic group"
        forgotten = (await shell("forget", "Moving crew", "--yes", "--json")).ok().json
        assert forgotten["id"] == sandbox.town.chats[MOVED].migrated_to
        assert forgotten["removed"]["messages"] == 7
        assert not forgotten["removed"]["names_left"]
        assert b"who is here?" not in everything_in(shell.home)
        assert b"Moving crew" not in everything_in(shell.home), "nor in what Telethon notes of whom it has heard"
        records = (await shell("consent", "list", "--json")).ok().json
        assert len(records) == 2
        assert all(record["revoked_at"] for record in records)


async def test_a_full_disk_while_a_chat_is_forgotten_says_what_remains_and_how_to_go_on(tmp_path: Path) -> None:
    offline = Terminal(tmp_path)
    file = exported(tmp_path, *(row(n, ALMA, text=f"line {n} " + "word " * 20) for n in range(1, 3_001)))
    (await offline("import", file)).failed(ExitCode.CONSENT)
    (await offline("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
    (await offline("import", file)).ok()
    (await offline("resume")).ok()  # live.db is there: making it would meet the limit before anything is forgotten
    full = (await offline("forget", "Alma Reyes", "--yes", before=small_disk)).failed(1)
    assert "Alma Reyes is not wholly forgotten yet" in full.err
    assert "nothing is lost" not in full.err
    hint = full.err.split("doppelgram ")[1].split()
    (await offline(*hint)).ok()
    assert b"word word" not in everything_in(offline.home)


def test_whoever_wrote_in_a_forgotten_group_alone_is_forgotten_with_it(tmp_path: Path) -> None:
    with closing(Archive(tmp_path / "archive.db")) as archive:
        archive.save_dialogs([Dialog(CREW, Kind.GROUP, "Crew"), Dialog(CLUB, Kind.GROUP, "Club")])
        archive.save_people([Person(1, Kind.PRIVATE, "Xaveria Quint"), Person(2, Kind.PRIVATE, "Yorick Zell")])
        said = [(CREW, 1), (CREW, 2), (CLUB, 2)]
        archive.save([Message(group, n, False, NOON, "hi", sender_id=who) for n, (group, who) in enumerate(said, 1)])
        archive.forget(CREW)
        assert [person.name for person in archive.people().values()] == ["Yorick Zell"]
    assert b"Xaveria" not in everything_in(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc, which Linux has")
def test_forgetting_copies_nothing_into_a_folder_outside_of_the_home(tmp_path: Path) -> None:
    with closing(Archive(tmp_path / "archive.db")) as archive:
        archive.save([Message(chat, n, True, NOON, f"line {n} " * 20) for chat in (1, 2) for n in range(1, 10_000)])
        before, during = open_files(), set[str]()
        archive.db.set_progress_handler(lambda: during.update(open_files()), 1_000)
        archive.forget(1)
        archive.db.set_progress_handler(None, 0)
    assert during, "it was looked at"
    assert [path for path in during - before if path.startswith("/") and not path.startswith(str(tmp_path))] == []


def open_files() -> set[str]:
    """What this process has open, also what has no name any more."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(descriptor.readlink()))
        except FileNotFoundError:  # the list's own
            continue
    return found
