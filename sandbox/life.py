"""A whole life in small: one of each kind of chat that an account can have, and one of each kind of message."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from telethon.tl import types

from sandbox import media
from sandbox.box import Draft, Post
from sandbox.clock import Clock
from sandbox.deeds import group_deeds, private_deeds
from sandbox.folder import Folder
from sandbox.people import SERVICE, Account, Chat, channel_id
from sandbox.town import Town

OWNER = 400_001
NINA, OTTO, PIA, STRANGER, BOT, GONE, SCAMMER, SECRETIVE, OLD_FRIEND = range(400_101, 400_110)
FAMILY, MOVED, LEFT = -510_100, -510_200, -510_300
CLUB, FORUM, VAULT, NEWS, DIARY, SEALED = (channel_id(610_100 + 100 * n) for n in range(6))
FRIENDS, GROUPS, CHOSEN, SHARED = range(2, 6)
"""The owner's folders."""


def life_town(clock: Clock | None = None, *, seed: int = 0) -> Town:
    """The town. In Nina's chat stands a message of each kind; every other chat is of a kind of its own."""
    town = Town(clock=clock or Clock(), seed=seed, owner_id=OWNER)
    _people(town)
    _chats(town)
    said = _Past(town.clock.start - timedelta(days=30))
    _everything_that_is_said(said)
    _private_chats(said)
    _groups(town, said)
    town.remember(said.posts)
    for post in said.posts:
        if post.text == "deleted by now":
            for owner in list(post.ids):
                town.boxes[owner].remove(post.ids[owner])
    _order(town)
    return town


