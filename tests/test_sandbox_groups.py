"""Groups of every kind in the sandbox, as the real Telethon finds them: basic, super, with topics, migrated."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from telethon import errors, events, functions, types
from telethon.sessions import SQLiteSession

from sandbox import membership
from sandbox.box import Post
from sandbox.furniture import CHANNEL, GROUP
from sandbox.people import Chat, channel_id
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, CARLA, OWNER, small_town
from sandbox.topic import GENERAL
from sandbox.town import Town
from tests.sandbox_clients import Ears, Join, joining, opened, phone_of

CLUB, FORUM = channel_id(700_100), channel_id(700_200)


def town_with_groups() -> Town:
    """The small town with a supergroup of 30 messages and a forum of two topics besides General."""
    town = small_town()
    founded = town.clock.start - timedelta(days=20)
    town.found(Chat(CLUB, "Boat club", founded, ALMA, [OWNER, ALMA, BRUNO], megagroup=True, admins={BRUNO}))
    forum = town.found(Chat(FORUM, "Street party", founded, OWNER, [OWNER, ALMA, BRUNO], megagroup=True, forum=True))
    said = [Post(ALMA, CLUB, founded, "", action=types.MessageActionChannelCreate("Boat club"))]
    for number in range(29):
        sender = (OWNER, ALMA, BRUNO)[number % 3]
        said.append(Post(sender, CLUB, founded + timedelta(minutes=number + 1), f"ahoy {number}"))
    said.append(Post(OWNER, FORUM, founded, "", action=types.MessageActionChannelCreate("Street party")))
    cake = forum.begin_topic("Cake", ALMA, founded + timedelta(minutes=1))
    music = forum.begin_topic("Music", BRUNO, founded + timedelta(minutes=2))
    asked = Post(ALMA, FORUM, founded + timedelta(minutes=3), "who bakes?", topic=cake)
    said += [cake, music, asked]
    said.append(Post(OWNER, FORUM, founded + timedelta(minutes=4), "me!", topic=cake, reply_to=asked))
    said.append(Post(BRUNO, FORUM, founded + timedelta(minutes=5), "no drums please", topic=music))
    said.append(Post(BRUNO, FORUM, founded + timedelta(minutes=6), "so excited"))
    town.remember(said)
    return town


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with opened(town_with_groups()) as running:
        yield running


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


async def test_a_supergroup_counts_its_messages_and_changes_by_itself(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    dialogs = {dialog.id: dialog for dialog in await client.get_dialogs()}
    club = dialogs[CLUB]
    assert (club.is_group, club.is_channel, club.entity.megagroup, club.entity.broadcast) == (True, True, True, False)
    assert club.dialog.pts == sandbox.town.boxes[CLUB].pts > 1
    assert dialogs[ALMA].dialog.pts is None
    pulled = await client.get_messages(CLUB, limit=None, wait_time=0)
    assert [m.id for m in pulled] == list(range(30, 0, -1))
    assert {m.sender_id for m in pulled} == {OWNER, ALMA, BRUNO}
    assert [m.out for m in pulled[:3]] == [False, True, False]
    assert not any(m.post for m in pulled)
    account = (await client(functions.updates.GetStateRequest())).pts
    await sandbox.say(ALMA, CLUB, "one more")
    assert (await client(functions.updates.GetStateRequest())).pts == account
    found = await client.get_messages(CLUB, ids=[31, 999, 2])
    assert [m and m.text for m in found] == ["one more", None, "ahoy 0"]


async def test_a_basic_group_shares_the_ids_of_private_chats(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    first = await sandbox.say(ALMA, OWNER, "to you")
    second = await sandbox.say(BRUNO, GROUP, "to all")
    third = await sandbox.say(ALMA, OWNER, "to you again")
    assert [second, third] == [first + 1, first + 2]
    (last,) = await client.get_messages(GROUP, limit=1)
    assert (last.id, last.sender_id, last.text) == (second, BRUNO, "to all")


async def test_members_are_listed_in_groups_of_both_kinds(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    basic = {user.id: user.participant for user in await client.get_participants(GROUP)}
    assert set(basic) == {OWNER, ALMA, BRUNO}
    assert isinstance(basic[ALMA], types.ChatParticipantCreator)
    large = {user.id: user.participant for user in await client.get_participants(CLUB)}
    assert isinstance(large[ALMA], types.ChannelParticipantCreator)
    assert isinstance(large[BRUNO], types.ChannelParticipantAdmin)
    assert isinstance(large[OWNER], types.ChannelParticipantSelf)
    assert [user.id for user in await client.get_participants(CLUB, search="alm")] == [ALMA]
    admins = await client.get_participants(CLUB, filter=types.ChannelParticipantsAdmins())
    assert {user.id for user in admins} == {ALMA, BRUNO}
    full = await client(functions.channels.GetFullChannelRequest(CLUB))
    assert (full.full_chat.participants_count, full.full_chat.unread_count) == (3, 0)
    with pytest.raises(errors.ChatAdminRequiredError):
        await client.get_participants(CHANNEL)


async def test_messages_of_a_topic_say_so_and_general_ones_do_not(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    dialogs = {dialog.id: dialog for dialog in await client.get_dialogs()}
    assert dialogs[FORUM].entity.forum
    by_text = {m.text or type(m.action).__name__: m for m in await client.get_messages(FORUM, limit=20)}
    asked, answered, excited = by_text["who bakes?"], by_text["me!"], by_text["so excited"]
    cake = 2
    assert (asked.reply_to.forum_topic, asked.reply_to.reply_to_msg_id, asked.reply_to.reply_to_top_id) == (
        True,
        cake,
        None,
    )
    assert (answered.reply_to.reply_to_msg_id, answered.reply_to.reply_to_top_id) == (asked.id, cake)
    assert excited.reply_to is None
    assert by_text["MessageActionTopicCreate"].reply_to is None


async def test_topics_are_listed_in_pages_newest_first(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    peer = await client.get_input_entity(FORUM)
    whole = await client(functions.messages.GetForumTopicsRequest(peer, None, 0, 0, 100))
    assert [topic.title for topic in whole.topics] == ["General", "Music", "Cake"]
    assert whole.count == 3
    assert {m.id for m in whole.messages} == {topic.top_message for topic in whole.topics}
    assert (whole.topics[0].id, whole.topics[2].my, whole.topics[0].my) == (GENERAL, False, True)
    first = await client(functions.messages.GetForumTopicsRequest(peer, None, 0, 0, 1))
    (top,) = first.topics
    date = next(m.date for m in first.messages if m.id == top.top_message)
    rest = await client(functions.messages.GetForumTopicsRequest(peer, date, top.top_message, top.id, 100))
    assert [topic.title for topic in rest.topics] == ["Music", "Cake"]
    picked = await client(functions.messages.GetForumTopicsByIDRequest(peer, [2, 77]))
    assert [type(topic).__name__ for topic in picked.topics] == ["ForumTopic", "ForumTopicDeleted"]


async def test_a_topic_can_be_read_alone_written_into_renamed_and_opened(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    ears = Ears(client, events.NewMessage())
    assert [m.text async for m in client.iter_messages(FORUM, reply_to=2)] == ["me!", "who bakes?"]
    assert [m.text async for m in client.iter_messages(FORUM, reply_to=GENERAL)] == ["so excited"]
    sent = await client.send_message(FORUM, "apple or plum?", reply_to=2)
    assert (sent.reply_to.forum_topic, sent.reply_to.reply_to_msg_id) == (True, 2)
    forum = sandbox.town.chats[FORUM]
    await sandbox.say(ALMA, FORUM, "plum", reply_to=sent.id)
    heard = await ears.next()
    assert (heard.message.reply_to.reply_to_top_id, heard.message.mentioned) == (2, True)
    membership.change_topic(sandbox, forum, forum.topics[0], ALMA, title="Cakes and pies")
    opened_post, _ = membership.open_topic(sandbox, forum, BRUNO, "Lights")
    peer = await client.get_input_entity(FORUM)
    await client(functions.messages.CreateForumTopicRequest(peer, "Chairs"))
    topics = (await client(functions.messages.GetForumTopicsRequest(peer, None, 0, 0, 100))).topics
    assert [topic.title for topic in topics] == ["Chairs", "Lights", "Cakes and pies", "General", "Music"]
    (edit,) = [
        m for m in await client.get_messages(FORUM, limit=5) if isinstance(m.action, types.MessageActionTopicEdit)
    ]
    assert (edit.reply_to.reply_to_msg_id, opened_post.ids[FORUM] > edit.id) == (2, True)


async def test_a_migrated_group_is_read_under_its_old_id_and_goes_on_under_the_new_one(
    sandbox: Sandbox, join: Join
) -> None:
    client = await join(phone_of(sandbox))
    before = await client.get_dialogs()
    assert GROUP in {dialog.id for dialog in before}
    new = membership.migrate(sandbox, sandbox.town.chats[GROUP])
    await sandbox.say(ALMA, new.id, "the new place")
    dialogs = {dialog.id: dialog for dialog in await client.get_dialogs()}
    old = dialogs[GROUP].entity
    assert (old.deactivated, old.migrated_to.channel_id) == (True, new.bare_id)
    assert GROUP not in {dialog.id for dialog in await client.get_dialogs(ignore_migrated=True)}
    history = await client.get_messages(GROUP, limit=None)
    assert [m.text for m in history][1:4] == ["count me in", "me!", "who is coming on sunday?"]
    assert history[0].action.channel_id == new.bare_id
    moved = await client.get_messages(new.id, limit=None)
    assert [m.id for m in moved] == [2, 1]
    assert moved[1].action.chat_id == -GROUP
    full = (await client(functions.channels.GetFullChannelRequest(new.id))).full_chat
    assert (full.migrated_from_chat_id, full.migrated_from_max_id) == (-GROUP, history[0].id)
    with pytest.raises(errors.ChatWriteForbiddenError):
        await client.send_message(GROUP, "anybody here?")


async def test_names_and_answers_mention_the_one_they_mean(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    mine = await client.send_message(CLUB, "rain?")
    await sandbox.say(ALMA, CLUB, "no", reply_to=mine.id)
    await sandbox.say(BRUNO, CLUB, "ask @robin_vale again")
    await sandbox.say(BRUNO, CLUB, "ask @alma_reyes")
    assert [m.mentioned for m in await client.get_messages(CLUB, limit=4)] == [False, True, True, False]
    answer = (await client.get_messages(CLUB, limit=3))[2]
    assert (await answer.get_reply_message()).text == "rain?"


async def test_an_answer_may_stand_in_another_chat_than_what_it_answers(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    asked = sandbox.post(await sandbox.say(BRUNO, GROUP, "can anybody drive?"))
    answer = sandbox.deliver(Post(ALMA, OWNER, sandbox.town.clock.now(), "he means you", reply_to=asked))
    header = (await client.get_messages(ALMA, ids=answer)).reply_to
    assert (header.reply_to_msg_id, header.reply_to_peer_id.chat_id) == (asked.ids[OWNER], -GROUP)
    assert header.reply_from.from_id.user_id == BRUNO


async def test_who_joins_and_leaves_and_what_changes_is_announced(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    group = sandbox.town.chats[GROUP]
    membership.add(sandbox, group, CARLA, ALMA)
    membership.rename(sandbox, group, "Sunday swim", ALMA)
    said = sandbox.post(await sandbox.say(CARLA, GROUP, "hi"))
    membership.pin(sandbox, group, said, ALMA)
    membership.remove(sandbox, group, BRUNO, BRUNO)
    newest = await client.get_messages(GROUP, limit=5)
    names = [type(m.action).__name__.removeprefix("MessageAction") for m in newest]
    assert names == ["ChatDeleteUser", "PinMessage", "NoneType", "ChatEditTitle", "ChatAddUser"]
    assert (newest[2].pinned, newest[1].reply_to.reply_to_msg_id, newest[2].id) == (True, newest[2].id, newest[2].id)
    assert {user.id for user in await client.get_participants(GROUP)} == {OWNER, ALMA, CARLA}
    membership.remove(sandbox, group, OWNER, ALMA)
    (dialog,) = [d for d in await client.get_dialogs() if d.id == GROUP]
    assert (dialog.title, dialog.entity.left) == ("Sunday swim", True)
    assert (await client.get_messages(GROUP, limit=1))[0].action.user_id == OWNER
    assert await client.get_participants(GROUP) == []


async def test_in_a_supergroup_deletions_name_the_channel_and_reading_is_shown(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    await owner.get_dialogs()
    await alma.get_dialogs()
    sent = await owner.send_message(CLUB, "wrong club")
    gone, seen = Ears(owner, events.MessageDeleted()), Ears(owner, events.Raw(types.UpdateReadChannelOutbox))
    await alma.send_read_acknowledge(CLUB)
    assert (await seen.next()).max_id == sent.id
    await alma.delete_messages(CLUB, [sent.id])
    heard = await gone.next()
    assert (heard.deleted_ids, heard.chat_id) == ([sent.id], CLUB)
    hers = next(m for m in await owner.get_messages(CLUB, limit=5) if m.sender_id == ALMA)
    with pytest.raises(errors.MessageDeleteForbiddenError):
        await owner.delete_messages(CLUB, [hers.id])


async def test_a_client_that_was_away_catches_up_in_a_supergroup(sandbox: Sandbox, join: Join, tmp_path: Path) -> None:
    file = str(tmp_path / "account")
    first = await join(phone_of(sandbox), session=SQLiteSession(file))
    await first.get_dialogs()
    await first.disconnect()
    first.session.close()
    sandbox.town.clock.advance(5)
    said = [f"while you were out {number}" for number in range(150)]
    for text in said:
        await sandbox.say(BRUNO, CLUB, text)
    again = await join(session=SQLiteSession(file), catch_up=True)
    ears = Ears(again, events.NewMessage(chats=CLUB))
    assert await ears.texts(len(said)) == said
    assert sandbox.calls["GetChannelDifferenceRequest"] == 2


async def test_a_channel_difference_holds_edits_and_deletions_or_is_too_long(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    club = next(d for d in await client.get_dialogs() if d.id == CLUB)
    channel = await client.get_input_entity(CLUB)
    kept = await sandbox.say(ALMA, CLUB, "kept")
    gone = await sandbox.say(ALMA, CLUB, "gone")
    await sandbox.edit(5, "ahoy, edited", peer_id=CLUB)
    await sandbox.unsend(gone, peer_id=CLUB)

    def asked(pts: int) -> functions.updates.GetChannelDifferenceRequest:
        return functions.updates.GetChannelDifferenceRequest(channel, types.ChannelMessagesFilterEmpty(), pts, 100)

    missed = await client(asked(club.dialog.pts))
    assert [m.id for m in missed.new_messages] == [kept]
    names = [type(update).__name__ for update in missed.other_updates]
    assert names == ["UpdateEditChannelMessage", "UpdateDeleteChannelMessages"]
    assert (missed.final, missed.pts) == (True, club.dialog.pts + 4)
    assert isinstance(await client(asked(missed.pts)), types.updates.ChannelDifferenceEmpty)
    sandbox.limits.channel_difference = 3
    late = await client(asked(club.dialog.pts))
    assert isinstance(late, types.updates.ChannelDifferenceTooLong)
    assert (late.dialog.pts, late.messages[0].id) == (missed.pts, kept)


async def test_nobody_reads_a_private_supergroup_from_outside(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox, CARLA))
    hash_ = sandbox.town.access_hash(CARLA, CLUB)
    with pytest.raises(errors.ChannelPrivateError):
        await client.get_messages(types.InputPeerChannel(700_100, hash_), limit=1)
