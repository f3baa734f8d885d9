"""Bots: logging in with a token, and what a bot may not do. core.telegram.org/api/bots."""

from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.box import Post
from sandbox.call import Call
from sandbox.refusal import bad
from sandbox.rules.auth import admit, check_application


def log_in(call: Call, request: functions.auth.ImportBotAuthorizationRequest) -> types.auth.Authorization:
    """Enter with the token that the bot's maker was given."""
    check_application(call, request)
    bot = next((a for a in call.town.accounts.values() if a.token and a.token == request.bot_auth_token), None)
    if bot is None:
        raise bad("ACCESS_TOKEN_INVALID")
    return admit(call, bot)


def start(call: Call, request: functions.messages.StartBotRequest) -> Any:
    """Press Start: from now on the bot may write."""
    bot = call.user(request.bot)
    if not call.town.accounts[bot].bot:
        raise bad("BOT_INVALID")
    post = Post(call.me, bot, call.town.clock.now(), "/start", random_id=request.random_id)
    return call.updates(acts.send(call.sandbox, post, call.session)[call.me], posts=[post])


def check(call: Call, peer: int) -> None:
    """Raises Refusal where a bot would have to begin: it may only write to whom has written to it."""
    me, other = call.town.accounts[call.me], call.town.accounts[peer]
    if me.bot and other.bot:
        raise bad("USER_IS_BOT")
    if me.bot and not call.town.has_met(call.me, peer):
        raise bad("PEER_ID_INVALID")


RULES = {
    functions.auth.ImportBotAuthorizationRequest: log_in,
    functions.messages.StartBotRequest: start,
}

OPEN = frozenset({functions.auth.ImportBotAuthorizationRequest})
"""What may be asked without being logged in."""

FOR_PEOPLE = frozenset(
    {
        functions.contacts.GetContactsRequest,
        functions.messages.GetDialogsRequest,
        functions.messages.GetHistoryRequest,
        functions.messages.GetPeerDialogsRequest,
        functions.messages.ReadHistoryRequest,
        functions.messages.SaveDraftRequest,
        functions.messages.SearchRequest,
        functions.messages.StartBotRequest,
    }
)
"""What a bot is refused: it sees what it is told, and never a chat list or a history."""