class _Past:
    """What was said, a minute apart."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.posts: list[Post] = []

    def say(self, sender: int, peer: int, text: str = "", **more: Any) -> Post:
        self.at += timedelta(minutes=1)
        self.posts.append(Post(sender, peer, self.at, text, **more))
        return self.posts[-1]


def _people(town: Town) -> None:
    town.add(Account(OWNER, "Mika", "Sund", "mika_sund", "15550400001"))
    town.add(Account(NINA, "Nina", "Holt", "nina_holt", "15550400101"))
    town.add(Account(OTTO, "Otto", "Brand", None, "15550400102"))
    town.add(Account(PIA, "Pia", "Lund", "pia_lund", "15550400103"))
    town.add(Account(STRANGER, "Kim", username="kim_by_the_sea", phone="15550400104"))
    town.add(Account(BOT, "Ferry times", username="ferry_times_bot", bot=True))
    town.add(Account(GONE, deleted=True))
    town.add(Account(SCAMMER, "Support desk", username="support_desk_4", scam=True))
    town.add(Account(SECRETIVE, "Vera", "Stein", "vera_stein", "15550400108", protects={OWNER}))
    town.add(Account(OLD_FRIEND, "Ole", "Rask", "ole_rask", "15550400109"))
    for contact in (NINA, OTTO, PIA, SECRETIVE, OLD_FRIEND):
        town.befriend(OWNER, contact)


def _chats(town: Town) -> None:
    at = town.clock.start - timedelta(days=60)
    friends = [OWNER, NINA, OTTO, PIA]
    town.found(Chat(FAMILY, "Family", at, NINA, list(friends)))
    town.found(Chat(MOVED, "Moving crew", at, OTTO, list(friends)))
    town.found(Chat(LEFT, "Old flat", at, OTTO, [NINA, OTTO]))
    town.found(Chat(CLUB, "Rowing club", at, NINA, [*friends, STRANGER], megagroup=True, admins={PIA}))
    town.found(Chat(FORUM, "House forum", at, OWNER, list(friends), megagroup=True, forum=True))
    town.found(Chat(VAULT, "Closed circle", at, PIA, list(friends), megagroup=True, protected=True))
    town.found(Chat(NEWS, "Island news", at, SERVICE, [OWNER, NINA], broadcast=True, username="island_news"))
    town.found(Chat(DIARY, "Mika writes", at, OWNER, [OWNER, NINA], broadcast=True))
    town.found(Chat(SEALED, "Members only", at, SERVICE, [OWNER], broadcast=True, protected=True))


def _everything_that_is_said(said: _Past) -> None:
    """In the chat with Nina: every kind of media, of origin and of service message."""
    first = said.say(NINA, OWNER, "hello! is this your new number?")
    said.say(OWNER, NINA, "it is", reply_to=first)
    said.say(OWNER, NINA, "what a view", story=3)
    said.say(NINA, OWNER, "and yours", story=4)
    said.say(OWNER, NINA, "the new one, yes", reply_to=first, quote="new number")
    for kind in media.KINDS:
        said.say(NINA, OWNER, media=kind)
        said.say(OWNER, NINA, f"my {kind}", media=kind)
    said.say(NINA, OWNER, media=partial(media.photo, ttl=10))
    said.say(NINA, OWNER, media=partial(media.video, ttl=10))
    said.say(NINA, OWNER, media=partial(media.voice, ttl=2**31 - 1))
    said.say(NINA, OWNER, media=partial(media.voice, seconds=83))
    said.say(NINA, OWNER, media=partial(media.sticker, emoji="🐌"))
    for number in range(3):
        said.say(NINA, OWNER, "three of the lake" if not number else f"lake {number}", media="photo", album=77)
    said.say(NINA, OWNER, "look at this", forward=_from(types.PeerUser(OTTO), said.at))
    said.say(NINA, OWNER, "and at this", forward=types.MessageFwdHeader(said.at, from_name="Somebody hidden"))
    said.say(NINA, OWNER, "news", forward=_from(types.PeerChannel(610_400), said.at, channel_post=1))
    said.say(OWNER, NINA, "passed on by me", forward=_from(types.PeerUser(PIA), said.at))
    said.say(NINA, OWNER, "next ferry 14:10", via_bot=BOT)
    said.say(NINA, OWNER, "not to be copied", protected=True)
    said.say(NINA, OWNER, "a thougth, mended", edited_at=said.at + timedelta(hours=1))
    said.say(OWNER, NINA, "liked", reactions={NINA: "❤", OWNER: "👍"})
    said.say(OWNER, NINA, "edited by a reaction only", edited_at=said.at, edit_hidden=True)
    said.say(NINA, OWNER, "pinned here", pinned=True)
    bold = types.MessageEntityBold(0, 4)
    said.say(NINA, OWNER, "bold, and a name", entities=[bold, types.MessageEntityMentionName(12, 4, OWNER)])
    gone = said.say(NINA, OWNER, "deleted by now")
    said.say(OWNER, NINA, "an answer to what is gone", reply_to=gone)
    for number, action in enumerate(private_deeds()):
        sender, peer = (NINA, OWNER) if number % 2 else (OWNER, NINA)
        said.say(sender, peer, action=action)
    said.say(NINA, OWNER, "see you on friday")
    said.say(OWNER, NINA, "see you!")


def _from(peer: Any, at: datetime, **more: Any) -> types.MessageFwdHeader:
    return types.MessageFwdHeader(date=at - timedelta(days=1), from_id=peer, **more)


def _private_chats(said: _Past) -> None:
    for other in (OTTO, PIA, STRANGER, GONE, SECRETIVE, OLD_FRIEND):
        for number in range(4):
            sender, peer = (OWNER, other) if number % 2 else (other, OWNER)
            said.say(sender, peer, f"line {number} with {other}")
    said.say(STRANGER, OWNER, "not read yet")
    said.say(SERVICE, OWNER, "Login code: 00000. Do not give this code to anyone!")
    said.say(OWNER, BOT, "/start")
    said.say(BOT, OWNER, "Which harbour?")
    said.say(SCAMMER, OWNER, "Your account is in danger, send us the code")
    said.say(OWNER, OWNER, "buy rope")
    saved = types.MessageFwdHeader(
        said.at, from_id=types.PeerUser(NINA), saved_from_peer=types.PeerUser(NINA), saved_from_msg_id=1
    )
    said.say(OWNER, OWNER, "to be kept", forward=saved)
    said.say(OWNER, OWNER, "https://example.org/tides", media="web page")


def _groups(town: Town, said: _Past) -> None:
    for group, title in ((FAMILY, "Family"), (MOVED, "Moving crew"), (LEFT, "Old flat")):
        chat = town.chats[group]
        if group == LEFT:
            chat.members.append(OWNER)
        said.say(chat.creator, group, action=types.MessageActionChatCreate(title, list(chat.members)))
        said.say(NINA, group, f"welcome to {title}, @mika_sund")
        asked = said.say(OWNER, group, "who is here?")
        said.say(OTTO, group, "me", reply_to=asked)
    for action in group_deeds(PIA):
        said.say(NINA, FAMILY, action=action)
    said.say(OTTO, LEFT, action=types.MessageActionChatDeleteUser(OWNER))
    said.at += timedelta(minutes=1)
    said.posts += town.migrate(town.chats[MOVED], said.at)
    said.say(PIA, town.chats[MOVED].migrated_to or 0, "so this is the new place")
    for chat in (town.chats[peer] for peer in (CLUB, FORUM, VAULT, NEWS, DIARY, SEALED)):
        said.say(chat.creator, chat.id, action=types.MessageActionChannelCreate(chat.title))
        said.say(chat.creator, chat.id, f"first words in {chat.title}", reactions={NINA: "🔥"})
    said.say(OTTO, CLUB, "regatta on saturday")
    said.say(CLUB, CLUB, "the board has decided")  # an administrator who does not show who it is
    said.say(OWNER, CLUB, "I am in", media="voice")
    said.say(PIA, VAULT, "stays among us")
    _topics(town.chats[FORUM], said)


def _topics(forum: Chat, said: _Past) -> None:
    for title in ("Heating", "Garden", "Noise"):
        said.at += timedelta(minutes=1)
        topic = forum.begin_topic(title, OTTO, said.at)
        said.posts.append(topic)
        asked = said.say(OTTO, forum.id, f"about {title.lower()}: what do we do?", topic=topic)
        said.say(OWNER, forum.id, f"{title.lower()} can wait", topic=topic, reply_to=asked)
    renamed = forum.topics[-1]
    renamed.title, renamed.closed = "Noise at night", True
    edit = types.MessageActionTopicEdit(title=renamed.title, closed=True)
    said.say(OTTO, forum.id, action=edit, topic=renamed.start, reply_to=renamed.start)
    forum.topics[0].pinned = True


def _order(town: Town) -> None:
    """How the owner keeps the list, after the fact of having left a group."""
    town.chats[LEFT].members.remove(OWNER)
    box = town.boxes[OWNER]
    box.pinned, box.archived, box.muted = [OWNER, PIA], {OLD_FRIEND, NEWS}, {NEWS, CLUB}
    box.drafts[OTTO] = Draft("shall we", town.clock.start)
    last = box.by_peer[STRANGER][-2]
    box.read_in[STRANGER] = last
    for folder in (
        Folder(FRIENDS, "Friends", exclude=(OTTO,), contacts=True, exclude_archived=True),
        Folder(GROUPS, "Groups", groups=True, exclude_muted=True),
        Folder(CHOSEN, "Chosen", include=(NINA, FORUM), pinned=(PIA,)),
        Folder(SHARED, "Shared", include=(CLUB,), shared=True),
    ):
        box.folders[folder.id] = folder
