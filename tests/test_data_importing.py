"""An import keeps what a pull would keep: with consent, once, and joined by id with what was pulled."""

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data.archive import Archive
from data.consent import Ledger
from data.desktop_export import MIGRATED_SHIFT, Export
from data.errors import ExitCode, UserError
from data.importing import Imported, Importer
from data.message import Dialog, Kind, Message
from data.transcript import Scope
from tests.test_data_desktop_export import ANNA, BEN, ME, NOON, account, chat, row

NOW = datetime(2024, 6, 1, tzinfo=UTC)
OLD_GROUP, GROUP = -15, -1000000000016


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "archive.db")
    yield archive
    archive.close()


def grant(archive: Archive, dialog_id: int, scope: Scope = Scope.CHAT) -> None:
    Ledger(archive).grant(dialog_id, scope, "me", "said so", NOW)


def take_in(archive: Archive, folder: Path, content: Any, owner_id: int | None = ME) -> Imported:
    path = folder / "result.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return Importer(archive, lambda _read, _title: None).take_in(Export(path), owner_id)


def test_importing_twice_is_importing_once(archive: Archive, tmp_path: Path) -> None:
    grant(archive, ANNA)
    content = chat(*[row(number, ME if number % 2 else ANNA, text=f"n{number}") for number in range(1, 2501)])
    first = take_in(archive, tmp_path, content)
    assert (first.chats, first.new, first.known) == (1, 2500, 0)
    before = archive.messages(ANNA)
    again = take_in(archive, tmp_path, content)
    assert (again.new, again.edited, again.known) == (0, 0, 2500)
    assert archive.messages(ANNA) == before
    assert archive.dialog(ANNA) == Dialog(ANNA, Kind.PRIVATE, "Anna")


def test_a_file_of_any_size_takes_the_same_little_memory(archive: Archive, tmp_path: Path) -> None:
    grant(archive, ANNA)

    def peak(messages: int) -> int:
        path = tmp_path / "result.json"
        path.write_text(json.dumps(chat(*[row(n + 1, text="word " * 100) for n in range(messages)])), encoding="utf-8")
        tracemalloc.start()
        try:
            assert Importer(archive, lambda _read, _title: None).take_in(Export(path), ME).chats == 1
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(2_000), peak(16_000)
    assert (tmp_path / "result.json").stat().st_size > 10 << 20
    assert large < small + (1 << 20)


def test_a_pulled_message_stays_unless_the_export_has_a_later_edit(archive: Archive, tmp_path: Path) -> None:
    grant(archive, ANNA)
    pulled = Message(ANNA, 1, False, NOON, "as pulled", quote="you said")
    archive.save([pulled, replace(pulled, id=2), replace(pulled, id=3, edited_at=NOON + timedelta(hours=1))])
    edited = {"edited": "x", "edited_unixtime": str(int(NOON.timestamp()) + 60)}
    done = take_in(archive, tmp_path, chat(row(1, text="old"), row(2, text="edited", **edited), row(3, **edited)))
    assert (done.new, done.edited, done.known) == (0, 1, 2)
    assert [message.text for message in archive.messages(ANNA)] == ["as pulled", "edited", "as pulled"]


def test_a_chat_without_consent_is_listed_and_skipped(archive: Archive, tmp_path: Path) -> None:
    grant(archive, ANNA)
    both = account(chat(row(text="hi")), chat(row(2, BEN, text="secret"), number=BEN, name="Ben"))
    done = take_in(archive, tmp_path, both)
    assert (done.chats, done.skipped_without_consent, done.new) == (1, 1, 1)
    assert archive.dialog(BEN) == Dialog(BEN, Kind.PRIVATE, "Ben")
    assert archive.messages(BEN) == []


def test_an_export_of_one_chat_without_consent_ends_with_exit_code_7(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="so nothing of it is kept") as told:
        take_in(archive, tmp_path, chat(row(text="hi")))
    assert told.value.code == ExitCode.CONSENT
    assert archive.dialog(ANNA), "so that it can be granted"
    assert archive.count() == 0


def test_scope_own_keeps_no_word_of_the_other_side(archive: Archive, tmp_path: Path) -> None:
    grant(archive, ANNA, Scope.OWN)
    take_in(archive, tmp_path, chat(row(1, text="zebrawood"), row(2, ME, text="mine")))
    theirs, mine = archive.messages(ANNA)
    assert (theirs.text, theirs.media, mine.text) == ("", "[short text]", "mine")


