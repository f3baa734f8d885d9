"""The whole life in small, as the real Telethon finds it: every kind of chat, folder and message; and the crowd."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from telethon import TelegramClient, errors, events, functions, types
from telethon.tl.custom import Message

from sandbox import life
from sandbox.crowd import crowd_town
from sandbox.deeds import private_deeds
from sandbox.life import NINA, OWNER, PIA, life_town
from sandbox.media import KINDS
from sandbox.people import SERVICE
from sandbox.server import Sandbox
from tests.sandbox_clients import Ears, Join, joining, opened, phone_of


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with opened(life_town()) as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[TelegramClient]:
    async with joining(sandbox) as join:
        client = await join(phone_of(sandbox))
        await client.get_dialogs()
        yield client


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


async def nina(client: TelegramClient) -> list[Message]:
    """Everything in Nina's chat, oldest first."""
    return [m async for m in client.iter_messages(NINA, reverse=True, wait_time=0)]


async def test_every_kind_of_chat_is_in_the_list_and_every_message_can_be_read(
    sandbox: Sandbox, client: TelegramClient
) -> None:
    dialogs = {dialog.id: dialog for dialog in await client.get_dialogs()}
    moved_to = sandbox.town.chats[life.MOVED].migrated_to
    people = {OWNER, NINA, life.OTTO, PIA, life.STRANGER, life.BOT, life.GONE, life.SCAMMER, life.SECRETIVE}
    groups = {life.FAMILY, life.MOVED, moved_to, life.LEFT, life.CLUB, life.FORUM, life.VAULT}
    channels = {life.NEWS, life.DIARY, life.SEALED}
    assert set(dialogs) == people | groups | channels | {SERVICE, life.OLD_FRIEND}
    assert {i for i, dialog in dialogs.items() if dialog.is_group} == groups
    for peer, dialog in dialogs.items():
        box = sandbox.town.box_of(OWNER, peer)
        assert [m.id async for m in client.iter_messages(dialog.input_entity, wait_time=0)] == box.by_peer[peer][::-1]


async def test_saved_messages_hold_notes_and_what_was_kept(client: TelegramClient) -> None:
    link, kept, note = await client.get_messages("me", limit=None)
    assert [link.text, kept.text, note.text] == ["https://example.org/tides", "to be kept", "buy rope"]
    assert kept.fwd_from.saved_from_peer.user_id == kept.saved_peer_id.user_id == NINA
    assert note.saved_peer_id.user_id == OWNER
    forwarded = await client.forward_messages("me", (await client.get_messages(NINA, limit=1))[0])
    assert (forwarded.fwd_from.from_id.user_id, forwarded.fwd_from.saved_from_peer.user_id) == (OWNER, NINA)


async def test_the_archive_is_a_list_of_its_own_and_one_line_above_the_main_one(client: TelegramClient) -> None:
    archived = {dialog.id for dialog in await client.get_dialogs(archived=True)}
    main = [dialog.id for dialog in await client.get_dialogs(archived=False)]
    assert archived == {life.OLD_FRIEND, life.NEWS}
    assert archived.isdisjoint(main)
    whole = await client.get_dialogs()
    assert {dialog.id for dialog in whole} == archived | set(main)
    assert {dialog.id for dialog in whole if dialog.archived} == archived
    assert main[:2] == [OWNER, PIA]
    assert [dialog.id for dialog in whole if dialog.pinned] == [OWNER, PIA]
    assert PIA not in {dialog.id for dialog in await client.get_dialogs(ignore_pinned=True)}
    pinned = await client(functions.messages.GetPinnedDialogsRequest(folder_id=0))
    assert isinstance(pinned.dialogs[0], types.DialogFolder)
    assert pinned.dialogs[0].top_message in {m.id for m in pinned.messages}
    assert [dialog.peer.user_id for dialog in pinned.dialogs[1:]] == [OWNER, PIA]


async def test_a_chat_moves_into_the_archive_and_out_on_all_logins(
    sandbox: Sandbox, client: TelegramClient, join: Join
) -> None:
    other = await join(phone_of(sandbox))
    ears = Ears(other, events.Raw(types.UpdateFolderPeers))
    await client.edit_folder(NINA, 1)
    assert (await ears.next()).folder_peers[0].folder_id == 1
    assert NINA in {dialog.id for dialog in await client.get_dialogs(archived=True)}
    await client.edit_folder(NINA, 0)
    assert NINA not in {dialog.id for dialog in await client.get_dialogs(archived=True)}


