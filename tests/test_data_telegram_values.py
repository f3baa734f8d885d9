"""Telethon's objects as values: every kind of message of a whole life, as the real Telethon reads it from the wire."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from telethon.tl import functions, types

from data.message import Kind, Message
from data.telegram import Heard, folders, hear, listing, to_message, within
from data.transcript import masked
from sandbox.box import Post
from sandbox.life import (
    BOT,
    CLUB,
    DIARY,
    FAMILY,
    FORUM,
    LEFT,
    MOVED,
    NEWS,
    NINA,
    OLD_FRIEND,
    OTTO,
    OWNER,
    PIA,
    SEALED,
    SECRETIVE,
    STRANGER,
    VAULT,
    life_town,
)
from sandbox.server import Sandbox
from tests.sandbox_clients import joining, opened, phone_of

AT = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


class Telegram:
    """The real client in the town."""

    def __init__(self, sandbox: Sandbox, client: Any) -> None:
        self.sandbox, self.client = sandbox, client

    async def heard(self, peer: int) -> Heard:
        await listing(self.client)
        found: list[Any] = []
        entities: list[Any] = []
        while True:
            request = functions.messages.GetHistoryRequest(
                await self.client.get_input_entity(peer), found[-1].id if found else 0, None, 0, 100, 0, 0, 0
            )
            answer = await self.client(request)
            found += answer.messages
            entities += [*answer.users, *answer.chats]
            if len(answer.messages) < 100:
                return hear(found, entities)


@pytest_asyncio.fixture
async def telegram() -> AsyncIterator[Telegram]:
    async with opened(life_town()) as sandbox, joining(sandbox) as join:
        yield Telegram(sandbox, await join(phone_of(sandbox)))


def by_text(heard: Heard) -> dict[str, Message]:
    return {message.text: message for message in heard.messages if message.text}


async def test_every_attachment_is_a_placeholder_with_what_matters_and_keeps_its_caption(telegram: Telegram) -> None:
    heard = by_text(await telegram.heard(NINA))
    assert {kind: heard[f"my {kind}"].media for kind in telegram_kinds()} == {
        "photo": "[photo]",
        "voice": "[voice 0:03]",
        "round": "[round video]",
        "video": "[video]",
        "audio": "[music: The Harbour Five - Low tide]",
        "file": "[file: timetable.pdf]",
        "sticker": "[sticker 🙂]",
        "animation": "[animation]",
        "poll": "[poll: When do we leave?]",
        "place": "[place]",
        "live place": "[place]",
        "venue": "[place: The Boathouse]",
        "contact": "[contact]",
        "dice": "[dice 4]",
        "game": "[game: Rowing]",
        "invoice": "[invoice]",
        "story": "[story]",
        "giveaway": "[giveaway]",
        "web page": None,
    }


def telegram_kinds() -> list[str]:
    from sandbox import media

    return list(media.KINDS)


async def test_where_a_message_comes_from_is_recorded(telegram: Telegram) -> None:
    heard = by_text(await telegram.heard(NINA))
    assert {text for text, message in heard.items() if message.forwarded} == {
        "look at this",
        "and at this",
        "news",
        "passed on by me",
    }
    assert [text for text, message in heard.items() if message.via_bot] == ["next ferry 14:10"]
    first = heard["hello! is this your new number?"]
    assert (heard["it is"].reply_to, heard["it is"].quote) == (first.id, None)
    assert (heard["the new one, yes"].reply_to, heard["the new one, yes"].quote) == (first.id, "new number")
    assert heard["what a view"].reply_to is None, "a story is no message"
    assert heard["liked"].reactions == "❤1 👍1"
    assert heard["a thougth, mended"].edited_at is not None
    assert heard["edited by a reaction only"].edited_at is None
    assert {message.sender_id for message in heard.values()} == {None}, "in a private chat `mine` says it"


async def test_what_destroys_itself_or_is_protected_is_left_out_and_counted(telegram: Telegram) -> None:
    heard = await telegram.heard(NINA)
    assert heard.left_out == Counter({"self-destructing": 3, "protected": 1})
    assert "not to be copied" not in by_text(heard)
    vanishing = types.Message(id=7, peer_id=types.PeerUser(5), date=AT, message="gone tomorrow", ttl_period=86_400)
    assert hear([vanishing], []).left_out == Counter({"self-destructing": 1})


async def test_calls_and_presents_are_talk_and_everything_else_that_happens_is_not(telegram: Telegram) -> None:
    posts = telegram.sandbox.town.boxes[OWNER]
    heard = {message.id: message for message in (await telegram.heard(NINA)).messages}
    happened = {
        heard[i].media: heard[i].service for i in posts.by_peer[NINA] if posts.posts[i].action is not None if i in heard
    }
    assert happened == {
        "[joined telegram]": True,
        "[call 12:34]": False,
        "[call missed]": False,
        "[call busy]": False,
        "[take screenshot]": True,
        "[send payment]": True,
        "[gift]": False,
        "[set messages ttl]": True,
        "[edit chat theme]": True,
        "[pin message]": True,
        "[no forwards toggle]": True,
        "[custom action]": True,
        "[clear history]": True,
    }
    assert all(not message.said and not message.asks for message in heard.values() if message.service)
    assert all(not message.asks for message in heard.values() if (message.media or "").startswith("[call"))
    assert all(message.asks for message in heard.values() if message.text or message.media == "[gift]")


async def test_in_groups_every_message_has_its_sender_and_people_are_known(telegram: Telegram) -> None:
    telegram.sandbox.town.chats[FAMILY].members.append(BOT)
    for sender in (BOT, OTTO):
        telegram.sandbox.deliver(Post(sender, FAMILY, telegram.sandbox.town.clock.now(), f"said by {sender}"))
    heard = await telegram.heard(FAMILY)
    texts = by_text(heard)
    assert texts["who is here?"].mine
    assert (texts["me"].sender_id, texts["me"].mine, texts["me"].reply_to) == (OTTO, False, texts["who is here?"].id)
    people = {person.id: person for person in heard.people}
    assert (people[NINA].name, people[NINA].kind, people[NINA].username) == ("Nina Holt", Kind.PRIVATE, "nina_holt")
    assert people[BOT].kind is Kind.BOT
    assert heard.left_out == Counter({"bots": 1})
    assert f"said by {BOT}" not in texts
    anonymous = by_text(await telegram.heard(CLUB))["the board has decided"]
    assert (anonymous.sender_id, anonymous.mine) == (CLUB, False)


async def test_a_new_title_is_what_happened_and_not_what_was_said(telegram: Telegram) -> None:
    media = [message.media for message in (await telegram.heard(FAMILY)).messages if message.service]
    assert {"[create group: Family]", "[edit group title: Sailing]", "[invite members]", "[score in game]"} <= set(
        media
    )
    title = next(m for m in (await telegram.heard(FAMILY)).messages if m.media == "[edit group title: Sailing]")
    assert masked(title).media == "[edit group title]", "a title is somebody's words"


async def test_messages_stand_in_their_topics_and_only_real_answers_are_replies(telegram: Telegram) -> None:
    heard = await telegram.heard(FORUM)
    texts = by_text(heard)
    begun = {m.media: m.id for m in heard.messages if (m.media or "").startswith("[topic created")}
    assert list(begun) == ["[topic created: Noise]", "[topic created: Garden]", "[topic created: Heating]"]
    asked, answered = texts["about garden: what do we do?"], texts["garden can wait"]
    topic = begun["[topic created: Garden]"]
    assert (asked.topic_id, asked.reply_to) == (topic, None)
    assert (answered.topic_id, answered.reply_to) == (topic, asked.id)
    assert texts["first words in House forum"].topic_id is None


async def test_a_quote_from_another_chat_stays_there(telegram: Telegram) -> None:
    header = types.MessageReplyHeader(
        reply_to_msg_id=3, reply_to_peer_id=types.PeerChannel(9), quote=True, quote_text="secret"
    )
    value = to_message(5, types.Message(id=7, peer_id=types.PeerUser(5), date=AT, message="see", reply_to=header))
    assert value is not None
    assert (value.reply_to, value.quote) == (None, None)


async def test_ones_own_notes_are_ones_own_and_what_was_saved_from_others_is_a_forward(telegram: Telegram) -> None:
    notes = by_text(await telegram.heard(OWNER))
    assert {text: (note.mine, note.forwarded) for text, note in notes.items()} == {
        "buy rope": (True, False),
        "to be kept": (True, True),
        "https://example.org/tides": (True, False),
    }


# --- the list


async def test_the_list_tells_archived_protected_and_migrated_chats_and_what_may_be_kept(telegram: Telegram) -> None:
    dialogs = {each.dialog.id: each.dialog for each in await listing(telegram.client)}
    assert {i for i, dialog in dialogs.items() if dialog.archived} == {OLD_FRIEND, NEWS}
    assert {i for i, dialog in dialogs.items() if dialog.protected} >= {VAULT}
    new = telegram.sandbox.town.chats[MOVED].migrated_to
    assert {i: dialog.migrated_to for i, dialog in dialogs.items() if dialog.migrated_to} == {MOVED: new}
    assert (dialogs[OWNER].kind, dialogs[OWNER].title) == (Kind.SELF, "Saved Messages")
    kept = {i for i, dialog in dialogs.items() if dialog.may_be_kept}
    assert kept == {NINA, OTTO, PIA, STRANGER, SECRETIVE, OLD_FRIEND, OWNER, FAMILY, MOVED, new, LEFT, CLUB, FORUM}


async def test_a_long_list_is_read_in_as_few_pages_as_it_has() -> None:
    from sandbox.crowd import crowd_town

    async with opened(crowd_town(dialogs=203, messages=1)) as sandbox, joining(sandbox) as join:
        client = await join(phone_of(sandbox))
        before = sandbox.journal.calls["GetDialogsRequest"]
        found = await listing(client)
        assert len({each.dialog.id for each in found}) == 203 + 1, "and the service account, which sent the login code"
        assert sandbox.journal.calls["GetDialogsRequest"] - before == 3


async def test_a_folder_holds_what_telegram_shows_in_it(telegram: Telegram) -> None:
    found = await listing(telegram.client)
    rows = await folders(telegram.client)
    now = datetime.now(UTC)
    inside = {name: {dialog.id for dialog in within(row, found, now)} for name, row in rows.items()}
    new = telegram.sandbox.town.chats[MOVED].migrated_to
    assert inside["Chosen"] == {NINA, FORUM, PIA}
    assert inside["Shared"] == {CLUB}
    assert inside["Friends"] >= {NINA, PIA, SECRETIVE}
    assert not inside["Friends"] & {OTTO, OLD_FRIEND, STRANGER}
    assert inside["Groups"] == {FAMILY, MOVED, new, LEFT, FORUM, VAULT}
    assert not any(DIARY in chats or SEALED in chats for chats in inside.values())


def test_a_bot_and_a_channel_that_write_in_a_group_are_no_persons() -> None:
    bot = types.User(9, bot=True, first_name="b")
    channel = types.Channel(9, "News", types.ChatPhotoEmpty(), AT, broadcast=True)
    service = types.User(777000, first_name="Telegram")
    senders = (types.PeerUser(9), types.PeerChannel(9), types.PeerUser(777000))
    raw = [types.Message(n, types.PeerChat(5), AT, "x", from_id=each) for n, each in enumerate(senders)]
    heard = hear(raw, [bot, channel, service])
    assert heard.messages == ()
    assert heard.left_out == Counter({"bots": 1, "channels": 1, "service accounts": 1})