def test_words_replace_marks_once_the_whole_chat_is_granted(archive: Archive, tmp_path: Path) -> None:
    content = chat(row(1, text="zebrawood"), row(2, ME, text="mine"))
    grant(archive, ANNA, Scope.OWN)
    take_in(archive, tmp_path, content)
    grant(archive, ANNA)
    done = take_in(archive, tmp_path, content)
    assert (done.edited, archive.messages(ANNA)[0].text) == (1, "zebrawood")


def test_machines_channels_and_unreadable_messages_are_counted_not_kept(archive: Archive, tmp_path: Path) -> None:
    grant(archive, ANNA)
    grant(archive, 777000)
    grant(archive, 13)
    content = account(
        chat(row(text="Login code: 12345"), number=777000, name="Telegram"),
        chat(row(), sort="bot_chat", number=13, name="Bot"),
        chat(row(), sort="public_channel", number=17, name="News"),
        chat(row(1, text="x", self_destruct_period_seconds=5), row(2, None), row(3, text="kept")),
    )
    done = take_in(archive, tmp_path, content)
    assert done.left_out == {
        "service chats": 1,
        "bot chats": 1,
        "channel chats": 1,
        "self-destructing": 1,
        "without sender": 1,
    }
    assert [message.text for message in archive.messages(ANNA)] == ["kept"]
    assert [dialog.id for dialog in archive.dialogs()] == [ANNA]


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (Dialog(ANNA, Kind.PRIVATE, "Anna", protected=True), "protected chats"),
        (Dialog(ANNA, Kind.SCAM, "Anna"), "scam chats"),
    ],
)
def test_what_a_login_knows_to_be_closed_stays_out_whatever_an_export_calls_it(
    archive: Archive, tmp_path: Path, known: Dialog, why: str
) -> None:
    archive.save_dialogs([known])
    grant(archive, ANNA)
    done = take_in(archive, tmp_path, chat(row(text="hi")))
    assert (done.chats, done.new, dict(done.left_out)) == (0, 0, {why: 1})
    assert archive.dialog(ANNA) == known


def test_a_groups_messages_keep_their_senders_and_those_of_before_its_migration_their_old_ids(
    archive: Archive, tmp_path: Path
) -> None:
    archive.save_dialogs([Dialog(OLD_GROUP, Kind.GROUP, "Family", migrated_to=GROUP)])
    grant(archive, GROUP)
    group = chat(row(MIGRATED_SHIFT + 7, BEN), row(1, ANNA), sort="private_supergroup", number=16, name="Family")
    take_in(archive, tmp_path, group)
    assert [(m.id, m.sender_id) for m in archive.messages(OLD_GROUP)] == [(7, BEN)]
    assert [(m.id, m.sender_id) for m in archive.messages(GROUP)] == [(1, ANNA)]
    assert {person.name for person in archive.people().values()} == {"Name11", "Name12"}


@pytest.mark.parametrize(
    ("content", "owner_id", "sentence"),
    [
        (account(chat(row())), 999, "another account"),
        (chat(row(), number=ME, name="Ola"), ME, "you are the other side"),
        (chat(row(1, ANNA), row(2, BEN)), ME, "between two other people"),
        (chat(row(), sort="private_group", number=15, name="Family"), None, "does not say whose"),
    ],
)
def test_the_export_of_another_person_is_refused_and_leaves_nothing(
    archive: Archive, tmp_path: Path, content: Any, owner_id: int | None, sentence: str
) -> None:
    for dialog_id in (ANNA, ME, -15):
        grant(archive, dialog_id)
    with pytest.raises(UserError, match=sentence) as told:
        take_in(archive, tmp_path, content, owner_id)
    assert told.value.hint
    assert archive.count() == 0


def test_what_came_before_the_break_of_a_half_written_file_is_kept(archive: Archive, tmp_path: Path) -> None:
    grant(archive, ANNA)
    whole = json.dumps(chat(*[row(number, text="hi") for number in range(1, 4001)]))
    with pytest.raises(UserError, match="ends in the middle"):
        take_in(archive, tmp_path, whole[: len(whole) // 2])
    before = archive.count()
    assert before > 1500
    assert take_in(archive, tmp_path, whole).new == 4000 - before


def test_a_consent_taken_back_in_the_middle_ends_the_import(archive: Archive, tmp_path: Path) -> None:
    grant(archive, ANNA)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(chat(*[row(number, text="hi") for number in range(1, 3001)])))
    importer = Importer(archive, lambda _read, _title: bool(Ledger(archive).revoke(ANNA, NOW)))
    with pytest.raises(UserError) as told:
        importer.take_in(Export(path), ME)
    assert told.value.code == ExitCode.CONSENT
    assert archive.count() == 1000
