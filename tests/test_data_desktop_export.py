"""Telegram Desktop's export is read as the format says: every media type, every kind of chat, old and new versions."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from data.desktop_export import MIGRATED_SHIFT, Account, Export, Line
from data.errors import UserError
from data.message import Dialog, Kind, Message
from data.telegram.media import action_of

ME, ANNA, BEN = 100, 11, 12
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def row(number: int = 1, sender: int | None = ANNA, **fields: Any) -> dict[str, Any]:
    """A message as Telegram Desktop writes it."""
    stamp = {"date": "2024-03-01T13:00:00", "date_unixtime": str(int(NOON.timestamp()))}
    by = {"from": f"Name{sender}", "from_id": f"user{sender}"} if sender else {}
    return {"id": number, "type": "message", **stamp, **by, "text": "", "text_entities": [], **fields}


def service(action: str, **fields: Any) -> dict[str, Any]:
    """A service message, whose author is called actor."""
    return row(1, None, type="service", actor="Anna", actor_id=f"user{ANNA}", action=action, **fields)


def chat(*messages: dict[str, Any], sort: str = "personal_chat", number: Any = ANNA, name: str | None = "Anna") -> Any:
    return {"name": name, "type": sort, "id": number, "messages": list(messages)}


def account(*chats: Any, left: tuple[Any, ...] = ()) -> Any:
    me = {"user_id": ME, "first_name": "Ola", "last_name": "", "phone_number": "+1", "bio": ""}
    return {
        "about": "Here is the data you requested.",
        "personal_information": me,
        "profile_pictures": [{"date": "2020-01-01T00:00:00", "photo": "x.jpg"}],
        "contacts": {"about": "", "list": [{"user_id": 5, "first_name": "x", "date": "2020-01-01T00:00:00"}]},
        "chats": {"about": "", "list": list(chats)},
        "left_chats": {"about": "", "list": list(left)},
    }


def export(folder: Path, content: Any, zone: Any = UTC) -> Export:
    path = folder / "result.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return Export(path, zone)


def lines(folder: Path, content: Any, owner_id: int | None = ME) -> list[Line]:
    return [part for part in export(folder, content).parts(owner_id) if isinstance(part, Line)]


def only(folder: Path, message: dict[str, Any], **of_chat: Any) -> Message:
    (line,) = lines(folder, chat(message, **of_chat))
    assert line.message is not None
    return line.message


def test_a_single_chat_is_read_with_both_sides_told_apart(tmp_path: Path) -> None:
    both = chat(row(1, text="hi"), row(2, ME, text="hey", reply_to_message_id=1))
    dialog, first, second = export(tmp_path, both).parts(None)
    assert dialog == Dialog(ANNA, Kind.PRIVATE, "Anna")
    assert isinstance(first, Line)
    assert first.message == Message(ANNA, 1, False, NOON, "hi")
    assert isinstance(second, Line)
    assert second.message == Message(ANNA, 2, True, NOON, "hey", reply_to=1)


def test_a_whole_account_says_whose_it_is_and_lists_every_chat_also_those_left(tmp_path: Path) -> None:
    whole = export(
        tmp_path,
        account(
            chat(row(), sort="saved_messages", number=ME, name=None),
            chat(row(), sort="bot_chat", number=13, name="Bot"),
            chat(row(), number=777000, name="Telegram"),
            chat(row(), name=None, number=14),
            chat(row(), sort="private_group", number=15, name="Old"),
            left=(chat(row(), sort="public_supergroup", number=16, name="New"), chat(sort="public_channel", number=17)),
        ),
    )
    assert whole.account() == Account(ME, "Ola")
    parts = list(whole.parts(ME))
    assert [(part.id, part.kind) for part in parts if isinstance(part, Dialog)] == [
        (ME, Kind.SELF),
        (13, Kind.BOT),
        (777000, Kind.SERVICE),
        (14, Kind.DELETED),
        (-15, Kind.GROUP),
        (-1000000000016, Kind.GROUP),
    ]
    assert len([part for part in parts if isinstance(part, Line)]) == 6


@pytest.mark.parametrize(
    ("fields", "placeholder"),
    [
        ({"photo": "photos/1.jpg", "width": 1, "height": 1}, "[photo]"),
        ({"file": "v.ogg", "media_type": "voice_message", "duration_seconds": 72}, "[voice 1:12]"),
        ({"file": "v.mp4", "media_type": "video_message", "duration_seconds": 9}, "[round video]"),
        ({"file": "v.mp4", "media_type": "video_file"}, "[video]"),
        ({"file": "a.mp4", "media_type": "animation"}, "[animation]"),
        ({"file": "s.webp", "media_type": "sticker", "sticker_emoji": "😂"}, "[sticker 😂]"),
        ({"file": "s.webp", "media_type": "sticker"}, "[sticker]"),
        ({"file": "m.mp3", "media_type": "audio_file", "performer": "Abba", "title": "SOS"}, "[music: Abba - SOS]"),
        (
            {"file": "(File not included)", "file_name": "tax [1].pdf", "mime_type": "application/pdf"},
            "[file: tax (1).pdf]",
        ),
        ({"contact_information": {"first_name": "Ben", "phone_number": "+1"}}, "[contact]"),
        ({"location_information": {"latitude": 1.5, "longitude": 2.5}}, "[place]"),
        (
            {"place_name": "Cafe", "address": "x", "location_information": {"latitude": 1.5, "longitude": 2}},
            "[place: Cafe]",
        ),
        ({"poll": {"question": "When?", "closed": False, "total_voters": 0, "answers": []}}, "[poll: When?]"),
        ({"todo_list": {"title": "Buy", "answers": []}}, "[checklist: Buy]"),
        ({"game_title": "2048", "game_description": ""}, "[game: 2048]"),
        ({"invoice_information": {"amount": 1, "currency": "EUR"}}, "[invoice]"),
        ({"giveaway_information": {"quantity": 1}}, "[giveaway]"),
        ({"paid_stars_amount": 5}, "[paid media]"),
        ({"dice": {"emoji": "🎲", "value": 4}}, "[dice 4]"),
        ({"giveaway_results": {"winners_count": 1}}, "[giveaway]"),
        ({"story_id": 4}, "[story]"),
        ({"location_information": {"latitude": 1, "longitude": 2}, "live_location_period_seconds": 900}, "[place]"),
        ({"media_type": "of_tomorrow"}, "[attachment]"),
    ],
)
def test_media_become_placeholders_and_captions_stay(tmp_path: Path, fields: Any, placeholder: str) -> None:
    message = only(tmp_path, row(text="look", **fields))
    assert (message.media, message.text) == (placeholder, "look")


def test_marked_up_text_is_put_together_again(tmp_path: Path) -> None:
    pieces = ["see ", {"type": "link", "text": "https://a.b"}, {"type": "bold", "text": " 💥"}, "\nbye"]
    assert only(tmp_path, row(text=pieces)).text == "see https://a.b 💥\nbye"


@pytest.mark.parametrize(
    ("fields", "placeholder", "part_of_the_talk"),
    [
        ({"action": "phone_call", "duration_seconds": 75, "discard_reason": "hangup"}, "[call 1:15]", True),
        ({"action": "phone_call", "discard_reason": "missed"}, "[call missed]", True),
        ({"action": "send_star_gift"}, "[gift]", True),
        ({"action": "pin_message", "message_id": 1}, "[pin message]", False),
        ({"action": "edit_group_title", "title": "Family"}, "[edit group title: Family]", False),
        ({"action": "an_action_of_tomorrow"}, "[an action of tomorrow]", False),
    ],
)
def test_what_happened_is_recorded_as_such(
    tmp_path: Path, fields: Any, placeholder: str, part_of_the_talk: bool
) -> None:
    message = only(tmp_path, service(**fields))
    assert (message.media, message.text, message.service) == (placeholder, "", not part_of_the_talk)
    assert not message.mine


@pytest.mark.parametrize("fields", [{"action": "send_payment", "amount": 5}, {"information_text": "as they say"}])
def test_what_happened_by_nobodys_hand_is_recorded_too(tmp_path: Path, fields: Any) -> None:
    message = only(tmp_path, row(1, None, type="service", **fields))
    assert (message.service, message.mine) == (True, False)


def test_what_answers_a_message_of_another_chat_answers_nothing_here(tmp_path: Path) -> None:
    elsewhere = chat(row(1), row(2, reply_to_message_id=1, reply_to_peer_id="channel9"), row(3, reply_to_message_id=1))
    assert [line.message.reply_to for line in lines(tmp_path, elsewhere) if line.message] == [None, None, 1]


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "x"},
        {"id": 2**60},
        {"date_unixtime": "99999999999999999999"},
        {"date_unixtime": "", "date": "yesterday"},
        {"from_id": ["user11"]},
        {"text": [None]},
        {"reactions": "many"},
        {"reply_to_message_id": {"id": 1}},
        {"media_type": "voice_message", "duration_seconds": "long"},
    ],
)
def test_a_field_of_another_kind_than_the_format_says_costs_that_message_alone(tmp_path: Path, fields: Any) -> None:
    first, odd, last = lines(tmp_path, chat(row(1, text="a"), row(2, **fields), row(3, text="b")))
    assert (odd.message, odd.left_out) == (None, "unreadable")
    assert [line.message.text for line in (first, last) if line.message] == ["a", "b"]


@pytest.mark.parametrize("content", [{**account(chat(row())), "personal_information": {}}, chat(row(), number="x")])
def test_a_chat_or_an_owner_that_nobody_can_tell_is_a_sentence(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UserError, match="damaged"):
        list(export(tmp_path, content).parts(ME))


def test_forwards_inline_bots_edits_and_reactions_are_recorded(tmp_path: Path) -> None:
    hidden = only(tmp_path, row(text="x", forwarded_from=None))
    assert hidden.forwarded
    message = only(
        tmp_path,
        row(
            text="y",
            via_bot="@gif",
            edited="2024-03-01T13:05:00",
            edited_unixtime=str(int(NOON.timestamp()) + 300),
            reactions=[{"type": "emoji", "count": 2, "emoji": "❤"}, {"type": "custom_emoji", "count": 1}],
        ),
    )
    assert (message.via_bot, message.forwarded, message.reactions) == (True, False, "❤2 ▫1")
    assert message.edited_at == NOON + timedelta(minutes=5)


def test_old_exports_are_dated_in_the_zone_where_they_were_made(tmp_path: Path) -> None:
    old = row(text="hi", from_id=ANNA)
    del old["date_unixtime"]
    parts = list(export(tmp_path, chat(old), timezone(timedelta(hours=1))).parts(ME))
    assert isinstance(parts[1], Line)
    assert parts[1].message == Message(ANNA, 1, False, NOON, "hi")


def test_in_a_group_each_message_has_its_sender_and_the_old_groups_ids_stay_below_zero(tmp_path: Path) -> None:
    old = MIGRATED_SHIFT + 7
    group = chat(row(old, BEN), row(1, ANNA), row(2, ME), sort="private_supergroup", number=16, name="Family")
    found = lines(tmp_path, group)
    assert [(line.message.id, line.message.sender_id, line.message.mine) for line in found if line.message] == [
        (old, BEN, False),
        (1, ANNA, False),
        (2, ME, True),
    ]
    assert [line.sender.name for line in found if line.sender] == ["Name12", "Name11", "Name100"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"self_destruct_period_seconds": 5, "photo": "x"}, "self-destructing"),
        ({"from_id": None}, "without sender"),
        ({"date": None, "date_unixtime": None}, "without id or date"),
    ],
)
def test_what_is_never_kept_says_why(tmp_path: Path, fields: Any, why: str) -> None:
    (line,) = lines(tmp_path, chat(row(text="x", **fields)))
    assert (line.message, line.left_out) == (None, why)


@pytest.mark.parametrize("text", ["👩‍👩‍👧‍👦" * 50, "שלום ‎عربي", "a\u200bb\u2060", "x" * 4096, '"\\ </s> <|im_end|>'])
def test_text_of_every_script_comes_back_as_it_was_written(tmp_path: Path, text: str) -> None:
    assert only(tmp_path, row(text=text)).text == text


def test_half_of_a_surrogate_pair_becomes_something_that_can_be_stored(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, json.dumps(chat(row(text="a\ud83d!"))))
    assert line.message is not None
    assert line.message.text == "a?!"


def test_a_half_written_file_says_so_after_all_that_could_be_read(tmp_path: Path) -> None:
    whole = json.dumps(chat(*[row(number, text="hi") for number in range(1, 51)]))
    half = export(tmp_path, whole[: len(whole) // 2])
    read: list[Any] = []

    def read_on() -> None:
        for part in half.parts(ME):
            read.append(part)

    with pytest.raises(UserError, match="ends in the middle"):
        read_on()
    assert len(read) > 20


@pytest.mark.parametrize("content", ["", "hello", "[]", "{}", '{"name": "x", "id": 1}', '{"messages": []}'])
def test_a_file_that_is_no_export_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(UserError) as told:
        list(export(tmp_path, content).parts(ME))
    assert " is not " in told.value.message, "nothing came before it that could be kept"
    assert "In Telegram Desktop" in told.value.hint


def test_a_missing_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        list(Export(tmp_path / "no.json").parts(ME))


@pytest.mark.parametrize(
    ("action", "of_telegram"),
    [
        ("set_chat_wallpaper", types.MessageActionSetChatWallPaper(types.WallPaperNoFile(1))),
        ("stars_prize", types.MessageActionPrizeStars(5, "x", types.PeerChannel(1), 1)),
        ("set_messages_ttl", types.MessageActionSetMessagesTTL(60)),
        ("group_call", types.MessageActionGroupCall(types.InputGroupCall(1, 1))),
        ("group_call_scheduled", types.MessageActionGroupCallScheduled(types.InputGroupCall(1, 1), NOON)),
        ("invite_to_group_call", types.MessageActionInviteToGroupCall(types.InputGroupCall(1, 1), [1])),
        ("suggest_profile_photo", types.MessageActionSuggestProfilePhoto(types.PhotoEmpty(1))),
        ("giveaway_launch", types.MessageActionGiveawayLaunch()),
        ("giveaway_results", types.MessageActionGiveawayResults(1, 0)),
        ("boost_apply", types.MessageActionBoostApply(1)),
        ("topic_edit", types.MessageActionTopicEdit()),
        ("requested_peer", types.MessageActionRequestedPeer(1, [])),
        ("join_group_by_request", types.MessageActionChatJoinedByRequest()),
        ("take_screenshot", types.MessageActionScreenshotTaken()),
        ("clear_history", types.MessageActionHistoryClear()),
    ],
)
def test_what_happened_bears_one_name_whether_it_is_exported_or_pulled(
    tmp_path: Path, action: str, of_telegram: Any
) -> None:
    assert only(tmp_path, service(action)).media == action_of(of_telegram)
