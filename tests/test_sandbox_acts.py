"""What people do in a chat besides writing, and who learns of it: edits, deletions, reading, typing, drafts, media."""

from collections.abc import AsyncIterator

import pytest
from telethon import errors, events, functions, types

from sandbox.server import Sandbox
from sandbox.small import ALMA, OWNER, small_town
from tests.sandbox_clients import Ears, Join, joining, opened, phone_of


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with opened(small_town()) as running:
        yield running


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


async def test_an_edit_reaches_the_other_side(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    await owner.get_dialogs()
    sent = await owner.send_message(ALMA, "at nien")
    ears = Ears(alma, events.MessageEdited())
    await sent.edit("at nine")
    heard = await ears.next()
    assert heard.raw_text == "at nine"
    assert heard.message.edit_date is not None
    with pytest.raises(errors.MessageNotModifiedError):
        await owner(functions.messages.EditMessageRequest(ALMA, sent.id, message="at nine"))
    (theirs,) = [m for m in await owner.get_messages(ALMA, limit=9) if m.text == sandbox.texts(ALMA)[-2].text]
    with pytest.raises(errors.MessageAuthorRequiredError):
        await owner(functions.messages.EditMessageRequest(ALMA, theirs.id, message="I owe you a car"))


async def test_deleting_takes_a_message_from_both_sides_or_from_one(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    await owner.get_dialogs()
    for_both, for_me = await owner.send_message(ALMA, "wrong chat"), await owner.send_message(ALMA, "clutter")
    ears = Ears(alma, events.MessageDeleted())
    await owner.delete_messages(ALMA, [for_both.id], revoke=True)
    assert len((await ears.next()).deleted_ids) == 1
    await owner.delete_messages(ALMA, [for_me.id], revoke=False)
    mine = [line.text for line in sandbox.texts(ALMA)[-2:]]
    hers = [line.text for line in sandbox.texts(OWNER, viewer=ALMA)[-2:]]
    assert "clutter" in hers
    assert {"clutter", "wrong chat"}.isdisjoint(mine)
    assert "wrong chat" not in hers
    assert [event.kind for event in sandbox.events if event.kind == "delete"] == ["delete", "delete"]


async def test_reading_moves_the_marks_of_both_sides(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    await owner.get_dialogs()
    await alma.get_dialogs()
    last = [await alma.send_message(OWNER, text) for text in ("one", "two")][-1]
    (dialog,) = [d for d in await owner.get_dialogs() if d.id == ALMA]
    assert dialog.unread_count == 2
    ears = Ears(alma, events.MessageRead())
    await owner.send_read_acknowledge(ALMA)
    heard = await ears.next()
    assert (heard.max_id, heard.outbox, heard.chat_id) == (last.id, True, OWNER)
    (dialog,) = [d for d in await owner.get_dialogs() if d.id == ALMA]
    assert dialog.unread_count == 0


async def test_typing_is_seen_by_the_other_side_only(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    await owner.get_dialogs()
    hers, mine = Ears(alma, events.UserUpdate()), Ears(owner, events.UserUpdate())
    async with owner.action(ALMA, "typing"):
        heard = await hers.next()
    assert (heard.user_id, heard.typing) == (OWNER, True)
    await sandbox.typing(ALMA, OWNER)
    assert (await mine.next()).user_id == ALMA
    assert mine.silent
    assert [(e.kind, e.account_id) for e in sandbox.events if e.kind in ("typing", "cancel")] == [
        ("typing", OWNER),
        ("cancel", OWNER),
        ("typing", ALMA),
    ]


async def test_a_draft_is_shown_to_the_own_other_login_and_cleared_by_sending(sandbox: Sandbox, join: Join) -> None:
    phone, laptop = await join(phone_of(sandbox)), await join(phone_of(sandbox))
    await phone.get_dialogs()
    ears = Ears(laptop, events.Raw(types.UpdateDraftMessage))
    peer = await phone.get_input_entity(ALMA)
    await phone(functions.messages.SaveDraftRequest(peer, "shall we say eight"))
    heard = await ears.next()
    assert (heard.peer.user_id, heard.draft.message) == (ALMA, "shall we say eight")
    assert [(d.raw_text, d.entity.id) for d in await laptop.get_drafts()] == [("shall we say eight", ALMA)]
    (dialog,) = [d for d in await phone.get_dialogs() if d.id == ALMA]
    assert dialog.draft.raw_text == "shall we say eight"
    await phone(functions.messages.SendMessageRequest(peer, "shall we say eight", clear_draft=True))
    assert isinstance((await ears.next()).draft, types.DraftMessageEmpty)
    assert await laptop.get_drafts() == []


async def test_a_reaction_is_seen_by_the_other_side(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    sent = await client.send_message(ALMA, "it worked!")
    ears = Ears(client, events.Raw(types.UpdateMessageReactions))
    await sandbox.react(ALMA, sent.id, "👍")
    heard = await ears.next()
    assert (heard.msg_id, heard.reactions.results[0].reaction.emoticon) == (sent.id, "👍")
    peer = await client.get_input_entity(ALMA)
    await client(functions.messages.SendReactionRequest(peer, sent.id, reaction=[types.ReactionEmoji("🎉")]))
    again = await client.get_messages(ALMA, ids=sent.id)
    assert {r.reaction.emoticon for r in again.reactions.results} == {"👍", "🎉"}


async def test_a_photo_and_a_voice_note_can_be_received_and_downloaded(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    ears = Ears(client, events.NewMessage())
    await sandbox.say(ALMA, OWNER, "the lake", media="photo")
    photo = await ears.next()
    assert (photo.raw_text, photo.photo is not None) == ("the lake", True)
    assert len(await client.download_media(photo.message, bytes)) == 2048
    await sandbox.say(ALMA, OWNER, "", media="voice")
    assert (await ears.next()).voice is not None


async def test_group_messages_reach_every_member(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    ears = Ears(alma, events.NewMessage())
    group = next(d for d in await owner.get_dialogs() if d.is_group)
    await owner.send_message(group.input_entity, "rain or not")
    heard = await ears.next()
    assert (heard.is_group, heard.sender_id, heard.raw_text) == (True, OWNER, "rain or not")


async def test_a_client_that_wants_no_updates_is_sent_none(sandbox: Sandbox, join: Join) -> None:
    await join(phone_of(sandbox), receive_updates=False)
    await join(phone_of(sandbox))
    assert [session.wants_updates for session in sandbox.sessions(OWNER)] == [False, True]
