"""Sending a message. A random id is good for one message: Telegram refuses the second use, and so does the town."""

from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.box import Post
from sandbox.call import Call
from sandbox.refusal import Refusal, bad
from sandbox.rules import blocking, bots, restricting, slowing


def send_message(call: Call, request: functions.messages.SendMessageRequest) -> Any:
    """Deliver a text. A plain text to a person is answered in short, as on Telegram."""
    peer = call.peer(request.peer)
    text = call.text(request.message)
    check_may_write(call, peer)
    use_random_id(call, request.random_id)
    replied, topic, quote = answered(call, peer, request.reply_to)
    post = Post(
        sender=call.me,
        peer=peer,
        at=call.town.clock.now(),
        text=text,
        entities=list(request.entities or []),
        reply_to=replied,
        topic=topic,
        quote=quote,
        random_id=request.random_id,
        markup=request.reply_markup if call.town.accounts[call.me].bot else None,
    )
    told = acts.send(call.sandbox, post, call.session)[call.me]
    if request.clear_draft:
        acts.draft(call.sandbox, call.me, peer, None, call.session)
    if peer >= 0 and peer != call.me and not post.entities:
        return types.UpdateShortSentMessage(
            id=told[0].message.id, out=True, date=post.at, pts=told[0].pts, pts_count=told[0].pts_count
        )
    given = types.UpdateMessageID(id=told[0].message.id, random_id=request.random_id)
    return call.updates([given, *told], posts=[post])


def answered(call: Call, peer: int, given: Any) -> tuple[Post | None, Post | None, str | None]:
    """The message that is answered, the topic that this leads into, and the words that are quoted."""
    if not isinstance(given, types.InputReplyToMessage):
        return None, None, None
    posts = call.town.box_of(call.me, peer).posts
    replied = posts.get(given.reply_to_msg_id)
    starts = [topic.start for topic in call.town.chats[peer].topics] if peer < 0 else []
    topic = replied if replied in starts else replied.topic if replied else posts.get(given.top_msg_id or 0)
    return (None if replied is topic else replied), topic, given.quote_text


def check_may_write(call: Call, peer: int) -> None:
    """Raises Refusal where nobody, or not everybody, may write."""
    if peer < 0:
        chat = call.town.chats[peer]
        if call.me not in chat.members or chat.migrated_to or (chat.broadcast and chat.creator != call.me):
            raise Refusal(403, "CHAT_WRITE_FORBIDDEN")
        restricting.check(call, peer)
        slowing.check(call, peer)
    elif call.town.accounts[peer].deleted:
        raise bad("INPUT_USER_DEACTIVATED")
    else:
        bots.check(call, peer)
        blocking.check(call, peer)


def use_random_id(call: Call, random_id: int) -> None:
    """Raises Refusal when it was used before by this account, from whichever login."""
    used = call.town.boxes[call.me].random_ids
    if not random_id:
        raise bad("RANDOM_ID_EMPTY")
    if random_id in used:
        raise Refusal(500, "RANDOM_ID_DUPLICATE")
    used.add(random_id)


RULES = {functions.messages.SendMessageRequest: send_message}
