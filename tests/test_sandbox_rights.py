"""Who may write where: blocked people, slow mode, members who may only read. As the real Telethon meets it."""

from collections.abc import AsyncIterator

import pytest
from telethon import errors, functions, types

from sandbox.people import SERVICE, Chat, channel_id
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, OWNER, small_town
from tests.sandbox_clients import Join, joining, opened, phone_of

CLUB = channel_id(700_100)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    town = small_town()
    town.found(Chat(CLUB, "Boat club", town.clock.start, ALMA, [OWNER, ALMA, BRUNO], megagroup=True))
    async with opened(town) as running:
        yield running


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


def said(sandbox: Sandbox) -> list[str]:
    """What was said, but for the login codes."""
    return [row.text for row in sandbox.log if row.sender_id != SERVICE]


async def test_between_two_of_whom_one_has_blocked_the_other_nothing_is_written(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    for client in (owner, alma):
        await client.get_dialogs()
    await owner(functions.contacts.BlockRequest(ALMA))
    assert [each.peer_id.user_id for each in (await owner(functions.contacts.GetBlockedRequest(0, 9))).blocked] == [
        ALMA
    ]
    with pytest.raises(errors.YouBlockedUserError):
        await owner.send_message(ALMA, "hey")
    with pytest.raises(errors.UserIsBlockedError):
        await alma.send_message(OWNER, "hey")
    await owner(functions.contacts.UnblockRequest(ALMA))
    await alma.send_message(OWNER, "hey again")
    assert said(sandbox) == ["hey again"]


async def test_in_slow_mode_a_member_waits_and_who_rules_does_not(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    for client in (owner, alma):
        await client.get_dialogs()
    await alma(functions.channels.ToggleSlowModeRequest(CLUB, 30))
    with pytest.raises(errors.ChatAdminRequiredError):
        await owner(functions.channels.ToggleSlowModeRequest(CLUB, 0))
    await owner.send_message(CLUB, "one")
    owner.flood_sleep_threshold = 0
    with pytest.raises(errors.SlowModeWaitError) as refused:
        await owner.send_message(CLUB, "two")
    assert 0 < refused.value.seconds <= 30
    await owner.send_message(ALMA, "elsewhere")
    for text in ("three", "four"):
        await alma.send_message(CLUB, text)
    sandbox.town.clock.advance(31)
    await owner.send_message(CLUB, "five")
    assert said(sandbox) == ["one", "elsewhere", "three", "four", "five"]


async def test_who_may_only_read_is_told_so(sandbox: Sandbox, join: Join) -> None:
    owner, alma = await join(phone_of(sandbox)), await join(phone_of(sandbox, ALMA))
    for client in (owner, alma):
        await client.get_dialogs()
    silent = types.ChatBannedRights(until_date=None, send_messages=True)
    loud = types.ChatBannedRights(until_date=None)
    await alma(functions.channels.EditBannedRequest(CLUB, OWNER, silent))
    with pytest.raises(errors.UserBannedInChannelError):
        await owner.send_message(CLUB, "one")
    await alma(functions.channels.EditBannedRequest(CLUB, OWNER, loud))
    await owner.send_message(CLUB, "two")
    await alma(functions.messages.EditChatDefaultBannedRightsRequest(CLUB, silent))
    with pytest.raises(errors.ChatWriteForbiddenError):
        await owner.send_message(CLUB, "three")
    await alma.send_message(CLUB, "four")
    assert said(sandbox) == ["two", "four"]