async def test_the_list_pages_on_past_pinned_chats_without_loss() -> None:
    town = crowd_town(dialogs=230, messages=1)
    owner = town.boxes[town.owner_id]
    owner.pinned = [town.owner_id + 100 + 7, town.owner_id + 100 + 200]
    async with opened(town) as sandbox, joining(sandbox) as join:
        client = await join(phone_of(sandbox))
        seen = [dialog.id for dialog in await client.get_dialogs()]
        calls = sandbox.calls["GetDialogsRequest"]
    assert seen[:2] == owner.pinned
    assert Counter(seen) == Counter(list(owner.by_peer))  # the service account wrote too, with the login code
    assert calls == 3


async def test_folders_have_names_rules_and_chats(client: TelegramClient) -> None:
    first, friends, groups, chosen, shared = (await client(functions.messages.GetDialogFiltersRequest())).filters
    assert isinstance(first, types.DialogFilterDefault)
    assert (friends.title.text, friends.contacts, friends.exclude_archived, friends.groups) == (
        "Friends",
        True,
        True,
        False,
    )
    assert [peer.user_id for peer in friends.exclude_peers] == [life.OTTO]
    assert (groups.groups, groups.exclude_muted) == (True, True)
    assert [type(peer).__name__ for peer in chosen.include_peers] == ["InputPeerUser", "InputPeerChannel"]
    assert [(await client.get_entity(peer)).id for peer in chosen.pinned_peers] == [PIA]
    assert isinstance(shared, types.DialogFilterChatlist)
    mine = types.DialogFilter(7, types.TextWithEntities("Mine", []), [], [await client.get_input_entity(NINA)], [])
    assert await client(functions.messages.UpdateDialogFilterRequest(7, mine))
    assert await client(functions.messages.UpdateDialogFilterRequest(2))
    names = [f.title.text for f in (await client(functions.messages.GetDialogFiltersRequest())).filters[1:]]
    assert names == ["Groups", "Chosen", "Shared", "Mine"]


async def test_mute_unread_and_draft_stand_in_the_list(client: TelegramClient) -> None:
    dialogs = {dialog.id: dialog for dialog in await client.get_dialogs()}
    muted = {i for i, d in dialogs.items() if d.dialog.notify_settings.mute_until}
    assert muted == {life.NEWS, life.CLUB}
    assert {i: d.unread_count for i, d in dialogs.items() if d.unread_count} == {life.STRANGER: 1, SERVICE: 1}
    assert dialogs[life.OTTO].draft.raw_text == "shall we"


async def test_protection_is_told_for_chats_for_single_messages_and_for_people(client: TelegramClient) -> None:
    dialogs = {dialog.id: dialog for dialog in await client.get_dialogs()}
    assert {i for i, d in dialogs.items() if getattr(d.entity, "noforwards", False)} == {life.VAULT, life.SEALED}
    single = [m for m in await nina(client) if m.noforwards]
    assert [m.text for m in single] == ["not to be copied"]
    full = (await client(functions.users.GetFullUserRequest(life.SECRETIVE))).full_user
    assert (full.noforwards_my_enabled, full.noforwards_peer_enabled) == (False, True)
    for peer in (life.VAULT, life.SECRETIVE):
        (last,) = await client.get_messages(peer, limit=1)
        with pytest.raises(errors.ChatForwardsRestrictedError):
            await client.forward_messages("me", last)
    with pytest.raises(errors.ChatForwardsRestrictedError):
        await client.forward_messages("me", single)


async def test_every_kind_of_media_arrives_as_what_it_is(client: TelegramClient) -> None:
    messages = await nina(client)
    sent = {m.text.removeprefix("my "): m for m in messages if m.text and m.text.startswith("my ")}
    assert set(sent) == set(KINDS)
    seen = {
        "photo": sent["photo"].photo,
        "voice": sent["voice"].voice,
        "round": sent["round"].video_note,
        "video": sent["video"].video,
        "audio": sent["audio"].audio,
        "file": sent["file"].document,
        "sticker": sent["sticker"].sticker,
        "animation": sent["animation"].gif,
        "poll": sent["poll"].poll,
        "place": sent["place"].geo,
        "live place": sent["live place"].geo,
        "venue": sent["venue"].venue,
        "contact": sent["contact"].contact,
        "dice": sent["dice"].dice,
        "game": sent["game"].game,
        "invoice": sent["invoice"].invoice,
        "web page": sent["web page"].web_preview,
    }
    assert [kind for kind, value in seen.items() if not value] == []
    assert isinstance(sent["story"].media, types.MessageMediaStory)
    assert isinstance(sent["giveaway"].media, types.MessageMediaGiveaway)
    assert sent["file"].file.name == "timetable.pdf"
    assert sent["poll"].poll.poll.question.text == "When do we leave?"
    assert 83 in {m.file.duration for m in messages if m.voice}
    assert {"🙂", "🐌"} == {m.file.emoji for m in messages if m.sticker}
    assert [m.media.ttl_seconds for m in messages if getattr(m.media, "ttl_seconds", None)] == [10, 10, 2**31 - 1]


