"""What people do in the town, whoever asks: a client through a rule, or the host of the sandbox.

Each act changes the boxes, writes the journal, and tells everybody concerned who is connected. `via` is the session
that acted: it learns the outcome from its answer and is not told again, but every other login of the account is.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from telethon.tl import types

from sandbox.box import Box, Draft, Post
from sandbox.hub import Hub
from sandbox.journal import Delivery, Event
from sandbox.session import Session
from sandbox.town import Town
from sandbox.view import View

Told = dict[int, list[Any]]
"""What each account was told: account id -> its updates."""


def send(hub: Hub, post: Post, via: Session | None = None) -> Told:
    """Deliver a message."""
    town = hub.town
    numbers = {owner: town.boxes[owner].add(post) for owner in town.readers(post.sender, post.peer)}
    sender_box = post.peer if town.is_channel(post.peer) else post.sender
    hub.journal.deliveries.append(
        Delivery(
            at=post.at,
            sender_id=post.sender,
            peer_id=post.peer,
            message_id=post.ids[sender_box],
            random_id=post.random_id,
            text=post.text,
            via_session=via.login.number if via else None,
        )
    )
    told: Told = {}
    for viewer in town.audience(post):
        box = town.box_of(viewer, post.peer_for(viewer))
        told[viewer] = [new_message(View(town, viewer), post, box, numbers[box.owner])]
        hub.tell(viewer, told[viewer], posts=[post], but=via)
    return told


def edit(hub: Hub, post: Post, text: str, entities: list[Any], via: Session | None = None) -> Told:
    """Change the text of a message, in every box that still has it."""
    town = hub.town
    post.text, post.entities, post.edited_at = text, entities, town.clock.now()
    note(hub, "edit", post.sender, post.peer, via)
    told: Told = {}
    for owner in list(post.ids):
        box = town.boxes[owner]
        pts = box.change(1, update=partial(edited, town, post, box))
        for viewer in town.chats[owner].members if owner < 0 else [owner]:
            told[viewer] = [edited(town, post, box, viewer, pts)]
            hub.tell(viewer, told[viewer], posts=[post], but=via)
    return told


def unsend(hub: Hub, owner: int, posts: list[Post], *, both: bool, via: Session | None = None) -> int:
    """Delete messages from the owner's box, and for `both` from everybody's. Returns the number of pts it took."""
    town = hub.town
    gone: dict[int, list[int]] = {}
    for post in posts:
        here = town.box_of(owner, post.peer_for(owner)).owner
        for holder in list(post.ids) if both else [here]:
            gone.setdefault(holder, []).append(post.ids[holder])
            town.boxes[holder].remove(post.ids[holder])
        note(hub, "delete", owner, post.peer_for(owner), via, both=both)
    for holder, ids in gone.items():
        bare = town.chats[holder].bare_id if holder < 0 else None
        pts = town.boxes[holder].change(len(ids), update=partial(deleted, ids, bare))
        for viewer in town.chats[holder].members if holder < 0 else [holder]:
            hub.tell(viewer, [deleted(ids, bare, viewer, pts)], peers=[holder] if holder < 0 else [], but=via)
    return len(gone.get(owner, []))


def read(hub: Hub, reader: int, peer: int, max_id: int, via: Session | None = None) -> int:
    """Mark a chat as read up to a message, and tell the other side. Returns the number of pts it took."""
    town = hub.town
    own, box = town.boxes[reader], town.box_of(reader, peer)
    ids = [i for i in box.by_peer.get(peer, []) if i <= max_id or not max_id]
    before = own.read_in.get(peer, 0)
    if not ids or ids[-1] <= before:
        return 0
    own.read_in[peer] = ids[-1]
    note(hub, "read", reader, peer, via, max_id=ids[-1])
    view = View(town, reader)
    left = town.unread(reader, peer)
    theirs = [box.posts[i] for i in ids if i > before and box.posts[i].sender != reader]
    if town.is_channel(peer):
        _read_channel(hub, view, peer, ids[-1], left, theirs, via)
        return 0
    inbox = change(own, 1, partial(inbox_read, town, peer, ids[-1], left))
    hub.tell(reader, [inbox], peers=[peer], but=via)
    for sender in {post.sender for post in theirs}:
        last = max(post.ids.get(sender, 0) for post in theirs if post.sender == sender)
        other, chat = town.boxes[sender], reader if peer >= 0 else peer
        if last <= other.read_out.get(chat, 0):
            continue
        other.read_out[chat] = last
        outbox = change(other, 1, partial(outbox_read, town, chat, last))
        hub.tell(sender, [outbox], peers=[chat])
    return 1


def _read_channel(
    hub: Hub, view: View, peer: int, max_id: int, left: int, theirs: list[Post], via: Session | None
) -> None:
    """Reading in a channel takes no number; in a supergroup the writers learn that somebody has read them."""
    town, bare = hub.town, hub.town.chats[peer].bare_id
    inbox = types.UpdateReadChannelInbox(bare, max_id, left, pts=town.boxes[peer].pts)
    hub.tell(view.viewer, [inbox], peers=[peer], but=via)
    if town.is_broadcast(peer):
        return
    for sender in {post.sender for post in theirs} & set(town.chats[peer].members):
        last = max(post.ids[peer] for post in theirs if post.sender == sender)
        if last > town.boxes[sender].read_out.get(peer, 0):
            town.boxes[sender].read_out[peer] = last
            hub.tell(sender, [types.UpdateReadChannelOutbox(bare, last)], peers=[peer])


def typing(hub: Hub, who: int, peer: int, action: Any, via: Session | None = None) -> None:
    """Show the others that somebody types, or has stopped."""
    town = hub.town
    stopped = isinstance(action, types.SendMessageCancelAction)
    note(hub, "cancel" if stopped else "typing", who, peer, via)
    if peer >= 0:
        hub.tell_short(peer, types.UpdateUserTyping(who, action))
        return
    chat = town.chats[peer]
    kind = types.UpdateChannelUserTyping if chat.channel else types.UpdateChatUserTyping
    for member in chat.members:
        if member != who:
            hub.tell_short(member, kind(chat.bare_id, types.PeerUser(who), action))


def draft(hub: Hub, owner: int, peer: int, kept: Draft | None, via: Session | None = None) -> None:
    """Keep a cloud draft, or throw it away, and show that to the account's other logins."""
    drafts = hub.town.boxes[owner].drafts
    if kept is None and peer not in drafts:
        return
    if kept is None:
        del drafts[peer]
    else:
        drafts[peer] = kept
    note(hub, "draft", owner, peer, via, text=kept.text if kept else "")
    view = View(hub.town, owner)
    hub.tell(owner, [types.UpdateDraftMessage(view.peer(peer), view.draft(kept))], peers=[peer], but=via)


