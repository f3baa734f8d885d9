"""What the host can make people do: the contacts of a demo or test have no client of their own."""

from typing import Any

from telethon.tl import types

from sandbox import acts
from sandbox.box import Draft, Post
from sandbox.hub import Hub
from sandbox.refusal import Refusal
from sandbox.session import Login
from sandbox.town import Line


class Host(Hub):
    """The half of `Sandbox` that moves the town's people."""

    async def say(
        self,
        sender_id: int,
        peer_id: int,
        text: str,
        *,
        reply_to: int | None = None,
        media: Any = None,
        topic: Post | None = None,
    ) -> int:
        """Let somebody write; `peer_id` is an account or a marked chat id. Returns the message's id in the owner's
        box when the owner can see it (in a channel's own), else in the sender's. `reply_to` is an id in the same box.

        `media` is as in `Post`; `topic` the first message of a forum's topic.
        """
        replied = self.post(reply_to, peer_id) if reply_to else None
        post = Post(sender_id, peer_id, self.town.clock.now(), text, reply_to=replied, media=media)
        post.topic = topic or (replied.topic if replied else None)
        return self.deliver(post)

    def deliver(self, post: Post) -> int:
        """Let a message with anything in it be sent, a service message too. Returns its id, as `say` does."""
        acts.send(self, post)
        sender_id, peer_id = post.sender, post.peer
        for box in (self.town.owner_id, sender_id, peer_id):
            if box in post.ids:
                return post.ids[box]
        raise KeyError(peer_id)

    async def edit(self, message_id: int, text: str, peer_id: int = 0) -> None:
        """Let the sender of a message (an id in the owner's box, or in the channel's that is named) change it."""
        acts.edit(self, self.post(message_id, peer_id), text, [])

    async def unsend(self, *message_ids: int, peer_id: int = 0) -> None:
        """Let the senders of messages (ids in the owner's box, or the channel's) delete them for everybody."""
        for message_id in message_ids:
            post = self.post(message_id, peer_id)
            acts.unsend(self, post.sender, [post], both=True)

    async def delete(self, *message_ids: int) -> None:
        """Let the owner delete messages from another device, in the own box alone."""
        acts.unsend(self, self.town.owner_id, [self.post(i) for i in message_ids], both=False)

    async def typing(self, who: int, peer_id: int, *, stop: bool = False) -> None:
        """Let somebody begin, or stop, to type."""
        action: Any = types.SendMessageCancelAction() if stop else types.SendMessageTypingAction()
        acts.typing(self, who, peer_id, action)

    async def read(self, who: int, peer_id: int, max_id: int = 0) -> None:
        """Let somebody read a chat, up to an id in their own box (0: everything)."""
        acts.read(self, who, peer_id, max_id)

    async def react(self, who: int, message_id: int, emoji: str | None) -> None:
        """Let somebody put a reaction on a message (an id in the owner's box); None takes it off."""
        acts.react(self, who, self.post(message_id), emoji)

    async def draft(self, who: int, peer_id: int, text: str) -> None:
        """Let somebody leave a cloud draft, from another device; an empty text removes it."""
        acts.draft(self, who, peer_id, Draft(text, self.town.clock.now()) if text else None)

    async def online(self, who: int, *, here: bool = True) -> None:
        """Let somebody come online or go offline."""
        acts.online(self, who, here=here)

    def code_for(self, phone: str) -> str:
        """The last login code sent to a number. Raises KeyError when there was none."""
        return self.codes["".join(c for c in phone if c.isdigit())].digits

    async def accept_qr(self, account_id: int | None = None) -> None:
        """Scan the newest QR code shown by a waiting client, as the account's phone would. Raises LookupError."""
        waiting = [login for login in self.logins.values() if login.token and login.accepted is None]
        if not waiting:
            raise LookupError("no client shows a QR code")
        self.accept_token(waiting[-1].token or b"", account_id or self.town.owner_id)

    def accept_token(self, token: bytes, account_id: int) -> Login:
        """Tie the client that shows a token to an account, and tell that client. Raises Refusal."""
        login = next((login for login in self.logins.values() if login.token == token), None)
        if login is None or login.accepted is not None:
            raise Refusal(400, "AUTH_TOKEN_INVALIDX")
        shown = login.token_at or self.town.clock.now()
        if (self.town.clock.now() - shown).total_seconds() > self.limits.qr_life:
            raise Refusal(400, "AUTH_TOKEN_EXPIRED")
        login.accepted = account_id
        for session in [s for s in self.open_sessions if s.login is login]:
            session.push(types.UpdateShort(types.UpdateLoginToken(), self.town.clock.now()))
        return login

    def log_out(self, account_id: int) -> None:
        """End every login of an account, as its owner can from the phone."""
        for login in self.logins.values():
            if login.account_id == account_id:
                login.account_id = None
                acts.note(self, "logout", account_id, None, None)

    def texts(self, peer_id: int, viewer: int | None = None) -> list[Line]:
        """A chat as it stands, oldest first, in the eyes of the owner (or of another viewer)."""
        me = self.town.owner_id if viewer is None else viewer
        box = self.town.box_of(me, peer_id)
        posts = [box.posts[i] for i in box.by_peer.get(peer_id, [])]
        return [Line(post.sender == me, post.text, post.at) for post in posts]

    def post(self, message_id: int, peer_id: int = 0) -> Post:
        """A message by its id in the owner's box, or in the box of a channel. Raises KeyError."""
        return self.town.box_of(self.town.owner_id, peer_id).posts[message_id]