async def test_origin_album_quote_reactions_and_edits_arrive(client: TelegramClient) -> None:
    messages = await nina(client)
    by_text = {m.raw_text: m for m in messages if m.text}
    assert len({m.id for m in messages if m.grouped_id == 77}) == 3
    assert by_text["look at this"].fwd_from.from_id.user_id == life.OTTO
    assert by_text["and at this"].fwd_from.from_name == "Somebody hidden"
    assert (by_text["news"].fwd_from.from_id.channel_id, by_text["news"].fwd_from.channel_post) == (610_400, 1)
    assert by_text["next ferry 14:10"].via_bot_id == life.BOT
    quoting = by_text["the new one, yes"].reply_to
    assert (quoting.quote, quoting.quote_text, quoting.quote_offset) == (True, "new number", 20)
    assert by_text["it is"].reply_to.reply_to_msg_id == quoting.reply_to_msg_id == messages[0].id
    assert (by_text["what a view"].reply_to.story_id, by_text["what a view"].reply_to.peer.user_id) == (3, NINA)
    assert (by_text["and yours"].reply_to.story_id, by_text["and yours"].reply_to.peer.user_id) == (4, OWNER)
    assert {r.reaction.emoticon: r.count for r in by_text["liked"].reactions.results} == {"❤": 1, "👍": 1}
    assert by_text["a thougth, mended"].edit_date
    assert by_text["edited by a reaction only"].edit_hide
    assert by_text["pinned here"].pinned
    assert by_text["bold, and a name"].entities[1].user_id == OWNER
    gone = by_text["an answer to what is gone"].reply_to.reply_to_msg_id
    assert gone not in {m.id for m in messages}
    assert await client.get_messages(NINA, ids=gone) is None


async def test_service_messages_of_every_kind_arrive_with_what_they_say(client: TelegramClient) -> None:
    actions = [m.action for m in await nina(client) if m.action]
    assert [type(action) for action in actions] == [type(deed) for deed in private_deeds()]
    calls = [action for action in actions if isinstance(action, types.MessageActionPhoneCall)]
    assert [(call.duration, type(call.reason).__name__) for call in calls] == [
        (754, "PhoneCallDiscardReasonHangup"),
        (None, "PhoneCallDiscardReasonMissed"),
        (None, "PhoneCallDiscardReasonBusy"),
    ]
    family = [m.action for m in await client.get_messages(life.FAMILY, limit=None) if m.action]
    assert {type(action) for action in family} >= {
        types.MessageActionChatCreate,
        types.MessageActionChatAddUser,
        types.MessageActionGroupCall,
        types.MessageActionChatDeleteUser,
    }
    left = await client.get_messages(life.LEFT, limit=1)
    assert left[0].action.user_id == OWNER


async def test_an_administrator_may_speak_as_the_group(client: TelegramClient) -> None:
    board = next(m for m in await client.get_messages(life.CLUB, limit=9) if m.text == "the board has decided")
    assert (board.sender_id, board.from_id.channel_id) == (life.CLUB, 610_100)


async def test_search_finds_kinds_of_message_and_what_stands_in_a_topic(
    sandbox: Sandbox, client: TelegramClient
) -> None:
    pinned = await client.get_messages(NINA, filter=types.InputMessagesFilterPinned(), limit=9)
    assert [m.text for m in pinned] == ["pinned here"]
    assert len(await client.get_messages(NINA, filter=types.InputMessagesFilterPhotos, limit=99)) == 6
    topic = sandbox.town.chats[life.FORUM].topics[1]
    found = await client(
        functions.messages.SearchRequest(
            peer=await client.get_input_entity(life.FORUM),
            q="",
            filter=types.InputMessagesFilterEmpty(),
            min_date=None,
            max_date=None,
            offset_id=0,
            add_offset=0,
            limit=10,
            max_id=0,
            min_id=0,
            hash=0,
            top_msg_id=topic.id,
        )
    )
    assert [m.message for m in found.messages] == ["garden can wait", "about garden: what do we do?"]


async def test_a_crowd_of_thirty_thousand_messages_is_pulled_without_loss() -> None:
    town = crowd_town()
    assert town.boxes[town.owner_id].top == 30_000
    again = crowd_town(dialogs=1, messages=40)
    (contact,) = again.contacts
    assert len(again.contacts) == 1
    async with opened(town) as sandbox, joining(sandbox) as join:
        client = await join(phone_of(sandbox))
        await client.get_dialogs()
        pulled = [m.text async for m in client.iter_messages(contact.id, wait_time=0)]
        assert pulled[::-1] == [line.text for line in sandbox.texts(contact.id)]
        assert len(set(pulled)) == 1_500