def react(hub: Hub, who: int, post: Post, emoji: str | None, via: Session | None = None) -> Told:
    """Put a reaction on a message, or take it off."""
    town = hub.town
    if emoji is None:
        post.reactions.pop(who, None)
    else:
        post.reactions[who] = emoji
    note(hub, "reaction", who, post.peer_for(who), via, emoji=emoji)
    told: Told = {}
    for viewer in town.audience(post):
        view = View(town, viewer)
        peer = post.peer_for(viewer)
        message_id = post.ids[town.box_of(viewer, peer).owner]
        told[viewer] = [types.UpdateMessageReactions(view.peer(peer), message_id, view.reactions(post))]
        hub.tell(viewer, told[viewer], posts=[post], peers=post.reactions, but=via)
    return told


def online(hub: Hub, who: int, *, here: bool, via: Session | None = None) -> None:
    """Come online or go offline, in sight of one's contacts."""
    account, now = hub.town.accounts[who], hub.town.clock.now()
    account.online = here
    note(hub, "online" if here else "offline", who, None, via)
    seen = types.UserStatusOnline(now + timedelta(minutes=5)) if here else types.UserStatusOffline(now)
    for contact in account.contacts:
        hub.tell_short(contact, types.UpdateUserStatus(who, seen))


def note(hub: Hub, kind: str, who: int, peer: int | None, via: Session | None, **detail: Any) -> None:
    """Write an event into the journal."""
    login = via.login.number if via else None
    hub.journal.events.append(Event(hub.town.clock.now(), kind, who, peer, detail, login))


def change(box: Box, count: int, make: Callable[[int, int], Any]) -> Any:
    """Number a change in an account's box and give its update."""
    return make(box.owner, box.change(count, update=make))


def new_message(view: View, post: Post, box: Box, pts: int) -> Any:
    """The update for a new message."""
    kind = types.UpdateNewMessage if box.owner >= 0 else types.UpdateNewChannelMessage
    return kind(view.message(post, post.ids[box.owner]), pts=pts, pts_count=1)


def edited(town: Town, post: Post, box: Box, viewer: int, pts: int) -> Any:
    """The update for an edit; None when the message is gone by now."""
    if box.owner not in post.ids:
        return None
    kind = types.UpdateEditMessage if box.owner >= 0 else types.UpdateEditChannelMessage
    return kind(View(town, viewer).message(post, post.ids[box.owner]), pts=pts, pts_count=1)


def deleted(ids: list[int], channel: int | None, _viewer: int, pts: int) -> Any:
    """The update for deleted messages: on Telegram, too, it says in which chat they were only for a channel."""
    if channel is not None:
        return types.UpdateDeleteChannelMessages(channel, ids, pts=pts, pts_count=len(ids))
    return types.UpdateDeleteMessages(ids, pts=pts, pts_count=len(ids))


def inbox_read(town: Town, peer: int, max_id: int, left: int, viewer: int, pts: int) -> types.UpdateReadHistoryInbox:
    """The update for having read, on another device."""
    return types.UpdateReadHistoryInbox(View(town, viewer).peer(peer), max_id, left, pts=pts, pts_count=1)


def outbox_read(town: Town, peer: int, max_id: int, viewer: int, pts: int) -> types.UpdateReadHistoryOutbox:
    """The update for one's messages being read."""
    return types.UpdateReadHistoryOutbox(View(town, viewer).peer(peer), max_id, pts=pts, pts_count=1)
