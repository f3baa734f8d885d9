"""A message as one account sees it: the town's post as TL object, and who is named in it."""

from typing import TYPE_CHECKING, Any

from telethon.tl import types

from sandbox.box import Box, Post
from sandbox.media import media_of
from sandbox.people import channel_id

if TYPE_CHECKING:
    from sandbox.view import View


def message_of(view: "View", post: Post, message_id: int) -> Any:
    """A message, under its id in the viewer's box (or the channel's)."""
    town, viewer = view.town, view.viewer
    peer = post.peer_for(viewer)
    broadcast, group = town.is_broadcast(peer), peer < 0
    mine = post.sender == viewer and not broadcast
    # as on Telegram, the other side's private messages carry no sender: the chat says who it is
    signed = mine or (group and not broadcast and not post.unsigned)
    sender = view.peer(post.sender) if signed else None
    common: dict[str, Any] = {
        "id": message_id,
        "peer_id": view.peer(peer),
        "from_id": sender,
        "date": post.at,
        "out": mine and peer != viewer,
        "mentioned": (group and not broadcast and not mine and _mentions(view, post)) or None,
        "post": broadcast or None,
        "reply_to": _reply(view, town.box_of(viewer, peer), post),
        "reactions": view.reactions(post) if post.reactions else None,
        "saved_peer_id": view.peer(_origin(post) or viewer) if peer == viewer else None,
    }
    if post.action is not None:
        return types.MessageService(action=post.action, **common)
    return types.Message(
        message=post.text,
        entities=post.entities or None,
        media=media_of(post),
        edit_date=post.edited_at,
        edit_hide=post.edit_hidden or None,
        fwd_from=post.forward,
        via_bot_id=post.via_bot,
        grouped_id=post.album,
        reply_markup=post.markup,
        noforwards=post.protected or None,
        pinned=post.pinned or None,
        views=1 if broadcast else None,
        forwards=0 if broadcast else None,
        **common,
    )


def named(post: Post) -> set[int]:
    """The marked ids of everybody and every chat that a message names besides the chat that it stands in."""
    found = {post.sender, *post.reactions}
    if post.via_bot:
        found.add(post.via_bot)
    found.update(entity.user_id for entity in post.entities if isinstance(entity, types.MessageEntityMentionName))
    if post.forward is not None:
        found.update(marked(peer) for peer in (post.forward.from_id, post.forward.saved_from_peer) if peer)
    if post.action is not None:
        found.update(_acted_on(post.action))
    return found


def marked(peer: Any) -> int:
    """A TL peer as a marked id."""
    if isinstance(peer, types.PeerUser):
        return int(peer.user_id)
    return -int(peer.chat_id) if isinstance(peer, types.PeerChat) else channel_id(int(peer.channel_id))


def _acted_on(action: Any) -> list[int]:
    people = [*(getattr(action, "users", None) or [])]
    people += [one for name in ("user_id", "inviter_id") if (one := getattr(action, name, None))]
    if isinstance(action, types.MessageActionChatMigrateTo):
        people.append(channel_id(action.channel_id))
    if isinstance(action, types.MessageActionChannelMigrateFrom):
        people.append(-action.chat_id)
    return people


def _origin(post: Post) -> int | None:
    """Where a saved message was forwarded from."""
    forward = post.forward
    return marked(forward.saved_from_peer) if forward is not None and forward.saved_from_peer else None


def _mentions(view: "View", post: Post) -> bool:
    """Whether a message of a group calls for the viewer: by name, or by answering."""
    if post.reply_to is not None and post.reply_to.sender == view.viewer:
        return True
    username = view.town.accounts[view.viewer].username
    if username and f"@{username.lower()}" in post.text.lower().split():
        return True
    return any(getattr(entity, "user_id", None) == view.viewer for entity in post.entities)


def _offset(text: str, quote: str) -> int:
    """Where a quote begins, in UTF-16 code units as Telegram counts."""
    return len(text[: max(0, text.find(quote))].encode("utf-16-le")) // 2


def _reply(view: "View", box: Box, post: Post) -> Any:
    """What a message answers, and in which topic it stands: the topic's first message stands in for no answer."""
    if post.story is not None:
        author = post.peer if post.sender == view.viewer else view.viewer
        return types.MessageReplyStoryHeader(view.peer(author), post.story)
    if post.topic is post:
        return None
    topic = box.id_of(post.topic) if post.topic else None
    answered = post.reply_to
    replied = box.id_of(answered) if answered else None
    if topic and replied in (None, topic):
        return types.MessageReplyHeader(forum_topic=True, reply_to_msg_id=topic)
    if answered is None or replied is None:
        return None
    elsewhere = answered.peer_for(view.viewer) != post.peer_for(view.viewer)
    origin = types.MessageFwdHeader(answered.at, from_id=view.peer(answered.sender)) if elsewhere else None
    return types.MessageReplyHeader(
        forum_topic=bool(topic) or None,
        reply_to_msg_id=replied,
        reply_to_peer_id=view.peer(answered.peer_for(view.viewer)) if elsewhere else None,
        reply_from=origin,
        reply_to_top_id=topic,
        quote=post.quote is not None or None,
        quote_text=post.quote,
        quote_offset=_offset(answered.text, post.quote) if post.quote else None,
    )
