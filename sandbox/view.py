"""How the town looks to one account: the town's values as TL objects, with that viewer's ids and access hashes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from telethon.tl import types

from sandbox.box import Draft, Post
from sandbox.media import media_of
from sandbox.people import CHANNEL_MARK, Account, Chat
from sandbox.town import Town


@dataclass(frozen=True, slots=True)
class View:
    """One viewer's eyes."""

    town: Town
    viewer: int

    def peer(self, peer: int) -> Any:
        """A marked id as a TL peer."""
        if peer >= 0:
            return types.PeerUser(peer)
        if peer <= -CHANNEL_MARK:
            return types.PeerChannel(-peer - CHANNEL_MARK)
        return types.PeerChat(-peer)

    def user(self, account_id: int) -> types.User:
        """An account. Deleted ones have lost everything but the id."""
        account = self.town.accounts[account_id]
        me, known = account_id == self.viewer, account_id in self.town.accounts[self.viewer].contacts
        base = types.User(id=account.id, is_self=me, access_hash=self.town.access_hash(self.viewer, account_id))
        if account.deleted:
            base.deleted = True
            return base
        base.contact, base.mutual_contact = known, known and self.viewer in account.contacts
        base.first_name, base.last_name = account.first_name, account.last_name or None
        base.username = account.username
        base.phone = account.phone if me or known or account.support else None
        base.bot, base.bot_info_version = account.bot, 1 if account.bot else None
        base.verified, base.support, base.scam = account.verified, account.support, account.scam
        base.status = None if account.bot or account.support else self.status(account)
        return base

    def status(self, account: Account) -> Any:
        """Whether somebody is online."""
        if account.online:
            return types.UserStatusOnline(self.town.clock.now() + timedelta(minutes=5))
        return types.UserStatusRecently()

    def chat(self, chat: Chat) -> types.Chat | types.Channel:
        """A basic group or a channel."""
        if not chat.broadcast:
            return types.Chat(
                id=chat.bare_id,
                title=chat.title,
                photo=types.ChatPhotoEmpty(),
                participants_count=len(chat.members),
                date=chat.created,
                version=1,
                creator=chat.creator == self.viewer,
            )
        return types.Channel(
            id=chat.bare_id,
            title=chat.title,
            photo=types.ChatPhotoEmpty(),
            date=chat.created,
            broadcast=True,
            creator=chat.creator == self.viewer,
            access_hash=self.town.access_hash(self.viewer, chat.id),
            username=chat.username,
            participants_count=len(chat.members),
        )

    def message(self, post: Post, message_id: int) -> Any:
        """A message, under its id in the viewer's box (or the channel's)."""
        peer = post.peer_for(self.viewer)
        mine = post.sender == self.viewer and not self.town.is_channel(post.peer)
        # as on Telegram, the other side's private messages carry no sender: the chat says who it is
        sender = self.peer(post.sender) if mine or (peer < 0 and not self.town.is_channel(peer)) else None
        common: dict[str, Any] = {
            "id": message_id,
            "peer_id": self.peer(peer),
            "from_id": sender,
            "date": post.at,
            "out": mine and peer != self.viewer,
        }
        if post.action is not None:
            return types.MessageService(action=post.action, **common)
        box = self.town.box_of(self.viewer, peer)
        replied = post.reply_to.ids.get(box.owner) if post.reply_to else None
        return types.Message(
            message=post.text,
            entities=post.entities or None,
            media=media_of(post),
            reply_to=types.MessageReplyHeader(reply_to_msg_id=replied) if replied else None,
            edit_date=post.edited_at,
            post=True if self.town.is_channel(peer) else None,
            views=1 if self.town.is_channel(peer) else None,
            forwards=0 if self.town.is_channel(peer) else None,
            reactions=self.reactions(post) if post.reactions else None,
            **common,
        )

    def reactions(self, post: Post) -> types.MessageReactions:
        """Who reacted to a message, and how."""
        emojis = list(dict.fromkeys(post.reactions.values()))
        counts = [
            types.ReactionCount(
                types.ReactionEmoji(emoji),
                count=sum(e == emoji for e in post.reactions.values()),
                chosen_order=0 if post.reactions.get(self.viewer) == emoji else None,
            )
            for emoji in emojis
        ]
        recent = [
            types.MessagePeerReaction(
                self.peer(who), self.town.clock.now(), types.ReactionEmoji(emoji), my=who == self.viewer
            )
            for who, emoji in post.reactions.items()
        ]
        return types.MessageReactions(counts, can_see_list=True, recent_reactions=recent)

    def draft(self, draft: Draft | None) -> Any:
        """A cloud draft, or its absence."""
        if draft is None:
            return types.DraftMessageEmpty(self.town.clock.now())
        reply = types.InputReplyToMessage(draft.reply_to) if draft.reply_to else None
        return types.DraftMessage(draft.text, draft.at, entities=draft.entities or None, reply_to=reply)

    def dialog(self, peer: int) -> types.Dialog:
        """One line of the chat list."""
        own, box = self.town.boxes[self.viewer], self.town.box_of(self.viewer, peer)
        ids = box.by_peer.get(peer) or [0]
        draft = own.drafts.get(peer)
        return types.Dialog(
            peer=self.peer(peer),
            top_message=ids[-1],
            read_inbox_max_id=own.read_in.get(peer, 0),
            read_outbox_max_id=own.read_out.get(peer, 0),
            unread_count=self.town.unread(self.viewer, peer),
            unread_mentions_count=0,
            unread_reactions_count=0,
            unread_poll_votes_count=0,
            notify_settings=types.PeerNotifySettings(),
            pts=box.pts if self.town.is_channel(peer) else None,
            draft=self.draft(draft) if draft else None,
        )

    def cast(self, peers: Iterable[int], posts: Iterable[Post] = ()) -> dict[str, list[Any]]:
        """The `users` and `chats` that go with some peers and messages, ready to be passed to a constructor."""
        known = set(peers)
        for post in posts:
            known.add(post.peer_for(self.viewer))
            if not self.town.is_channel(post.peer):
                known.add(post.sender)
        return {
            "users": [self.user(i) for i in sorted(known) if i >= 0],
            "chats": [self.chat(self.town.chats[i]) for i in sorted(known) if i < 0],
        }
