"""What is learned and what is only shown: groups, copies, what is held out, weights; and the owner's rhythm."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import dataset, samples, transcript
from data.archive import Archive
from data.consent import Ledger
from data.errors import UserError
from data.message import Dialog, Kind, Message
from data.rhythm import Gaps
from data.samples import OWN_SPLITS, Sample, Shape
from data.transcript import Scope, Turn

START = datetime(2024, 1, 5, 9, 0, tzinfo=UTC)
KEY = b"k" * 32
ANN, GROUP = 5, -500


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with closing(Archive(tmp_path / "archive.db")) as opened:
        yield opened


def put(archive: Archive, messages: list[Message], kind: Kind = Kind.PRIVATE, scope: Scope = Scope.CHAT) -> None:
    dialog = messages[0].dialog_id
    archive.save_dialogs([Dialog(dialog, kind, f"chat {dialog}")])
    archive.save(messages)
    Ledger(archive).grant(dialog, scope, "test", "test", START)
    if dialog < 0:
        for member in {message.sender_id for message in messages if message.sender_id}:
            Ledger(archive).grant_member(dialog, member, "test", "test", START)


def chat(dialog: int, days: int, text: str = "{side} {day} {n}", start: datetime = START) -> list[Message]:
    """Six messages a day, sides taking turns."""
    return [
        Message(dialog, 6 * day + n + 1, bool(n % 2), start + timedelta(days=day, minutes=n),
                text.format(side="mine" if n % 2 else "theirs", day=day, n=n))
        for day in range(days)
        for n in range(6)
    ]  # fmt: skip


def build(archive: Archive, folder: Path, window: int = 400) -> samples.DatasetCard:
    return dataset.build(archive, KEY, folder, Shape(window=window), START)


def learned(folder: Path, *splits: str) -> list[tuple[Sample, Turn]]:
    """Every turn that carries loss."""
    return [
        (sample, turn)
        for name in splits or OWN_SPLITS
        for sample in samples.read(folder, name)
        for turn in sample.transcript.turns[sample.fresh :]
        if turn.target
    ]


# --- what is held out


def test_a_day_between_two_parts_is_in_neither(archive: Archive, tmp_path: Path) -> None:
    put(archive, chat(ANN, 200))
    card = build(archive, tmp_path / "dataset")
    days = {n: sorted({t.at.date() for _, t in learned(tmp_path / "dataset", n)}) for n in OWN_SPLITS[:3]}
    assert days["validation"][0] - days["train"][-1] == timedelta(days=2)
    assert days["test"][0] - days["validation"][-1] == timedelta(days=2)
    assert card.not_learned == {"close to the held-out time": 2 * 3}
    assert (len(days["validation"]), len(days["test"])) == (9, 19), "a tenth, less the talk that its first line is in"


def test_two_light_chats_of_eight_are_held_out_whole_and_always_the_same(archive: Archive, tmp_path: Path) -> None:
    for dialog in range(1, 9):
        put(archive, chat(dialog, 60 if dialog == 1 else 20))
    card = build(archive, tmp_path / "dataset")
    unseen = {sample.dialog_id for sample in samples.read(tmp_path / "dataset", "unseen")}
    assert len(unseen) == 2
    assert 1 not in unseen, "it is too large a part of the history"
    others = {sample.dialog_id for name in OWN_SPLITS[:3] for sample in samples.read(tmp_path / "dataset", name)}
    assert others == set(range(1, 9)) - unseen
    assert card.samples == sum(card.split[name] for name in OWN_SPLITS)
    put(archive, chat(1, 90))
    build(archive, tmp_path / "dataset")
    assert {sample.dialog_id for sample in samples.read(tmp_path / "dataset", "unseen")} == unseen


def test_what_the_owner_says_in_the_test_time_is_not_learned_from_before(archive: Archive, tmp_path: Path) -> None:
    messages = chat(ANN, 100)
    secret, short = "we leave at dawn, by the old mill", "see you"
    for index in (7, 601 - 6):
        messages[index] = replace(messages[index], text=secret)
        messages[index - 2] = replace(messages[index - 2], text=short)
    put(archive, messages)
    card = build(archive, tmp_path / "dataset")
    train = [text for _, turn in learned(tmp_path / "dataset", "train") for text in turn.texts]
    assert secret not in train
    assert short in train
    assert secret in [text for _, turn in learned(tmp_path / "dataset", "test") for text in turn.texts]
    assert card.not_learned["said in the held-out part"] == 1
    assert card.turns == len(learned(tmp_path / "dataset"))


# --- copies and weights


def test_of_copies_and_near_copies_two_are_learned_and_short_answers_are_no_copies(
    archive: Archive, tmp_path: Path
) -> None:
    messages = chat(ANN, 100)
    for number, index in enumerate(range(1, 241, 6)):
        text = f"join our reading circle on Thursday at seven, room {number % 10}!"
        messages[index] = replace(messages[index], text=text)
        messages[index + 2] = replace(messages[index + 2], text="ok sure")
    put(archive, messages)
    card = build(archive, tmp_path / "dataset")
    texts = [text for _, turn in learned(tmp_path / "dataset", "train") for text in turn.texts]
    assert sum("reading circle" in text for text in texts) == 2
    assert texts.count("ok sure") == 40
    assert card.not_learned["said before"] == 38
    assert card.kept + sum(card.dropped.values()) == card.messages


def test_a_window_without_anything_left_to_learn_goes_and_is_counted(archive: Archive, tmp_path: Path) -> None:
    put(archive, chat(ANN, 100, "the very same sentence of {side}, again and again"))
    card = build(archive, tmp_path / "dataset", 120)
    assert card.dropped["nothing left to learn beside it"] > 0
    assert card.kept + sum(card.dropped.values()) == card.messages
    assert all(
        any(t.target for t in s.transcript.turns[s.fresh :]) for s in samples.read(tmp_path / "dataset", "train")
    )


def test_stock_answers_and_old_turns_weigh_less(archive: Archive, tmp_path: Path) -> None:
    messages = chat(ANN, 900)
    for index in range(1, len(messages), 6):
        messages[index] = replace(messages[index], text="Okay!")
    put(archive, messages)
    build(archive, tmp_path / "dataset")
    weight = {(t.at.date(), t.texts[0]): t.weight for _, t in learned(tmp_path / "dataset", "train")}
    newest = messages[-1].sent_at.date()
    aged = {age: [w for (day, text), w in weight.items() if text != "Okay!" and (newest - day).days == age]
            for age in (200, 548, 899)}  # fmt: skip
    assert [max(each) for each in aged.values()] == [0.78, 0.5, 0.32]
    assert weight[newest - timedelta(days=548), "Okay!"] == 0.15, "the least of frequency, and half of recency"


# --- groups


def group(*lines: tuple[int, str], **more: object) -> list[Message]:
    """`(sender, text)`, half a minute apart; sender 0 is the owner."""
    return [
        Message(GROUP, n + 1, not sender, START + timedelta(seconds=30 * n), text, sender_id=sender or 99, **more)  # type: ignore[arg-type]
        for n, (sender, text) in enumerate(lines)
    ]


def test_in_a_group_people_are_called_by_names_that_are_not_theirs(archive: Archive, tmp_path: Path) -> None:
    put(archive, group((1, "who comes?"), (2, "me"), (1, "great"), (0, "me too")), Kind.GROUP)
    build(archive, tmp_path / "dataset")
    (sample,) = samples.read(tmp_path / "dataset", "train")
    first, second, third, own = sample.transcript.turns
    assert first.speaker == third.speaker != second.speaker
    assert own.speaker is None
    user = transcript.render(sample.transcript)[1].text
    assert user == f"<@{first.speaker}> who comes?\n<@{second.speaker}> me\n<@{first.speaker}> great"


def test_a_reply_quotes_what_it_replies_to_unless_that_stands_right_before(archive: Archive, tmp_path: Path) -> None:
    messages = group((1, "x" * 100), (2, "unrelated"), (1, "no answer?"), (2, "here it is"), (0, "fine"))
    messages[2] = replace(messages[2], reply_to=2)
    messages[3] = replace(messages[3], reply_to=1)
    messages[4] = replace(messages[4], reply_to=1)
    put(archive, messages, Kind.GROUP)
    build(archive, tmp_path / "dataset")
    (sample,) = samples.read(tmp_path / "dataset", "train")
    lines = transcript.render(sample.transcript)[1].text.split("\n")
    assert lines[2].endswith("> no answer?")
    assert '<"' not in lines[2]
    assert lines[3].endswith('> <"' + "x" * 79 + '…"> here it is')
    assert sample.transcript.turns[-1].quotes == (), "nobody knows what a reply will quote before it is written"


def test_what_only_came_from_the_owners_account_is_shown_and_not_learned(archive: Archive, tmp_path: Path) -> None:
    messages = group(
        (1, "hi"), (0, "/start"), (0, "x" * 900), (0, "```\nx = 1\n```"), (0, "def f():\n    x = 1\n    return x"),
        (0, "gif"), (0, "read this"), (0, "twin"), (0, "my own words\nin\nthree lines"), (1, "pinned"), (0, "yes"),
    )  # fmt: skip
    messages[5] = replace(messages[5], via_bot=True)
    messages[6] = replace(messages[6], forwarded=True)
    messages[7] = replace(messages[7], by_twin=True)
    messages[9] = replace(messages[9], text="", media="[pin message]", service=True)
    put(archive, messages, Kind.GROUP)
    card = build(archive, tmp_path / "dataset", 4000)
    assert [text for _, turn in learned(tmp_path / "dataset") for text in turn.texts] == [messages[8].text, "yes"]
    assert card.not_learned == {
        "a command": 1,
        "very long": 1,
        "pasted code": 2,
        "made by a bot": 1,
        "forwarded": 1,
        "written by the twin": 1,
    }
    assert card.dropped == {"not said but happened": 1}
    (sample,) = samples.read(tmp_path / "dataset", "train")
    shown = [text for turn in sample.transcript.turns for text in turn.texts]
    said = [message.text for message in messages if not message.service]
    assert shown == ["[short text]" if text == "read this" else text for text in said], (
        "whose words those are, nobody knows"
    )


def test_an_attachment_is_shown_and_never_learned_for_the_twin_sends_words_alone(
    archive: Archive, tmp_path: Path
) -> None:
    messages = chat(ANN, 60)
    for index in (6, 7, 9, 357):
        messages[index] = replace(messages[index], text="", media="[photo]")
    messages[13] = replace(messages[13], text="look at this", media="[sticker 😂]")
    put(archive, messages)
    card = build(archive, tmp_path / "dataset", 4000)
    everywhere = (*OWN_SPLITS, "controls")
    texts = [text for _, turn in learned(tmp_path / "dataset", *everywhere) for text in turn.texts]
    assert texts
    assert not [text for text in texts if "[" in text]
    assert card.not_learned["with an attachment"] == 4
    assert card.kept + sum(card.dropped.values()) == card.messages
    shown = [text for sample in samples.read(tmp_path / "dataset", "train") for turn in sample.transcript.turns
             for text in turn.texts]  # fmt: skip
    assert {"[photo]", "[sticker 😂] look at this"} <= set(shown)
    for sample in samples.read(tmp_path / "dataset", "controls"):
        assert sample.transcript.turns[-1].target, "nothing stands after the last turn that is learned"


def test_who_sent_nothing_but_pictures_has_nothing_to_learn_from(archive: Archive, tmp_path: Path) -> None:
    put(archive, [replace(each, text="", media="[photo]") if each.mine else each for each in chat(ANN, 60)])
    with pytest.raises(UserError, match="nothing to learn from"):
        build(archive, tmp_path / "dataset")


def test_a_topic_is_a_talk_of_its_own(archive: Archive, tmp_path: Path) -> None:
    messages = [
        replace(message, topic_id=1 + index % 2 * 7)
        for index, message in enumerate(group(*((n // 2 % 2, f"line {n}") for n in range(12))))
    ]
    put(archive, messages, Kind.GROUP)
    build(archive, tmp_path / "dataset")
    for name in OWN_SPLITS:
        for sample in samples.read(tmp_path / "dataset", name):
            numbers = [int(text.split()[1]) for turn in sample.transcript.turns for text in turn.texts]
            assert len({number % 2 for number in numbers}) == 1


# --- accounts


_message = st.tuples(
    st.booleans(),
    st.sampled_from(["", "ok", "a longer line that is said again and again", "x" * 900, "/go", "what a day it was"]),
    st.sampled_from([None, None, "[photo]"]),
    st.sampled_from([5, 400, 5000, 200_000, 3_000_000]),
    st.sampled_from(["", "", "", "forwarded", "by_twin", "via_bot", "service"]),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(_message, min_size=1, max_size=40), min_size=1, max_size=3), st.integers(30, 600))
def test_every_message_is_kept_or_dropped_for_one_reason_whatever_is_said(
    chats: list[list[tuple[bool, str, str | None, int, str]]], window: int
) -> None:
    with TemporaryDirectory() as folder, closing(Archive(Path(folder) / "archive.db")) as archive:
        total = 0
        for dialog, lines in enumerate(chats, 1):
            at, messages = START, []
            for n, (mine, text, media, pause, flag) in enumerate(lines, 1):
                at += timedelta(seconds=pause)
                more = {flag: True} if flag else {}
                messages.append(Message(dialog, n, mine, at, text, media=media, **more))
            put(archive, [*messages, Message(dialog, 99, True, at + timedelta(seconds=9), "the end")])
            total += len(messages) + 1
        card = build(archive, Path(folder) / "dataset", window)
        assert card.messages == total == card.kept + sum(card.dropped.values())
        assert all(count > 0 for count in (*card.dropped.values(), *card.not_learned.values()))
        assert card.turns == len(learned(Path(folder) / "dataset"))
        assert card.split | {"controls": 0} == {
            name: len(samples.read(Path(folder) / "dataset", name)) for name in OWN_SPLITS
        } | {"controls": 0}


# --- rhythm


def test_the_rhythm_is_the_owners_gaps_and_delays_by_chat_and_hour(archive: Archive, tmp_path: Path) -> None:
    said, at = [], START
    for day in range(30):
        at = START + timedelta(days=day)
        for mine, seconds in ((False, 0), (True, 40), (True, 3), (True, 7200)):  # nobody wrote before the last
            at += timedelta(seconds=seconds)
            said.append(Message(ANN, len(said) + 1, mine, at, f"line {len(said)}"))
    put(archive, said)
    build(archive, tmp_path / "dataset")
    rhythm = json.loads((tmp_path / "dataset" / "rhythm.json").read_text())
    assert rhythm["bubble_seconds"] == {"n": 30, "at": [3.0] * len(rhythm["quantiles"])}
    reply = rhythm["reply_seconds"]
    assert reply["all"] == reply["by_chat"][str(ANN)] == reply["by_hour"]["9"]
    assert (reply["all"]["n"], set(reply["all"]["at"])) == (30, {40.0})
    assert "line" not in json.dumps(rhythm)
    gaps = Gaps.of(tmp_path / "dataset")
    assert gaps
    assert (gaps.draw(0.0), gaps.draw(0.5), gaps.draw(0.999)) == (3.0, 3.0, 3.0)
