"""The companion: the owner's own bot, which shows in its chat with them what waits, and takes decisions by buttons.

A second login beside the owner's, by the bot's token. It serves the owner alone: whatever anybody else taps or writes
there is left without an answer. Everything it knows lies in rows, so that it may be away, or lose its connection, as
long as it likes: the twin goes on without it, and the cards are brought up to date when it is back.
"""

import asyncio
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from telethon import Button, errors, events
from telethon.tl import functions, types

from bot import face
from bot.botchat import BotChat, Standing, note
from bot.control import Orders, verb
from bot.face import Act, Tap
from bot.live import end
from bot.outbox import Outbox, cancelled
from bot.shelf import Shelf
from bot.suggestion import Suggestion
from bot.taps import Taps
from data.errors import ExitCode, UserError
from data.telegram import PASSING, TROUBLE, Client, Login, connect, ends_login, explain

LOOK = 0.2
"""Seconds between two looks at the rows."""
FIRST, LONGEST = 1.0, 60.0
"""Seconds until the next try to connect; each waits twice as long as the one before."""
UNREACHED = 30.0
"""Seconds until the owner is looked for again; a word of theirs to the bot ends the wait."""
NOT_HERE = (errors.PeerIdInvalidError, errors.UserIsBlockedError, errors.InputUserDeactivatedError)
GONE = (errors.MessageIdInvalidError, errors.MessageEditTimeExpiredError, errors.MessageAuthorRequiredError)
"""The owner has deleted the card, or it can be changed no more."""
HELLO = (
    "This is your twin. What waits for you comes here as cards: Send, Edit, Another, Skip, or Pause chat. To send your"
    " own version, tap Edit, or answer the card.\n/status, /pause, /pause 2h, /resume, /mode CHAT ask, /log"
)
NOT_NOTED = "It could not be noted: is the disk full? Nothing was sent."


