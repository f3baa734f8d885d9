"""Chats in the sandbox, seen by the real Telethon: the list, history, sending, and what other logins learn."""

from collections.abc import AsyncIterator

import pytest
from telethon import errors, events, functions, types

from sandbox.people import SERVICE
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, CARLA, OWNER, small_town
from tests.sandbox_clients import Ears, Join, joining, opened, phone_of


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with opened(small_town()) as running:
        yield running


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


async def test_the_list_has_people_and_everything_that_is_not_one(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    dialogs = {dialog.id: dialog for dialog in await client.get_dialogs()}
    assert {ALMA, BRUNO, CARLA, SERVICE} < set(dialogs)
    assert [d.title for d in dialogs.values() if d.is_channel] == ["Harbour news"]
    assert [d.title for d in dialogs.values() if d.is_group] == ["Sunday hike"]
    assert sum(getattr(d.entity, "bot", False) or False for d in dialogs.values()) == 1
    assert sum(getattr(d.entity, "deleted", False) or False for d in dialogs.values()) == 1
    assert dialogs[ALMA].message.text == sandbox.texts(ALMA)[-1].text


async def test_the_list_comes_in_pages_without_loss(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    whole = [dialog.id for dialog in await client.get_dialogs()]
    offset: dict[str, object] = {"offset_date": None, "offset_id": 0, "offset_peer": types.InputPeerEmpty()}
    paged: list[int] = []
    while True:
        page = await client(functions.messages.GetDialogsRequest(**offset, limit=3, hash=0))
        if not page.dialogs:
            break
        assert page.count == len(whole)
        paged += [_marked(dialog.peer) for dialog in page.dialogs]
        last = page.dialogs[-1]
        top = next(m for m in page.messages if m.id == last.top_message and m.peer_id == last.peer)
        peer = await client.get_input_entity(last.peer)
        offset = {"offset_date": top.date, "offset_id": top.id, "offset_peer": peer}
    assert paged == whole


async def test_full_history_equals_the_towns(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    pulled = [m async for m in client.iter_messages(ALMA, wait_time=0)]
    said = sandbox.texts(ALMA)
    assert len(said) == 130
    assert [(m.out, m.text, m.date) for m in reversed(pulled)] == [(x.mine, x.text, x.at) for x in said]


async def test_history_from_an_id_from_the_old_end_and_from_a_date(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    ids = [m.id for m in await client.get_messages(ALMA, limit=None, wait_time=0)]
    newer = [m.id for m in await client.get_messages(ALMA, limit=None, min_id=ids[7], wait_time=0)]
    assert newer == ids[:7]
    upwards = [m.id async for m in client.iter_messages(ALMA, reverse=True, wait_time=0)]
    assert upwards == ids[::-1]
    middle = sandbox.texts(ALMA)[60].at
    before = await client.get_messages(ALMA, limit=5, offset_date=middle)
    assert [m.text for m in before] == [line.text for line in sandbox.texts(ALMA)[55:60]][::-1]


async def test_messages_by_id_keep_their_places(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    first, second = await client.get_messages(ALMA, limit=2)
    found = await client.get_messages(ALMA, ids=[second.id, 99_999, first.id])
    assert [m and m.text for m in found] == [second.text, None, first.text]


async def test_group_and_channel_history_can_be_fetched(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    for dialog in await client.get_dialogs():
        if dialog.is_group:
            group = await client.get_messages(dialog.input_entity, limit=None)
        elif dialog.is_channel:
            channel = await client.get_messages(dialog.input_entity, limit=None)
    assert [m.text for m in group][:3] == ["count me in", "me!", "who is coming on sunday?"]
    assert isinstance(group[-1].action, types.MessageActionChatCreate)
    assert [m.sender_id for m in group][:3] == [OWNER, BRUNO, ALMA]
    assert all(m.post for m in channel)
    assert len(channel) == 2


async def test_search_finds_words_in_one_chat(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    found = await client.get_messages(BRUNO, search="LAKE", limit=50)
    assert [m.text for m in reversed(found)] == [x.text for x in sandbox.texts(BRUNO) if "lake" in x.text]


async def test_people_are_found_by_name_number_and_id(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    assert (await client.get_entity("@alma_reyes")).id == ALMA
    contacts = (await client(functions.contacts.GetContactsRequest(hash=0))).users
    assert [user.id for user in contacts] == [ALMA, BRUNO, CARLA]
    full = await client(functions.users.GetFullUserRequest(ALMA))
    assert full.full_user.about == "gardens and long walks"
    resolved = await client(functions.contacts.ResolvePhoneRequest("15550100102"))
    assert resolved.peer.user_id == BRUNO
    with pytest.raises(errors.UsernameNotOccupiedError):
        await client(functions.contacts.ResolveUsernameRequest("nobody_here"))


async def test_an_access_hash_of_somebody_else_opens_nothing(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    stolen = types.InputPeerUser(ALMA, sandbox.town.access_hash(BRUNO, ALMA))
    with pytest.raises(errors.PeerIdInvalidError):
        await client(functions.messages.SendMessageRequest(stolen, "hello"))
    assert [row for row in sandbox.log if row.sender_id == OWNER] == []


async def test_a_sent_message_arrives_once_under_each_sides_own_id(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    ears = Ears(alma, events.NewMessage())
    await owner.get_dialogs()
    sent = await owner.send_message(ALMA, "see you at **nine**")
    heard = await ears.next()
    assert (heard.raw_text, heard.sender_id, heard.out) == ("see you at nine", OWNER, False)
    assert isinstance(heard.message.entities[0], types.MessageEntityBold)
    (row,) = [row for row in sandbox.log if row.sender_id == OWNER]
    assert (row.message_id, row.peer_id, row.text) == (sent.id, ALMA, "see you at nine")
    assert heard.id != sent.id
    assert row.via_session is not None


async def test_a_random_id_is_good_for_one_message(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox), request_retries=0, raise_last_call_error=True)
    other = await join(phone_of(sandbox), request_retries=0, raise_last_call_error=True)
    await client.get_dialogs()
    await other.get_dialogs()
    peer = await client.get_input_entity(ALMA)
    await client(functions.messages.SendMessageRequest(peer, "once", random_id=4711))
    with pytest.raises(errors.RandomIdDuplicateError):
        await other(functions.messages.SendMessageRequest(peer, "once", random_id=4711))
    assert [row.text for row in sandbox.log if row.random_id == 4711] == ["once"]


async def test_an_empty_a_too_long_and_a_message_to_the_dead_are_refused(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    dialogs = await client.get_dialogs()
    alma = await client.get_input_entity(ALMA)
    gone = next(d.input_entity for d in dialogs if getattr(d.entity, "deleted", False))
    news = next(d.input_entity for d in dialogs if d.is_channel)
    for peer, text, error in (
        (alma, " ", errors.MessageEmptyError),
        (alma, "x" * 4097, errors.MessageTooLongError),
        (gone, "hello?", errors.InputUserDeactivatedError),
        (news, "hello?", errors.ChatWriteForbiddenError),
    ):
        with pytest.raises(error):
            await client(functions.messages.SendMessageRequest(peer, text))


async def test_a_reply_points_at_the_right_message_on_both_sides(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    ears = Ears(alma, events.NewMessage())
    await owner.get_dialogs()
    (last,) = await owner.get_messages(ALMA, limit=1)
    await owner.send_message(ALMA, "to that: yes", reply_to=last.id)
    heard = await ears.next()
    assert (await heard.get_reply_message()).text == last.text


async def test_two_logins_see_each_others_messages(sandbox: Sandbox, join: Join) -> None:
    phone, laptop = await join(phone_of(sandbox)), await join(phone_of(sandbox))
    on_phone, on_laptop = Ears(phone, events.NewMessage()), Ears(laptop, events.NewMessage())
    await phone.get_dialogs()
    sent = await phone.send_message(ALMA, "from the phone")
    heard = await on_laptop.next()
    assert (heard.id, heard.out, heard.chat_id, heard.raw_text) == (sent.id, True, ALMA, "from the phone")
    await sandbox.say(ALMA, OWNER, "hi both")
    assert (await on_phone.next()).raw_text == (await on_laptop.next()).raw_text == "hi both"


async def test_saved_messages_are_a_chat_with_oneself(sandbox: Sandbox, join: Join) -> None:
    phone, laptop = await join(phone_of(sandbox)), await join(phone_of(sandbox))
    ears = Ears(laptop, events.NewMessage())
    await phone.send_message("me", "note to self")
    heard = await ears.next()
    assert (heard.chat_id, heard.out, heard.raw_text) == (OWNER, True, "note to self")
    assert [m.text for m in await laptop.get_messages("me", limit=5)] == ["note to self"]


def _marked(peer: types.PeerUser | types.PeerChat | types.PeerChannel) -> int:
    from telethon import utils

    return int(utils.get_peer_id(peer))
