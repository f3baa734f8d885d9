"""Forwarding messages, which says where they came from. Not out of a chat whose content is protected."""

from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.box import Post
from sandbox.call import Call
from sandbox.refusal import bad
from sandbox.rules.sending import check_may_write, use_random_id


def forward_messages(call: Call, request: functions.messages.ForwardMessagesRequest) -> Any:
    """Send messages of one chat on to another."""
    source, target = call.peer(request.from_peer), call.peer(request.to_peer)
    check_may_write(call, target)
    posts = [call.post(i, source) for i in request.id]
    if _protected(call, source) or any(post.protected for post in posts):
        raise bad("CHAT_FORWARDS_RESTRICTED")
    updates, sent = [], []
    for post, random_id in zip(posts, request.random_id, strict=True):
        use_random_id(call, random_id)
        copy = Post(call.me, target, call.town.clock.now(), post.text, list(post.entities), media=post.media)
        copy.forward, copy.random_id = header(call, post, source, target), random_id
        told = acts.send(call.sandbox, copy, call.session)[call.me]
        updates += [types.UpdateMessageID(id=told[0].message.id, random_id=random_id), *told]
        sent.append(copy)
    return call.updates(updates, posts=sent)


def header(call: Call, post: Post, source: int, target: int) -> types.MessageFwdHeader:
    """Where a message came from: its first author, and, when it is saved, the chat that it was saved from."""
    view, made = call.view, types.MessageFwdHeader(date=post.at)
    if post.forward is not None:
        made.date, made.from_id, made.from_name = post.forward.date, post.forward.from_id, post.forward.from_name
    elif call.town.is_broadcast(post.peer):
        made.from_id, made.channel_post = view.peer(post.peer), post.ids[post.peer]
    else:
        made.from_id = view.peer(post.sender)
    if target == call.me:
        made.saved_from_peer = view.peer(source)
        made.saved_from_msg_id = post.ids[call.town.box_of(call.me, source).owner]
    return made


def _protected(call: Call, peer: int) -> bool:
    if peer < 0:
        return call.town.chats[peer].protected
    return peer in call.town.accounts[call.me].protects or call.me in call.town.accounts[peer].protects


RULES = {functions.messages.ForwardMessagesRequest: forward_messages}
