"""A household with a companion bot, and the owner's phone beside it: a second real login of the owner, which sees the
bot's chat, taps its buttons and writes there."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from telethon import TelegramClient, functions

from bot.botchat import Standing, noted
from bot.settings import CompanionSettings
from sandbox.people import Account
from sandbox.server import Sandbox
from sandbox.small import ALMA, small_town
from tests.household import Household, household, until
from tests.sandbox_clients import joining, phone_of

BOT, NAME = 100_960, "twin_of_robin_bot"
TOKEN = f"{BOT}:AAinventedinventedinventedinvented0"


@dataclass
class Phone:
    """Somebody's own Telegram app."""

    client: TelegramClient

    async def start(self) -> None:
        """Press Start in the bot's chat."""
        bot = await self.client.get_input_entity(NAME)
        await self.client(functions.messages.StartBotRequest(bot, bot, ""))

    async def write(self, text: str, answers: int | None = None) -> None:
        """Write to the bot."""
        await self.client.send_message(NAME, text, reply_to=answers)

    async def said(self) -> list[Any]:
        """What the bot has said, oldest first, as it stands there now."""
        return [m for m in reversed(await self.client.get_messages(NAME, limit=100)) if not m.out]

    async def cards(self) -> list[Any]:
        """Those of its messages that have buttons."""
        return [message for message in await self.said() if message.buttons]

    async def card(self, number: int = 1) -> Any:
        """The so-manieth card that waits, once it is there."""
        await self.until(lambda said: len([m for m in said if m.buttons]) >= number)
        return (await self.cards())[number - 1]

    async def until(self, holds: Any, within: int = 400) -> Any:
        """Look at the chat until something is so."""
        for _ in range(within):
            if holds(said := await self.said()):
                return said
            await asyncio.sleep(0.05)
        raise AssertionError("it did not come to be in the bot's chat")

    async def outcome(self, card: Any, words: str) -> None:
        """Wait until a card says what became of it."""
        await self.until(lambda said: any(m.id == card.id and words in m.text and not m.buttons for m in said))

    async def tap(self, card: Any, act: str) -> str:
        """Press a button of a card as it was when it was looked at; returns what the bot says."""
        data = next(button.data for row in card.buttons for button in row if button.data.endswith(f":{act}".encode()))
        return await self.press(card.id, data)

    async def press(self, message_id: int, data: bytes) -> str:
        """Send any tap, as a client of any kind could."""
        bot = await self.client.get_input_entity(NAME)
        answer = await self.client(functions.messages.GetBotCallbackAnswerRequest(bot, message_id, data=data))
        return str(answer.message)


@asynccontextmanager
async def companion_house(path: Path, **live: Any) -> AsyncIterator[tuple[Household, Phone]]:
    """The house, with the bot's token in its settings and agreed to, and the phone, on which the bot is started."""
    town = small_town()
    town.add(Account(BOT, "Robin's twin", username=NAME, bot=True, token=TOKEN))
    async with Sandbox(town) as sandbox, household(sandbox, path, **live) as house, joining(sandbox) as join:
        house.settings = house.settings.model_copy(update={"companion": CompanionSettings(token=SecretStr(TOKEN))})
        agree(house)
        phone = Phone(await join(phone_of(sandbox)))
        await phone.client.get_dialogs()
        await phone.start()
        yield house, phone
        assert sandbox.failures == []


def agree(house: Household, **more: list[str]) -> None:
    """The owner said yes before."""
    (house.home.path / "agreed.json").write_text(json.dumps({"companion": [str(BOT)], **more}))


def standing(house: Household) -> Standing | None:
    """How the bot stands, as another process reads it."""
    with house.live() as live:
        return noted(live)


async def stands(house: Household, words: str) -> None:
    """Wait until this is wrong with the bot; nothing is, with no words."""
    await until(lambda: (now := standing(house)) is not None and (words in now.trouble if words else not now.trouble))


async def alma_says(house: Household, text: str = "lunch was great") -> int:
    """A contact writes to the owner."""
    return await house.sandbox.say(ALMA, house.owner_id, text)
