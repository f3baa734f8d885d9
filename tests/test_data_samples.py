"""The dataset: every message accounted for, split by time, no word that its consent does not cover."""

import json
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import controls, dataset, samples, transcript
from data.archive import Archive
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind, Message
from data.redact import Surrogates
from data.samples import OWN_SPLITS, SPLITS, Sample, Shape
from data.transcript import Scope

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
KEY = b"k" * 32
ANN, BEN = 5, 6


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with closing(Archive(tmp_path / "archive.db")) as opened:
        opened.save_dialogs([Dialog(ANN, Kind.PRIVATE, "Ann"), Dialog(BEN, Kind.PRIVATE, "Ben")])
        yield opened


def say(
    archive: Archive,
    dialog: int,
    count: int,
    *,
    per_talk: int = 6,
    text: Callable[[int], str] | None = None,
    **more: bool,
) -> list[Message]:
    """Conversations of a few messages, a day apart, sides taking turns, the other side first."""
    made = [
        Message(
            dialog_id=dialog,
            id=n + 1,
            mine=bool(n % 2),
            sent_at=START + timedelta(days=n // per_talk, minutes=n % per_talk),
            text=text(n) if text else f"{'mine' if n % 2 else 'theirs'} {n}",
            **more,
        )
        for n in range(count)
    ]
    archive.save(made)
    return made


def agree(archive: Archive, dialog: int, scope: Scope = Scope.CHAT) -> None:
    Ledger(archive).grant(dialog, scope, "test", "test", NOW)


def build(archive: Archive, folder: Path, shape: Shape | None = None) -> samples.DatasetCard:
    return dataset.build(archive, KEY, folder, shape or Shape(), NOW)


def everything(folder: Path) -> dict[str, list[Sample]]:
    return {name: samples.read(folder, name) for name in SPLITS}


def test_without_any_consent_nothing_is_built(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 40)
    for prepare in (lambda: None, lambda: agree(archive, ANN)):
        prepare()
    Ledger(archive).revoke(ANN, NOW)
    with pytest.raises(UserError) as refused:
        build(archive, tmp_path / "dataset")
    assert refused.value.code is ExitCode.CONSENT
    assert not (tmp_path / "dataset").exists()


def test_a_consent_for_what_is_no_person_counts_for_nothing(archive: Archive, tmp_path: Path) -> None:
    archive.save_dialogs([Dialog(9, Kind.BOT, "Weather"), Dialog(777000, Kind.PRIVATE, "Telegram")])
    for machine in (9, 777000):
        say(archive, machine, 20)
        agree(archive, machine)
    with pytest.raises(UserError) as refused:
        build(archive, tmp_path / "dataset")
    assert refused.value.code is ExitCode.CONSENT


def test_notes_to_oneself_and_what_merely_happened_are_archived_and_never_learned(
    archive: Archive, tmp_path: Path
) -> None:
    archive.save_dialogs([Dialog(1, Kind.SELF, "Saved Messages")])
    say(archive, 1, 30, text=lambda n: f"note {n}")
    talk = say(archive, ANN, 60)
    archive.save([replace(talk[2], id=900, text="", media="[edit group title: Secret plan]", service=True)])
    for dialog in (1, ANN):
        agree(archive, dialog)
    card = build(archive, tmp_path / "dataset")
    assert (card.dropped["in Saved Messages"], card.dropped["not said but happened"]) == (30, 1)
    assert card.messages == card.kept + sum(card.dropped.values()) == 91
    written = "".join(path.read_text() for path in (tmp_path / "dataset").iterdir())
    assert "note" not in written
    assert "Secret plan" not in written


def test_only_consented_chats_are_inside(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 60)
    say(archive, BEN, 60)
    agree(archive, ANN)
    card = build(archive, tmp_path / "dataset")
    assert (card.chats, card.scopes) == ((ANN,), {str(ANN): "chat"})
    assert {sample.dialog_id for part in everything(tmp_path / "dataset").values() for sample in part} == {ANN}


def test_scope_own_leaves_no_word_of_the_other_side_in_any_file(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 60, text=lambda n: f"my words {n}" if n % 2 else f"zebrawood {n}")
    agree(archive, ANN, Scope.OWN)
    build(archive, tmp_path / "dataset")
    written = "".join(path.read_text() for path in (tmp_path / "dataset").iterdir())
    assert "my words" in written
    assert "zebrawood" not in written
    assert samples.read(tmp_path / "dataset", "controls") == [], "and nobody's words serve as control"


def test_a_masked_archive_gives_the_dataset_of_the_archive_it_was_masked_from(archive: Archive, tmp_path: Path) -> None:
    # One long conversation of long and short texts: where its windows end shows which lengths were counted.
    agree(archive, ANN, Scope.OWN)
    said = say(archive, ANN, 120, per_talk=59, text=lambda n: f"line {n} " + "word " * (n * 7 % 90))
    archive.save(
        [replace(said[6], forwarded=True), replace(said[9], forwarded=True), replace(said[12], media="[sticker 😀]")]
    )
    small = Shape(window=400)
    build(archive, tmp_path / "whole", small)
    archive.save(map(transcript.masked, archive.messages(ANN)))
    build(archive, tmp_path / "masked", small)
    for name in SPLITS:
        path = f"{name}.jsonl"
        assert (tmp_path / "masked" / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()
    assert samples.read(tmp_path / "masked", "train")


def test_marks_that_were_not_pulled_again_are_nobodys_words_to_compare_with(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 60)
    agree(archive, ANN, Scope.OWN)
    agree(archive, ANN, Scope.CHAT)
    build(archive, tmp_path / "dataset")
    assert samples.read(tmp_path / "dataset", "controls") == []


@pytest.mark.parametrize("change", ["revoked", "narrower"])
def test_a_consent_that_changes_while_the_dataset_is_made_is_obeyed(
    archive: Archive, tmp_path: Path, change: str
) -> None:
    say(archive, ANN, 60)
    say(archive, BEN, 60)
    agree(archive, ANN)
    agree(archive, BEN)

    def meanwhile(share: float) -> None:
        if share == 0.0:
            with closing(Archive(tmp_path / "archive.db")) as other:
                ledger = Ledger(other)
                _ = ledger.revoke(ANN, NOW) if change == "revoked" else agree(other, ANN, Scope.OWN)

    with pytest.raises(UserError, match="changed while") as refused:
        dataset.build(archive, KEY, tmp_path / "dataset", Shape(), NOW, meanwhile)
    assert refused.value.code is ExitCode.CONSENT
    assert not (tmp_path / "dataset").exists()


def test_every_message_is_kept_or_dropped_for_a_reason(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 61)
    say(archive, BEN, 33, per_talk=5, text=lambda n: "" if n % 7 == 0 else f"line {n}")
    agree(archive, ANN)
    agree(archive, BEN, Scope.OWN)
    card = build(archive, tmp_path / "dataset")
    assert card.messages == 94
    assert card.kept + sum(card.dropped.values()) == card.messages
    assert all(n > 0 for n in card.dropped.values())
    assert card.samples == sum(len(everything(tmp_path / "dataset")[name]) for name in OWN_SPLITS)
    assert samples.read_card(tmp_path / "dataset") == card


def test_each_own_turn_carries_loss_exactly_once_however_small_the_window(archive: Archive, tmp_path: Path) -> None:
    said = say(archive, ANN, 200, per_talk=50)
    agree(archive, ANN)
    card = build(archive, tmp_path / "dataset", Shape(window=200))
    parts = everything(tmp_path / "dataset")
    learned = [
        text
        for name in OWN_SPLITS
        for sample in parts[name]
        for turn in sample.transcript.turns[sample.fresh :]
        if turn.target
        for text in turn.texts
    ]
    assert sorted(learned) == sorted(message.text for message in said if message.mine)
    assert card.turns == len(learned)


def test_neither_the_twins_words_nor_forwards_are_learned_but_both_are_context(
    archive: Archive, tmp_path: Path
) -> None:
    said = say(archive, ANN, 40)
    archive.mark_by_twin(ANN, said[1].id)
    archive.save([Message(ANN, said[3].id, True, said[3].sent_at, said[3].text, forwarded=True)])
    agree(archive, ANN)
    build(archive, tmp_path / "dataset")
    turns = [turn for part in everything(tmp_path / "dataset").values() for s in part for turn in s.transcript.turns]
    by_text = {text: turn.target for turn in turns for text in turn.texts if turn.mine}
    assert (by_text["mine 1"], by_text["mine 3"], by_text["mine 5"]) == (False, False, True)


def test_the_split_is_by_time_and_no_conversation_is_in_two_parts(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 600)
    say(archive, BEN, 300, per_talk=4)
    for dialog in (ANN, BEN):
        agree(archive, dialog)
    card = build(archive, tmp_path / "dataset", Shape(window=200))
    parts = everything(tmp_path / "dataset")
    days = {
        name: {turn.at.date() for s in parts[name] for turn in s.transcript.turns[s.fresh :]} for name in SPLITS[:3]
    }
    assert max(days["train"]) < min(days["validation"])
    assert max(days["validation"]) < min(days["test"])
    assert card.split["test"] == pytest.approx(0.10 * card.samples, rel=0.35)
    assert card.split["validation"] == pytest.approx(0.05 * card.samples, rel=0.5)


@pytest.mark.parametrize("count", [2, 6, 12, 18])
def test_a_small_archive_gives_something_to_learn_from(archive: Archive, tmp_path: Path, count: int) -> None:
    say(archive, ANN, count)
    agree(archive, ANN)
    assert build(archive, tmp_path / "dataset").split["train"] > 0


def test_one_endless_conversation_is_learned_from_and_not_only_tested(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 55, per_talk=55)
    agree(archive, ANN)
    card = build(archive, tmp_path / "dataset", Shape(window=120))
    assert card.samples > 3
    assert (card.split["train"], card.split["validation"], card.split["test"]) == (card.samples, 0, 0)


def test_the_controls_are_a_contacts_newest_windows_seen_from_the_other_side(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 600)
    say(archive, BEN, 600)
    agree(archive, ANN)
    agree(archive, BEN, Scope.OWN)
    build(archive, tmp_path / "dataset")
    others = samples.read(tmp_path / "dataset", "controls")
    assert others
    assert {control.dialog_id for control in others} == {ANN}
    for control in others:
        own = [text for turn in control.transcript.turns if turn.mine for text in turn.texts]
        assert own
        assert all(text.startswith("theirs") for text in own)
    every = [s for split in ("train", "validation", "test") for s in samples.read(tmp_path / "dataset", split)]
    newest = sorted({s.transcript.turns[0].at for s in every if s.dialog_id == ANN})[-controls.WINDOWS :]
    assert {control.transcript.turns[0].at for control in others} == set(newest)


def test_the_same_archive_gives_the_same_dataset_byte_for_byte(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 200, text=lambda n: f"call me on +49 151 2345678{n % 10}")
    agree(archive, ANN)
    first, second = build(archive, tmp_path / "a"), build(archive, tmp_path / "b")
    assert first == second
    for name in SPLITS:
        assert (tmp_path / "a" / f"{name}.jsonl").read_bytes() == (tmp_path / "b" / f"{name}.jsonl").read_bytes()
    say(archive, BEN, 30)
    agree(archive, BEN)
    assert build(archive, tmp_path / "a").hash != first.hash


def test_a_sample_is_what_the_renderer_shows_live(archive: Archive, tmp_path: Path) -> None:
    said = say(archive, ANN, 6, text=lambda n: f"my code is 48213{n}, card 4111 1111 1111 1111")
    agree(archive, ANN)
    berlin = Shape(zone=ZoneInfo("Europe/Berlin"), zone_name="Europe/Berlin")
    build(archive, tmp_path / "dataset", berlin)
    (sample,) = samples.read(tmp_path / "dataset", "train")
    shown = transcript.of(said, Scope.CHAT, Surrogates(KEY, ANN), berlin.zone)
    assert transcript.render(sample.transcript) == transcript.render(shown)
    assert "4111" not in (tmp_path / "dataset" / "train.jsonl").read_text()


def test_the_dataset_is_the_owners_alone_and_a_rebuild_leaves_no_old_file_in_between(
    archive: Archive, tmp_path: Path
) -> None:
    say(archive, ANN, 40)
    agree(archive, ANN)
    folder = tmp_path / "dataset"
    build(archive, folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["card.json", "rhythm.json", *(f"{name}.jsonl" for name in SPLITS)]
    )
    (folder / "test.jsonl").unlink()
    (folder / "test.jsonl").mkdir()  # so that writing stops in the middle, as on a full disk
    say(archive, BEN, 40)
    agree(archive, BEN)
    with pytest.raises(OSError):
        build(archive, folder)
    with pytest.raises(UserError, match="no dataset"):
        samples.read_card(folder)


def test_a_dataset_that_is_missing_or_damaged_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no dataset"):
        samples.read_card(tmp_path)
    with pytest.raises(UserError, match="train part"):
        samples.read(tmp_path, "train")
    (tmp_path / "train.jsonl").write_text('{"dialog": 5, "fresh"\n')
    with pytest.raises(UserError, match="train part"):
        samples.read(tmp_path, "train")


_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), _texts, st.integers(0, 7200)), min_size=1, max_size=12))
def test_a_sample_survives_its_line_of_json_whatever_is_said(said: list[tuple[bool, str, int]]) -> None:
    at, made = START, []
    for number, (mine, text, gap) in enumerate(said, 1):
        at += timedelta(seconds=gap)
        made.append(Message(ANN, number, mine, at, text))
    sample = Sample(ANN, transcript.of(made, Scope.CHAT, Surrogates(KEY, ANN), UTC), 0)
    line = sample.to_json()
    assert "\n" not in line
    assert json.loads(line)["dialog"] == ANN
    assert Sample.from_json(line) == sample


def test_a_damaged_part_is_said_in_words_however_it_is_read(archive: Archive, tmp_path: Path) -> None:
    say(archive, ANN, 60)
    agree(archive, ANN)
    build(archive, tmp_path)
    path = tmp_path / "train.jsonl"
    path.write_text(path.read_text()[:-20])
    for read in (samples.read, lambda *part: list(samples.each(*part))):
        with pytest.raises(UserError, match="train part cannot be read"):
            read(tmp_path, "train")
