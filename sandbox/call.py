"""One request being answered: who asks, over which session, and the questions that every rule has."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from sandbox.box import Post
from sandbox.people import channel_id
from sandbox.refusal import Refusal, bad
from sandbox.session import Login, Session
from sandbox.town import Town
from sandbox.view import View

if TYPE_CHECKING:
    from sandbox.server import Sandbox

MESSAGE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Envelope:
    """What was wrapped around a request: the takeout that it belongs to, and the message ids that it is about."""

    takeout: int | None = None
    range: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """Passed to a rule with its request."""

    sandbox: "Sandbox"
    session: Session
    envelope: Envelope = Envelope()

    @property
    def town(self) -> Town:
        """The town that it is about."""
        return self.sandbox.town

    @property
    def login(self) -> Login:
        """The auth key that asks."""
        return self.session.login

    @property
    def me(self) -> int:
        """The account that asks. Raises Refusal when nobody is logged in."""
        if self.login.account_id is None:
            raise Refusal(401, "AUTH_KEY_UNREGISTERED")
        return self.login.account_id

    @property
    def view(self) -> View:
        """The town as that account sees it."""
        return View(self.town, self.me)

    def user(self, given: Any, error: str = "USER_ID_INVALID") -> int:
        """The account that an InputUser names, its access hash checked. Raises Refusal."""
        if isinstance(given, types.InputUserSelf | types.InputPeerSelf):
            return self.me
        if not isinstance(given, types.InputUser | types.InputPeerUser):
            raise bad(error)
        known = given.user_id in self.town.accounts
        if not known:
            raise bad(error)
        # a bot need not name the key of somebody who has written to it
        met = self.town.accounts[self.me].bot and not given.access_hash and self.town.has_met(self.me, given.user_id)
        if not met and given.access_hash != self.town.access_hash(self.me, given.user_id):
            raise bad(error)
        return int(given.user_id)

    def peer(self, given: Any) -> int:
        """The marked id that an InputPeer names, its access hash or membership checked. Raises Refusal."""
        if isinstance(given, types.InputPeerChat):
            chat = self.town.chats.get(-given.chat_id)
            if chat is None or (self.me not in chat.members and chat.id not in self.town.boxes[self.me].by_peer):
                raise bad("PEER_ID_INVALID")
            return chat.id
        if isinstance(given, types.InputPeerChannel | types.InputChannel):
            marked = channel_id(given.channel_id)
            if marked not in self.town.chats or given.access_hash != self.town.access_hash(self.me, marked):
                raise bad("CHANNEL_INVALID")
            if self.me not in self.town.chats[marked].members and not self.town.chats[marked].username:
                raise bad("CHANNEL_PRIVATE")
            return marked
        return self.user(given, "PEER_ID_INVALID")

    def post(self, message_id: int, peer: int | None = None) -> Post:
        """A message in one's box (or in a channel's). Raises Refusal."""
        box = self.town.boxes[self.me] if peer is None else self.town.box_of(self.me, peer)
        post = box.posts.get(message_id)
        if post is None or (peer is not None and post.peer_for(self.me) != peer):
            raise bad("MESSAGE_ID_INVALID")
        return post

    def text(self, given: str | None) -> str:
        """A text that may be sent. Raises Refusal."""
        text = (given or "").strip()
        if not text:
            raise bad("MESSAGE_EMPTY")
        if len(text) > MESSAGE_LIMIT:
            raise bad("MESSAGE_TOO_LONG")
        return text

    def updates(self, updates: list[Any], peers: list[int] | None = None, posts: list[Post] | None = None) -> Any:
        """An answer that consists of updates."""
        cast = self.view.cast(peers or [], posts or [])
        return types.Updates(updates=updates, date=self.town.clock.now(), seq=0, **cast)

    def state(self) -> types.updates.State:
        """Where the account's message box stands."""
        box = self.town.boxes[self.me]
        unread = sum(self.town.unread(self.me, peer) for peer in box.by_peer)
        return types.updates.State(pts=box.pts, qts=0, date=self.town.clock.now(), seq=0, unread_count=unread)


def moment(given: datetime | None) -> datetime | None:
    """A date of a request; absent ones arrive as zero, that is 1970."""
    return given if given and given.timestamp() > 0 else None
