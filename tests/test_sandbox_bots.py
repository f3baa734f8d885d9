"""Bots in the sandbox, as the real Telethon meets them: a login by token, buttons below messages, and taps on them."""

from collections.abc import AsyncIterator

import pytest
from telethon import Button, TelegramClient, errors, events, functions, types

from sandbox.people import Account
from sandbox.server import Sandbox
from sandbox.small import OWNER, small_town
from tests.sandbox_clients import Ears, Join, joining, opened, phone_of

HELPER, TOKEN = 100_950, "100950:AAinventedinventedinventedinvented0"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    town = small_town()
    town.add(Account(HELPER, "Helper", username="helper_of_robin_bot", bot=True, token=TOKEN))
    async with opened(town) as running:
        yield running


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


async def begun(sandbox: Sandbox, join: Join) -> tuple[TelegramClient, TelegramClient]:
    """The owner, who has pressed Start, and the bot."""
    owner, bot = await join(phone_of(sandbox)), await join()
    await bot.sign_in(bot_token=TOKEN)
    started = Ears(bot, events.NewMessage())
    helper = await owner.get_input_entity("helper_of_robin_bot")
    await owner(functions.messages.StartBotRequest(helper, helper, ""))
    assert (await started.next()).raw_text == "/start"
    return owner, bot


async def test_a_bot_enters_with_its_token_and_with_no_other(sandbox: Sandbox, join: Join) -> None:
    bot = await join()
    with pytest.raises(errors.AccessTokenInvalidError):
        await bot.sign_in(bot_token=TOKEN[:-1])
    await bot.sign_in(bot_token=TOKEN)
    me = await bot.get_me()
    assert (me.id, me.bot) == (HELPER, True)
    with pytest.raises(errors.BotMethodInvalidError):
        await bot.get_dialogs()


async def test_a_bot_can_neither_see_nor_reach_whom_it_has_not_met(sandbox: Sandbox, join: Join) -> None:
    bot = await join()
    await bot.sign_in(bot_token=TOKEN)
    with pytest.raises(ValueError, match="input entity"):
        await bot.get_input_entity(OWNER)
    key = sandbox.town.access_hash(HELPER, OWNER)
    with pytest.raises(errors.PeerIdInvalidError):
        await bot(functions.messages.SendMessageRequest(types.InputPeerUser(OWNER, key), "hello"))
    assert not [each for each in sandbox.log if each.sender_id == HELPER]


async def test_a_tap_reaches_the_bot_and_its_word_comes_back(sandbox: Sandbox, join: Join) -> None:
    owner, bot = await begun(sandbox, join)
    taps = Ears(bot, events.CallbackQuery())
    heard = Ears(owner, events.NewMessage(incoming=True))
    await bot.send_message(OWNER, "well?", buttons=[[Button.inline("Yes", b"y"), Button.inline("No", b"n")]])
    asked = (await heard.next()).message
    assert [button.data for row in asked.buttons for button in row] == [b"y", b"n"]

    async def reply() -> None:
        tap = await taps.next()
        assert (tap.data, tap.sender_id) == (b"n", OWNER)
        await tap.answer("as you like", alert=True)
        with pytest.raises(errors.QueryIdInvalidError):
            await bot(functions.messages.SetBotCallbackAnswerRequest(tap.id, 0, message="again"))
        await tap.edit("well.")

    replying = bot.loop.create_task(reply())
    answer = await asked.click(data=b"n")
    await replying
    assert (answer.message, answer.alert) == ("as you like", True)
    now = await owner.get_messages("helper_of_robin_bot", ids=asked.id)
    assert (now.text, now.buttons) == ("well.", None)


async def test_a_tap_on_a_bot_that_is_away_is_lost(sandbox: Sandbox, join: Join) -> None:
    owner, bot = await begun(sandbox, join)
    sandbox.limits.callback = 0.1
    heard = Ears(owner, events.NewMessage(incoming=True))
    await bot.send_message(OWNER, "well?", buttons=[Button.inline("Yes", b"y")])
    asked = (await heard.next()).message
    await bot.disconnect()
    with pytest.raises(errors.BotResponseTimeoutError):
        await owner(functions.messages.GetBotCallbackAnswerRequest(asked.peer_id, asked.id, data=b"y"))
    assert sandbox.taps == {}
    with pytest.raises(errors.UserBotRequiredError):
        await owner(functions.messages.SetBotCallbackAnswerRequest(1, 0))