@dataclass(slots=True)
class Companion:
    """One bot of one owner."""

    login: Login
    token: str
    owner_id: int
    outbox: Outbox
    taps: Taps
    orders: Orders
    shelf: Shelf = field(init=False)
    _name: str = field(default="", init=False)
    _told: Standing | None = field(default=None, init=False)
    _edit_from: float = field(default=0.0, init=False)
    _seek_from: float = field(default=0.0, init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.taps, self.outbox)

    async def run(self) -> None:
        """Serve until cancelled; whatever goes wrong is tried again, ever less often. Returns when Telegram does not
        accept the token: then a person has to do something."""
        rest = FIRST
        while True:
            began = _clock()
            try:
                await self._serve()
            except errors.FloodWaitError as flood:
                rest = max(rest, float(flood.seconds))
            except UserError as error:
                self._stand(error.message, error.hint)
                if error.code is ExitCode.CONFIGURATION:
                    await self.outbox.to_owner(f"Your companion bot is off. {error.message} {error.hint}")
                    return
                if error.code is ExitCode.NOT_LOGGED_IN:  # its login has ended; the token makes another
                    self.login.session.unlink(missing_ok=True)
            except (Exception, asyncio.CancelledError) as error:  # the live client must go on, whatever this is
                if cancelled(error):
                    raise
                # Telethon cancels what is asked while it finds out that the login has ended; and a file may be damaged.
                if isinstance(error, asyncio.CancelledError) or ends_login(error) or _damaged(error):
                    self.login.session.unlink(missing_ok=True)
                self.outbox.emit("trouble", at="companion", error=type(error).__name__)
            if _clock() - began > LONGEST:
                rest = FIRST
            await asyncio.sleep(rest)
            rest = min(LONGEST, 2 * rest)

    async def _serve(self) -> None:
        async with connect(self.login, updates=True, patient=False, prepare=self._listen) as client:
            try:
                await self._enter(client)
                working = [
                    asyncio.ensure_future(each) for each in (client.run_until_disconnected(), self._show(client))
                ]
                try:
                    done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                finally:
                    await end(working)
            finally:
                self.outbox.bot = None
        self._stand("Telegram cannot be reached.", "Check the network; it is tried again.")

    async def _enter(self, client: Client) -> None:
        me = await client.get_me()
        number = self.token.partition(":")[0]
        if me is not None and (not me.bot or str(me.id) != number):  # the settings name another bot by now
            await client.log_out()
            raise ConnectionError("another bot's login")
        if me is None:
            try:
                me = await client.sign_in(bot_token=self.token)
            except (errors.AccessTokenInvalidError, errors.AccessTokenExpiredError) as error:
                told = explain(error)
                assert told
                raise told from error
        self._name = f"@{me.username}" if me.username else f"the bot {me.id}"
        self._seek_from = 0.0
        self.taps.cards.begin(me.id)

    def _listen(self, client: Client) -> None:
        client.add_event_handler(self._on_tap, events.CallbackQuery())
        client.add_event_handler(self._on_text, events.NewMessage(incoming=True))

    def _stand(self, trouble: str = "", fix: str = "") -> None:
        """Say how the bot stands, in the events and for `status`, when that has changed."""
        standing = Standing(self._name, trouble, fix)
        if standing != self._told:
            self._told = standing
            self.outbox.emit("companion", bot=self._name, **({"trouble": f"{trouble} {fix}"} if trouble else {}))
        with suppress(sqlite3.Error):
            note(self.outbox.live, standing)

    # --- what the owner does there

    async def _on_tap(self, event: Any) -> None:
        query = event.query
        if query.user_id != self.owner_id or getattr(query, "peer", None) != types.PeerUser(self.owner_id):
            return
        try:
            said = self.taps.tap(query.data, query.msg_id)
        except sqlite3.Error as error:
            said = NOT_NOTED
            self.outbox.emit("trouble", at="companion", error=type(error).__name__)
        self._wake.set()
        with suppress(*TROUBLE):  # too late for an answer, which changes nothing
            await event.answer(said[:200])
        await self._disown(query)

    async def _disown(self, query: Any) -> None:
        """Empty a card whose sending seemed lost, so that another one was sent for the same suggestion."""
        tap = Tap.of(query.data)
        placed = self.taps.cards.of(tap.suggestion_id) if tap else None
        if placed and placed.message_id not in (None, query.msg_id) and (chat := self.outbox.bot):
            with suppress(*TROUBLE):
                await self._write(chat, query.msg_id, "This suggestion has another card.", None)

    async def _on_text(self, event: Any) -> None:
        message = event.message
        if message.out or message.peer_id != types.PeerUser(self.owner_id):
            return
        self._seek_from = 0.0
        self.shelf.soon()
        self._wake.set()
        try:
            said = self._hear(message)
        except sqlite3.Error as error:
            said = NOT_NOTED
            self.outbox.emit("trouble", at="companion", error=type(error).__name__)
        if said:
            await self.outbox.to_owner(said)

    def _hear(self, message: Any) -> str | None:
        """What to say to a message of the owner's. Each counts once, however often it comes."""
        number, text = -message.id, message.message or ""  # Saved Messages are numbered from the other side of zero
        plain = message.media is None or isinstance(message.media, types.MessageMediaWebPage)
        own = plain and not message.fwd_from and not message.via_bot_id
        if own and text.startswith("/"):
            return self._order(number, text[1:].split(), message.date)
        with self.orders.control.obeying(number) as fresh:
            return self.taps.text(text, message.reply_to_msg_id, own=own) if fresh else None

    def _order(self, number: int, words: list[str], at: Any) -> str | None:
        words = verb([*(word.partition("@")[0] for word in words[:1]), *words[1:]])
        if words == ["start"]:
            return HELLO
        if words[:1] == ["pause"]:
            return None if self.orders.lifted(at) else self.orders.obey(number, words, at)
        if self.orders.late(at):
            return "That came too late to count. Say it again."
        return self.orders.obey(number, words, at)

    # --- what the owner sees there

    async def _show(self, client: Client) -> None:
        """Keep the cards true, for ever."""
        while True:
            self._wake.clear()
            try:
                if chat := self.outbox.bot or await self._find(client):
                    await self.shelf.look(partial(self._write, chat), partial(_buttons, chat))
                    if chat.error:
                        self._not_reached(chat.error)
            except PASSING as error:
                self.outbox.emit("trouble", at="companion", error=type(error).__name__)
                await asyncio.sleep(FIRST)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._wake.wait()

    async def _find(self, client: Client) -> BotChat | None:
        """The way to the owner. A bot cannot begin a chat: before the owner has started it there is none."""
        if _clock() < self._seek_from:
            return None
        self._seek_from = _clock() + UNREACHED
        try:
            peer = await client.get_input_entity(types.PeerUser(self.owner_id))
        except ValueError:
            self._stand("You have not started it.", f"Open {self._name} in Telegram and press Start.")
            return None
        self.outbox.bot = BotChat(client, peer)
        self._stand()
        return self.outbox.bot

    async def _write(self, chat: BotChat, message_id: int, text: str, suggestion: Suggestion | None) -> bool:
        """Change a card; False when that must wait."""
        if _clock() < self._edit_from:
            return False
        request = functions.messages.EditMessageRequest(
            chat.owner,
            message_id,
            message=text,
            no_webpage=True,
            reply_markup=_buttons(chat, suggestion) if suggestion else None,
        )
        try:
            await chat.client(request)
        except (errors.MessageNotModifiedError, *GONE):
            return True
        except errors.FloodError as flood:
            self._edit_from = _clock() + getattr(flood, "seconds", LONGEST)
            return False
        except errors.ServerError:
            self._edit_from = _clock() + FIRST
            return False
        except errors.RPCError as error:
            self._edit_from = _clock() + LONGEST
            self._not_reached(error)
            return False
        return True

    def _not_reached(self, error: Exception) -> None:
        """Telegram, or the owner, does not let the bot write. Raises what ends its login."""
        if ends_login(error):
            raise error
        if isinstance(error, NOT_HERE):
            self.outbox.bot, self._seek_from = None, _clock() + UNREACHED
            self._stand("You have not started it, or blocked it.", f"Open {self._name} in Telegram and press Start.")


def _buttons(chat: BotChat, suggestion: Suggestion) -> Any:
    def button(text: str, act: Act) -> Any:
        return Button.inline(text, Tap(suggestion.id, suggestion.revision, act).data)

    return chat.client.build_reply_markup([[button(text, act) for text, act in row] for row in face.BUTTONS])


def _damaged(error: BaseException) -> bool:
    return type(error) is sqlite3.DatabaseError


def _clock() -> float:
    return asyncio.get_running_loop().time()
