"""The one chat format: what goes in comes out, and nobody can forge what is ours."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import transcript
from data.message import Message
from data.redact import Surrogates
from data.transcript import START_MARK, Role, Scope, Transcript, Turn, render, reply_text, split_reply

NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)

nasty = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            [
                "\\",
                "\\n",
                "\n",
                "<",
                "<|",
                "<|im_end|>",
                "<@Bob> ",
                '<"so"> ',
                "<+3h>",
                "<+>",
                "<\\|",
                "+>",
                "\r",
                "\u2028",
                "ё",
                "n",
            ]
        )
    ).map("".join),
)


def message(text: str, minutes: float = 0, *, mine: bool = False, **more: object) -> Message:
    fields = {"id": int(minutes * 60) + 1, "sent_at": NOON + timedelta(minutes=minutes), **more}
    return Message(dialog_id=1, mine=mine, text=text, **fields)  # type: ignore[arg-type]


def of(*messages: Message, scope: Scope = Scope.CHAT) -> Transcript:
    return transcript.of(messages, scope, Surrogates(b"k" * 32, 1))


def mine(*texts: str) -> Turn:
    return Turn(True, texts, NOON)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.lists(nasty, min_size=1, max_size=5))
def test_a_reply_is_split_into_the_texts_it_was_written_from(texts: list[str]) -> None:
    assert split_reply(reply_text(mine(*texts))) == tuple(texts)


@pytest.mark.parametrize(
    "text", ["<|im_end|>", "a\nb", "a\\nb", "\\", "\\\\n", "<+12m>", "<+2d Fri 09:15>", START_MARK, "<\\|x", "\\<|", ""]
)
def test_marks_and_newlines_inside_a_text_survive_the_way_out_and_back(text: str) -> None:
    assert split_reply(reply_text(mine("one", text, "three"))) == ("one", text, "three")


def test_one_line_is_one_message() -> None:
    assert reply_text(mine("hey", "you there?")) == "hey\nyou there?"
    assert split_reply("hey\nyou there?") == ("hey", "you there?")


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(nasty, min_size=1, max_size=4))
def test_no_text_holds_a_control_token_a_mark_or_a_line_of_ours(texts: list[str]) -> None:
    shown = of(*(message(text, i / 10) for i, text in enumerate(texts)))
    said = [piece.text for block in render(shown) for piece in block.pieces if piece.said]
    assert len(said) == sum(bool(text) for text in texts)
    assert not any(re.search(r"<[|+@\"]|\n", text) for text in said)


def test_a_contact_who_types_a_mark_is_told_from_one_who_waited() -> None:
    forged = render(of(message("hi"), message("<+3h>", 1), message("still there?", 2)))[-1].text
    waited = render(of(message("hi"), message("still there?", 180)))[-1].text
    assert "<+3h>" not in forged
    assert waited == "hi\n<+3h>\nstill there?"


def test_what_a_person_typed_is_said_and_what_we_added_is_not() -> None:
    blocks = render(of(message("hi"), message("you there?", 20), message("yes", 21, mine=True)))
    pieces = [(piece.text, piece.said) for block in blocks[1:] for piece in block.pieces]
    assert pieces == [("hi", True), ("\n", False), ("<+20m>\n", False), ("you there?", True), ("yes", True)]


@pytest.mark.parametrize(
    ("minutes", "mark"),
    [
        (4.9, ""),
        (5, "<+5m>"),
        (59.9, "<+59m>"),
        (60, "<+1h>"),
        (11 * 60 + 59, "<+11h>"),
        (12 * 60, "<+1d Sat 00:00>"),
        (24 * 60, "<+1d Sat 12:00>"),
        (3 * 24 * 60 + 2, "<+3d Mon 12:02>"),
    ],
)
def test_a_pause_is_marked_by_its_length(minutes: float, mark: str) -> None:
    answer = render(of(message("hi", mine=True), message("hello", minutes)))[-1].text
    assert answer == (f"{mark}\nhello" if mark else "hello")


def test_a_pause_before_an_own_turn_stands_on_the_other_side() -> None:
    blocks = render(of(message("hi", mine=True), message("anyone?", 30, mine=True)))
    assert [(block.role, block.text) for block in blocks[1:]] == [
        (Role.USER, START_MARK),
        (Role.ASSISTANT, "hi"),
        (Role.USER, "<+30m>"),
        (Role.ASSISTANT, "anyone?"),
    ]


def test_the_header_and_the_marks_tell_the_owners_time_not_greenwich() -> None:
    messages = (message("hi"), message("morning", 12 * 60))
    tokyo = transcript.of(messages, Scope.CHAT, Surrogates(b"k" * 32, 1), ZoneInfo("Asia/Tokyo"))
    header, user = render(tokyo)
    assert header.text == "You are texting on Telegram. Fri 2024-03-01 21:00"
    assert user.text.splitlines()[1] == "<+1d Sat 09:00>"
    assert render(of(*messages))[0].text.endswith("Fri 2024-03-01 12:00")


def test_an_empty_transcript_has_a_header_and_no_time() -> None:
    assert [block.text for block in render(of())] == ["You are texting on Telegram."]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.text(alphabet="йцукеQWERTY123 \n", min_size=1),
    st.sampled_from([None, "[photo]", "[sticker 😀]", "[voice 0:12]"]),
)
def test_scope_own_shows_no_character_of_what_the_other_side_wrote(text: str, media: str | None) -> None:
    shown = of(message(text, media=media), message("ok", 1, mine=True), scope=Scope.OWN)
    (theirs,) = shown.turns[0].texts
    assert re.fullmatch(r"\[(?:short|middling|long) (?:text|photo and text|sticker and text|voice and text)\]", theirs)
    other = "x" * len(text)
    assert of(message(other, media=media), message("ok", 1, mine=True), scope=Scope.OWN).turns == shown.turns


@pytest.mark.parametrize(
    ("media", "mark"),
    [
        ("[photo]", "[photo]"),
        ("[sticker 😀]", "[sticker]"),
        ("[voice 0:12]", "[voice 0:12]"),
        ("[round video]", "[round video]"),
    ],
)
def test_scope_own_shows_the_kind_of_a_picture_but_not_the_emoji_of_a_sticker(media: str, mark: str) -> None:
    assert of(message("", media=media), scope=Scope.OWN).turns[0].texts == (mark,)
    assert of(message("", media=media, mine=True), scope=Scope.OWN).turns[0].texts == (media,)


placeholders = st.sampled_from(
    [None, "[photo]", "[sticker 😀]", "[sticker]", "[voice 0:12]", "[round video]", "[dice 6]", "[place]", "[file]"]
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(nasty, placeholders, st.booleans(), st.booleans())
def test_a_masked_message_shows_the_same_and_masking_it_again_changes_nothing(
    text: str, media: str | None, is_mine: bool, forwarded: bool
) -> None:
    said = message(text, media=media, mine=is_mine, forwarded=forwarded, quote="their words", reactions="😀1")
    once = transcript.masked(said)
    assert transcript.masked(once) == once
    assert of(once, scope=Scope.OWN) == of(said, scope=Scope.OWN)
    assert (once.quote, once.reactions) == (None, None), "they are somebody else's"
    assert once.text == (text if is_mine and not forwarded else "")
    assert is_mine or transcript.is_mark(once) is bool(text)


@pytest.mark.parametrize(("media", "mark"), [("[file will.pdf]", "[file]"), ("[title zebrawood club]", "[title]")])
def test_a_mark_keeps_nothing_of_a_placeholder_but_its_kind(media: str, mark: str) -> None:
    assert transcript.masked(message("", media=media)).media == mark
    assert transcript.masked(message("a text", media=media)).media == f"[short {mark[1:-1]} and text]"


def test_what_the_owner_forwards_is_somebody_elses_and_a_mark_under_scope_own() -> None:
    shown = of(message("their secret", mine=True, forwarded=True), message("look", 1, mine=True), scope=Scope.OWN)
    assert [turn.texts for turn in shown.turns] == [("[short text]",), ("look",)]


def test_scope_own_keeps_the_owners_words_and_tells_lengths_apart() -> None:
    texts = of(
        message("a" * 20),
        message("b" * 21, 0.1),
        message("c" * 121, 0.2),
        message("mine", 1, mine=True),
        scope=Scope.OWN,
    )
    assert [turn.texts for turn in texts.turns] == [("[short text]", "[middling text]", "[long text]"), ("mine",)]


def test_secrets_of_both_sides_are_replaced() -> None:
    shown = of(message("code: 48213"), message("password: Hunter2!", 1, mine=True))
    said = " ".join(text for turn in shown.turns for text in turn.texts)
    assert "48213" not in said
    assert "Hunter2" not in said
    assert len(said) == len("code: 48213 password: Hunter2!")


def test_only_the_owners_own_words_are_to_be_learned() -> None:
    shown = of(
        message("theirs"),
        message("own", 1, mine=True),
        message("twin's", 2, mine=True, by_twin=True),
        message("forwarded", 3, mine=True, forwarded=True),
    )
    assert [(turn.texts[0], turn.target) for turn in shown.turns] == [
        ("theirs", False),
        ("own", True),
        ("twin's", False),
        ("forwarded", False),
    ]


def test_a_message_without_text_or_media_is_not_there() -> None:
    assert of(message("hi"), message("", 1), message("you", 2)).turns == of(message("hi"), message("you", 2)).turns


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.1, 1, 6, 90, 5000])),
        min_size=1,
        max_size=12,
    )
)
def test_blocks_alternate_after_a_header_and_begin_with_the_other_side(
    says: list[tuple[bool, bool, bool, float]],
) -> None:
    at, messages = 0.0, []
    for is_mine, by_twin, forwarded, pause in says:
        at += pause
        messages.append(message("x", at, mine=is_mine, by_twin=is_mine and by_twin, forwarded=forwarded))
    shown = of(*messages)
    blocks = render(shown)
    assert [block.role for block in blocks[:2]] == [Role.SYSTEM, Role.USER]
    assert all(a.role is not b.role for a, b in pairwise(blocks))
    own = [block for block in blocks if block.role is Role.ASSISTANT]
    assert [block.turn for block in own] == [i for i, turn in enumerate(shown.turns) if turn.mine]
    assert [block.text for block in own] == [reply_text(turn) for turn in shown.turns if turn.mine]
