"""How the town looks to one account: the town's values as TL objects, with that viewer's ids and access hashes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from telethon.tl import types

from sandbox.box import Draft, Post
from sandbox.folder import ARCHIVE
from sandbox.message import message_of, named
from sandbox.people import CHANNEL_MARK, Account, Chat
from sandbox.town import Town

FOR_EVER = datetime.fromtimestamp(2**31 - 1, UTC)
RIGHTS = types.ChatAdminRights(change_info=True, delete_messages=True, ban_users=True, invite_users=True, other=True)
"""What a creator or an administrator may do."""


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
        """A basic group, a supergroup or a channel."""
        creator = chat.creator == self.viewer
        common: dict[str, Any] = {
            "id": chat.bare_id,
            "title": chat.title,
            "photo": types.ChatPhotoEmpty(),
            "date": chat.created,
            "creator": creator or None,
            "left": self.viewer not in chat.members or None,
            "noforwards": chat.protected or None,
            "admin_rights": RIGHTS if chat.rules_over(self.viewer) else None,
        }
        if not chat.channel:
            return types.Chat(
                participants_count=0 if chat.migrated_to else len(chat.members),
                version=1,
                deactivated=bool(chat.migrated_to) or None,
                migrated_to=self.input_channel(chat.migrated_to) if chat.migrated_to else None,
                **common,
            )
        return types.Channel(
            broadcast=chat.broadcast or None,
            megagroup=chat.megagroup or None,
            forum=chat.forum or None,
            access_hash=self.town.access_hash(self.viewer, chat.id),
            username=chat.username,
            participants_count=len(chat.members),
            **common,
        )

    def input_peer(self, peer: int) -> Any:
        """A chat as this viewer may name it."""
        if peer == self.viewer:
            return types.InputPeerSelf()
        if peer >= 0:
            return types.InputPeerUser(peer, self.town.access_hash(self.viewer, peer))
        if not self.town.is_channel(peer):
            return types.InputPeerChat(-peer)
        return types.InputPeerChannel(self.town.chats[peer].bare_id, self.town.access_hash(self.viewer, peer))

    def input_channel(self, peer: int) -> types.InputChannel:
        """A channel as this viewer may name it."""
        return types.InputChannel(self.town.chats[peer].bare_id, self.town.access_hash(self.viewer, peer))

    def message(self, post: Post, message_id: int) -> Any:
        """A message, under its id in the viewer's box (or the channel's)."""
        return message_of(self, post, message_id)

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
        if self.town.is_broadcast(post.peer):
            return types.MessageReactions(counts)
        return types.MessageReactions(counts, can_see_list=True, recent_reactions=recent)

    def draft(self, draft: Draft | None) -> Any:
        """A cloud draft, or its absence."""
        if draft is None:
            return types.DraftMessageEmpty(self.town.clock.now())
        reply = types.InputReplyToMessage(draft.reply_to) if draft.reply_to else None
        return types.DraftMessage(draft.text, draft.at, entities=draft.entities or None, reply_to=reply)

    def notify(self, peer: int) -> types.PeerNotifySettings:
        """Whether a chat is muted."""
        return types.PeerNotifySettings(mute_until=FOR_EVER if peer in self.town.boxes[self.viewer].muted else None)

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
            notify_settings=self.notify(peer),
            pts=box.pts if self.town.is_channel(peer) else None,
            draft=self.draft(draft) if draft else None,
            folder_id=ARCHIVE if peer in own.archived else None,
            pinned=peer in own.pinned or None,
        )

    def cast(self, peers: Iterable[int], posts: Iterable[Post] = ()) -> dict[str, list[Any]]:
        """The `users` and `chats` that go with some peers and messages, ready to be passed to a constructor."""
        known = set(peers)
        for post in posts:
            known.add(post.peer_for(self.viewer))
            # in a channel nobody has a name
            known |= named(post) - ({post.sender} if self.town.is_broadcast(post.peer) else set())
        known |= {i for peer in list(known) if (chat := self.town.chats.get(peer)) and (i := chat.migrated_to)}
        return {
            "users": [self.user(i) for i in sorted(known) if i in self.town.accounts],
            "chats": [self.chat(self.town.chats[i]) for i in sorted(known) if i in self.town.chats],
        }
