"""Topics of forums: their list, their messages, opening and changing one. core.telegram.org/api/forum."""

from datetime import datetime
from typing import Any

from telethon.tl import functions, types

from sandbox import membership
from sandbox.call import Call, moment
from sandbox.people import Chat
from sandbox.refusal import bad
from sandbox.rules.history import found, page
from sandbox.rules.sending import check_may_write, use_random_id
from sandbox.topic import COLOR, GENERAL, Topic, within

PAGE = 100


def get_topics(call: Call, request: functions.messages.GetForumTopicsRequest) -> types.messages.ForumTopics:
    """A page of the list: pinned ones first, then those with the newest message."""
    chat = _forum(call, request.peer)
    words = (request.q or "").lower()
    wanted = [topic for topic in [None, *chat.topics] if words in (topic.title if topic else "General").lower()]
    rows = sorted(((_place(call, chat, topic), topic) for topic in wanted), key=lambda row: row[0], reverse=True)
    rest = rows
    if request.offset_topic:
        passed = [n for n, (_, topic) in enumerate(rows) if _id(topic) == request.offset_topic]
        rest = rows[passed[0] + 1 :] if passed else []
    elif before := moment(request.offset_date):
        rest = [row for row in rows if row[0][1] < before]
    return _topics(call, chat, [topic for _, topic in rest[: min(request.limit, PAGE)]], len(rows))


def get_topics_by_id(call: Call, request: functions.messages.GetForumTopicsByIDRequest) -> types.messages.ForumTopics:
    """Single topics; one that is not there comes back as deleted."""
    chat = _forum(call, request.peer)
    known: dict[int, Topic | None] = {GENERAL: None, **{topic.id: topic for topic in chat.topics}}
    answer = _topics(call, chat, [known[i] for i in request.topics if i in known], len(request.topics))
    answer.topics += [types.ForumTopicDeleted(i) for i in request.topics if i not in known]
    return answer


def create_topic(call: Call, request: functions.messages.CreateForumTopicRequest) -> Any:
    """Open a topic."""
    chat = _forum(call, request.peer)
    check_may_write(call, chat.id)
    use_random_id(call, request.random_id)
    post, told = membership.open_topic(call.sandbox, chat, call.me, request.title, call.session)
    given = types.UpdateMessageID(id=post.ids[chat.id], random_id=request.random_id)
    return call.updates([given, *told[call.me]], posts=[post])


def get_replies(call: Call, request: functions.messages.GetRepliesRequest) -> Any:
    """The messages of a topic, or the answers to a message of a supergroup."""
    peer = call.peer(request.peer)
    box = call.town.box_of(call.me, peer)
    start = box.posts.get(request.msg_id)
    if start is None:
        raise bad("MSG_ID_INVALID")
    general = call.town.is_forum(peer)
    ids = [i for i in box.by_peer.get(peer, []) if within(box.posts[i], start, general=general)]
    return found(call, peer, box, page(box, ids, request, moment(request.offset_date)), len(ids))


def _forum(call: Call, given: Any) -> Chat:
    chat = call.town.chats.get(call.peer(given))
    if chat is None or not chat.forum:
        raise bad("CHANNEL_FORUM_MISSING")
    return chat


def _id(topic: Topic | None) -> int:
    return topic.id if topic else GENERAL


def _top(call: Call, chat: Chat, topic: Topic | None) -> int:
    """The id of the newest message of a topic."""
    box = call.town.boxes[chat.id]
    start = topic.start if topic else None
    return next((i for i in reversed(box.by_peer.get(chat.id, [])) if box.posts[i].topic is start), _id(topic))


def _place(call: Call, chat: Chat, topic: Topic | None) -> tuple[bool, datetime, int]:
    top = _top(call, chat, topic)
    post = call.town.boxes[chat.id].posts.get(top)
    return bool(topic and topic.pinned), post.at if post else chat.created, top


def _topics(call: Call, chat: Chat, topics: list[Topic | None], count: int) -> types.messages.ForumTopics:
    box, view = call.town.boxes[chat.id], call.view
    tops = {topic: _top(call, chat, topic) for topic in topics}
    shown = [i for i in tops.values() if i in box.posts]
    starts = [topic.start for topic in topics if topic]
    return types.messages.ForumTopics(
        count=count,
        topics=[_topic(call, chat, topic, top) for topic, top in tops.items()],
        messages=[view.message(box.posts[i], i) for i in shown],
        pts=box.pts,
        **view.cast([chat.id], [*starts, *(box.posts[i] for i in shown)]),
    )


def _topic(call: Call, chat: Chat, topic: Topic | None, top: int) -> types.ForumTopic:
    own, posts = call.town.boxes[call.me], call.town.boxes[chat.id].posts
    start = topic.start if topic else None
    creator = topic.start.sender if topic else chat.creator
    seen = own.read_in.get(chat.id, 0)
    return types.ForumTopic(
        id=_id(topic),
        date=topic.start.at if topic else chat.created,
        peer=call.view.peer(chat.id),
        title=topic.title if topic else "General",
        icon_color=topic.color if topic else COLOR,
        top_message=top,
        read_inbox_max_id=min(seen, top),
        read_outbox_max_id=min(own.read_out.get(chat.id, 0), top),
        unread_count=sum(i > seen and post.topic is start and post.sender != call.me for i, post in posts.items()),
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        from_id=call.view.peer(creator),
        notify_settings=types.PeerNotifySettings(),
        my=creator == call.me or None,
        closed=(topic.closed if topic else False) or None,
        pinned=(topic.pinned if topic else False) or None,
    )


RULES = {
    functions.messages.GetForumTopicsRequest: get_topics,
    functions.messages.GetForumTopicsByIDRequest: get_topics_by_id,
    functions.messages.CreateForumTopicRequest: create_topic,
    functions.messages.GetRepliesRequest: get_replies,
}
