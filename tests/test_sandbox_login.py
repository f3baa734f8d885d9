"""Logging in to the sandbox with the real Telethon: code, password, QR, and everything that is refused."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from telethon import errors, functions

from sandbox.people import SERVICE
from sandbox.server import Sandbox
from sandbox.small import ALMA, small_town
from tests.sandbox_clients import Join, joining, opened, phone_of


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with opened(small_town()) as running:
        yield running


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


async def test_the_right_code_logs_in(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    me = await client.get_me()
    assert (me.id, me.first_name, me.last_name) == (sandbox.town.owner_id, "Robin", "Vale")
    assert [event.kind for event in sandbox.events] == ["login"]


async def test_a_wrong_code_is_refused_and_the_right_one_still_works(sandbox: Sandbox, join: Join) -> None:
    client, phone = await join(), phone_of(sandbox)
    await client.send_code_request(phone)
    right = sandbox.code_for(phone)
    wrong = "00000" if right != "00000" else "11111"
    with pytest.raises(errors.PhoneCodeInvalidError):
        await client.sign_in(phone, wrong)
    assert (await client.sign_in(phone, right)).id == sandbox.town.owner_id


async def test_a_code_does_not_live_longer_than_five_minutes(sandbox: Sandbox, join: Join) -> None:
    client, phone = await join(), phone_of(sandbox)
    await client.send_code_request(phone)
    sandbox.town.clock.advance(301)
    with pytest.raises(errors.PhoneCodeExpiredError):
        await client.sign_in(phone, sandbox.code_for(phone))


async def test_a_code_cannot_be_used_twice(sandbox: Sandbox, join: Join) -> None:
    client, phone = await join(), phone_of(sandbox)
    sent = await client.send_code_request(phone)
    code = sandbox.code_for(phone)
    await client.sign_in(phone, code)
    other = await join()
    with pytest.raises(errors.PhoneCodeExpiredError):
        await other(functions.auth.SignInRequest(phone, sent.phone_code_hash, code))


async def test_the_code_arrives_as_a_message_in_the_other_login(sandbox: Sandbox, join: Join) -> None:
    first = await join(phone_of(sandbox))
    await join(phone_of(sandbox))
    (newest,) = await first.get_messages(SERVICE, limit=1)
    login_codes = [row for row in sandbox.log if row.sender_id == SERVICE]
    assert newest.text == login_codes[-1].text
    assert newest.text.startswith("Login code: ")


async def test_an_unknown_number_is_not_let_in(sandbox: Sandbox, join: Join) -> None:
    client = await join()
    await client.send_code_request("+15559999999")
    with pytest.raises(errors.PhoneNumberUnoccupiedError):
        await client.sign_in("+15559999999", sandbox.code_for("+15559999999"))


async def test_a_wrong_api_hash_is_refused(sandbox: Sandbox, join: Join) -> None:
    client = await join(api_hash="not the town's")
    with pytest.raises(errors.ApiIdInvalidError):
        await client.send_code_request(phone_of(sandbox))
    with pytest.raises(errors.ApiIdInvalidError):
        await client.qr_login()


async def test_two_factor_wants_the_right_password(sandbox: Sandbox, join: Join) -> None:
    sandbox.town.owner.password = "tram 9 to the harbour"
    client, phone = await join(), phone_of(sandbox)
    await client.send_code_request(phone)
    with pytest.raises(errors.SessionPasswordNeededError):
        await client.sign_in(phone, sandbox.code_for(phone))
    assert not await client.is_user_authorized()
    with pytest.raises(errors.PasswordHashInvalidError):
        await client.sign_in(password="tram 9 to the harbor")
    me = await client.sign_in(password="tram 9 to the harbour")
    assert me.id == sandbox.town.owner_id


async def test_qr_login_after_the_phone_scans_it(sandbox: Sandbox, join: Join) -> None:
    client = await join()
    qr = await client.qr_login()
    waiting = asyncio.create_task(qr.wait(10))
    await asyncio.sleep(0)
    await sandbox.accept_qr()
    assert (await waiting).id == sandbox.town.owner_id


async def test_qr_login_accepted_by_another_login(sandbox: Sandbox, join: Join) -> None:
    phone = await join(phone_of(sandbox))
    client = await join()
    qr = await client.qr_login()
    waiting = asyncio.create_task(qr.wait(10))
    await asyncio.sleep(0)
    await phone(functions.auth.AcceptLoginTokenRequest(qr.token))
    assert (await waiting).id == sandbox.town.owner_id


async def test_qr_login_with_two_factor_wants_the_password(sandbox: Sandbox, join: Join) -> None:
    sandbox.town.owner.password = "plum jam"
    client = await join()
    qr = await client.qr_login()
    waiting = asyncio.create_task(qr.wait(10))
    await asyncio.sleep(0)
    await sandbox.accept_qr()
    with pytest.raises(errors.SessionPasswordNeededError):
        await waiting
    assert (await client.sign_in(password="plum jam")).id == sandbox.town.owner_id


async def test_after_logging_out_nothing_is_answered(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    other = await join(phone_of(sandbox))
    assert await client.log_out()
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await (await join())(functions.messages.GetAllDraftsRequest())
    assert await other.get_me()


async def test_a_login_ended_from_the_phone_is_unregistered(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    sandbox.log_out(sandbox.town.owner_id)
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await client.get_dialogs()


async def test_an_unknown_request_is_refused_by_name(
    sandbox: Sandbox, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    client = await join(phone_of(sandbox))
    with pytest.raises(errors.BadRequestError):
        await client(functions.messages.GetEmojiStickersRequest(hash=0))
    assert "GetEmojiStickersRequest" in caplog.text


async def test_a_contact_can_have_a_login_too(sandbox: Sandbox, join: Join) -> None:
    client = await join(f"+{sandbox.town.accounts[ALMA].phone}")
    assert (await client.get_me()).id == ALMA
