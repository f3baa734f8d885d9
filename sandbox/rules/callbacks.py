"""Buttons below a bot's message: a tap reaches the bot, whose answer is the answer to the tap. A tap on a bot that is
away is lost, as it has no place in the bot's message box. core.telegram.org/api/bots/buttons."""

import asyncio
from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.call import Call
from sandbox.refusal import bad


async def tap(call: Call, request: functions.messages.GetBotCallbackAnswerRequest) -> types.messages.BotCallbackAnswer:
    """Press a button and wait for what the bot says. What the button holds is not checked: a client may send anything,
    and a bot must not trust it."""
    sandbox, peer = call.sandbox, call.peer(request.peer)
    post = call.post(request.msg_id, peer)
    bot = call.town.accounts[post.sender]
    if not bot.bot or bot.id not in post.ids:
        raise bad("MESSAGE_ID_INVALID")
    query, answered = call.town.random.getrandbits(62), asyncio.get_running_loop().create_future()
    sandbox.taps[query] = bot.id, answered
    acts.note(sandbox, "tap", call.me, bot.id, call.session)
    update = types.UpdateBotCallbackQuery(
        query, call.me, types.PeerUser(call.me), post.ids[bot.id], call.town.random.getrandbits(62), data=request.data
    )
    sandbox.tell(bot.id, [update], peers=[call.me])
    try:
        async with asyncio.timeout(sandbox.limits.callback):
            return await answered
    except TimeoutError:
        raise bad("BOT_RESPONSE_TIMEOUT") from None
    finally:
        del sandbox.taps[query]


def answer(call: Call, request: functions.messages.SetBotCallbackAnswerRequest) -> bool:
    """The bot's word, shown to whoever tapped."""
    if not call.town.accounts[call.me].bot:
        raise bad("USER_BOT_REQUIRED")
    bot, answered = call.sandbox.taps.get(request.query_id, (None, None))
    if bot != call.me or answered is None or answered.done():
        raise bad("QUERY_ID_INVALID")
    answered.set_result(
        types.messages.BotCallbackAnswer(request.cache_time, alert=request.alert, message=request.message)
    )
    return True


RULES: dict[type, Any] = {
    functions.messages.GetBotCallbackAnswerRequest: tap,
    functions.messages.SetBotCallbackAnswerRequest: answer,
}
