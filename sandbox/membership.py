"""What happens to a group itself: who joins and leaves, its title, its pinned message, its topics, its migration.

Each of these is a service message in the group, told to everybody in it.
"""

from typing import Any

from telethon.tl import types

from sandbox import acts
from sandbox.box import Post
from sandbox.hub import Hub
from sandbox.people import Chat
from sandbox.session import Session
from sandbox.topic import Topic


def announce(
    hub: Hub, chat: Chat, who: int, action: Any, via: Session | None = None, about: Post | None = None
) -> tuple[Post, acts.Told]:
    """Put a service message into a group; `about` is the message, or the topic, that it is about."""
    post = Post(who, chat.id, hub.town.clock.now(), "", action=action, reply_to=about)
    post.topic = about.topic if about else None
    return post, acts.send(hub, post, via)


def add(hub: Hub, chat: Chat, member: int, by: int, via: Session | None = None) -> acts.Told:
    """Let somebody into a group."""
    chat.members.append(member)
    return announce(hub, chat, by, types.MessageActionChatAddUser([member]), via)[1]


def remove(hub: Hub, chat: Chat, member: int, by: int, via: Session | None = None) -> acts.Told:
    """Let somebody leave a group (`by` the same), or throw somebody out: the one who goes still hears of it."""
    told = announce(hub, chat, by, types.MessageActionChatDeleteUser(member), via)[1]
    chat.members.remove(member)
    return told


def rename(hub: Hub, chat: Chat, title: str, by: int, via: Session | None = None) -> acts.Told:
    """Give a group another title."""
    chat.title = title
    return announce(hub, chat, by, types.MessageActionChatEditTitle(title), via)[1]


def pin(hub: Hub, chat: Chat, post: Post, by: int, via: Session | None = None) -> acts.Told:
    """Pin a message."""
    post.pinned = True
    return announce(hub, chat, by, types.MessageActionPinMessage(), via, about=post)[1]


def open_topic(hub: Hub, chat: Chat, creator: int, title: str, via: Session | None = None) -> tuple[Post, acts.Told]:
    """Open a topic of a forum."""
    post = chat.begin_topic(title, creator, hub.town.clock.now())
    return post, acts.send(hub, post, via)


def change_topic(
    hub: Hub, chat: Chat, topic: Topic, by: int, *, title: str | None = None, closed: bool | None = None
) -> acts.Told:
    """Give a topic another title, close it, or open it again."""
    topic.title = title or topic.title
    topic.closed = topic.closed if closed is None else closed
    return announce(hub, chat, by, types.MessageActionTopicEdit(title=title, closed=closed), about=topic.start)[1]


def migrate(hub: Hub, group: Chat) -> Chat:
    """Let a basic group become a supergroup."""
    for post in hub.town.migrate(group, hub.town.clock.now()):
        acts.send(hub, post)
    return hub.town.chats[group.migrated_to or 0]
