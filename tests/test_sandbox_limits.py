"""What the sandbox allows, and how it ends things: differences, metered requests, takeouts, QR codes, logins."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from telethon import TelegramClient, errors, events, functions, types
from telethon.sessions import MemorySession

from sandbox.furniture import GROUP
from sandbox.refusal import Refusal
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, OWNER, small_town
from tests.household import until
from tests.sandbox_clients import PATIENCE, Ears, Join, joining, opened, phone_of


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with opened(small_town()) as running:
        yield running


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


async def state_of(client: TelegramClient) -> types.updates.State:
    return await client(functions.updates.GetStateRequest())


async def difference(client: TelegramClient, pts: int, **limits: int) -> types.updates.Difference:
    return await client(functions.updates.GetDifferenceRequest(pts=pts, date=None, qts=0, **limits))


async def test_a_difference_comes_in_slices_that_join_on_to_each_other(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    before = await state_of(client)
    said = [await sandbox.say(ALMA, OWNER, f"line {number}") for number in range(25)]
    sandbox.limits.slice = 10
    slices, pts = [], before.pts
    while isinstance(missed := await difference(client, pts), types.updates.DifferenceSlice):
        slices.append(missed)
        pts = missed.intermediate_state.pts
    assert len(slices) == 2
    assert [m.id for part in [*slices, missed] for m in part.new_messages] == said
    assert missed.state.pts == (await state_of(client)).pts == before.pts + 25
    assert isinstance(await difference(client, missed.state.pts), types.updates.DifferenceEmpty)


async def test_too_far_behind_a_client_is_told_to_read_anew(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    before = await state_of(client)
    for number in range(5):
        await sandbox.say(ALMA, OWNER, f"line {number}")
    sandbox.limits.difference = 4
    late = await difference(client, before.pts)
    assert isinstance(late, types.updates.DifferenceTooLong)
    assert late.pts == before.pts + 5
    assert isinstance(await difference(client, before.pts + 1), types.updates.Difference)
    assert isinstance(await difference(client, before.pts + 1, pts_total_limit=2), types.updates.DifferenceTooLong)
    # the town's past has no single changes any more
    sandbox.limits.difference = 10_000
    assert isinstance(await difference(client, 1), types.updates.DifferenceTooLong)


async def test_old_messages_are_edited_and_deleted_while_the_client_is_away(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    old = [m.id for m in await client.get_messages(ALMA, limit=None, wait_time=0)]
    group = [m.id for m in await client.get_messages(GROUP, limit=3)]
    before = await state_of(client)
    await client.disconnect()
    await sandbox.edit(old[120], "changed, long ago")
    await sandbox.unsend(old[110], group[2])
    await sandbox.delete(old[100], old[101])
    await client.connect()
    missed = await difference(client, before.pts)
    assert [type(u).__name__ for u in missed.other_updates] == [
        "UpdateEditMessage",
        "UpdateDeleteMessages",
        "UpdateDeleteMessages",
        "UpdateDeleteMessages",
    ]
    assert missed.other_updates[0].message.id == old[120]
    assert [u.messages for u in missed.other_updates[1:]] == [[old[110]], [group[2]], [old[100], old[101]]]
    assert missed.state.pts == before.pts + 5
    assert len(await client.get_messages(ALMA, limit=None, wait_time=0)) == 127


async def test_a_metered_history_refuses_for_a_set_time_and_counts_it(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox), flood_sleep_threshold=0)
    await client.get_dialogs()
    peer = await client.get_input_entity(ALMA)
    sandbox.limits.meter("GetHistoryRequest", rate=0.001, burst=2, wait=30)

    async def ask() -> None:
        client._flood_waited_requests.clear()  # Telethon itself would refuse, unasked
        await client(functions.messages.GetHistoryRequest(peer, 0, None, 0, 10, 0, 0, 0))

    await ask()
    await ask()
    with pytest.raises(errors.FloodWaitError) as caught:
        await ask()
    assert caught.value.seconds == 30
    sandbox.town.clock.advance(25)
    with pytest.raises(errors.FloodWaitError) as caught:
        await ask()
    assert caught.value.seconds <= 5
    assert (sandbox.limits.refused["GetHistory"], sandbox.calls["GetHistoryRequest"]) == (2, 4)
    await client.get_me()  # nothing else is metered
    sandbox.town.clock.advance(1000)
    await ask()


async def test_latency_delays_an_answer_and_holds_nothing_else_up(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    asked, sandbox.faults.latency = sandbox.calls["GetStateRequest"], PATIENCE
    slow = asyncio.create_task(state_of(client))
    await until(lambda: sandbox.calls["GetStateRequest"] > asked)
    sandbox.faults.latency = 0.0
    assert (await client.get_me()).id == OWNER
    assert not slow.done()
    slow.cancel()


async def test_a_takeout_wraps_requests_and_is_finished(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    sandbox.limits.meter("GetHistory", rate=0.001, burst=1, wait=600)
    async with client.takeout(users=True) as takeout:
        pulled = [m.id async for m in takeout.iter_messages(ALMA, wait_time=0)]
        number = takeout.session.takeout_id
    assert len(pulled) == 130
    assert {asked.takeout for asked in sandbox.requests if asked.name == "GetHistoryRequest"} == {True}
    with pytest.raises(errors.TakeoutInvalidError):
        await client(functions.InvokeWithTakeoutRequest(number, functions.updates.GetStateRequest()))
    with pytest.raises(errors.TakeoutRequiredError):
        await client(functions.messages.GetSplitRangesRequest())


async def test_a_takeout_may_have_to_wait(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    sandbox.faults.refuse("InitTakeoutSession", 420, "TAKEOUT_INIT_DELAY_86400")
    with pytest.raises(errors.TakeoutInitDelayError) as caught:
        async with client.takeout():
            pass
    assert caught.value.seconds == 86_400


async def test_a_range_of_messages_narrows_history_to_its_ids(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    whole = [m.id for m in await client.get_messages(ALMA, limit=None, wait_time=0)]
    number = (await client(functions.account.InitTakeoutSessionRequest())).id
    ranges = await client(functions.InvokeWithTakeoutRequest(number, functions.messages.GetSplitRangesRequest()))
    assert ranges[0].min_id == 1
    assert ranges[-1].max_id >= whole[0]
    peer = await client.get_input_entity(ALMA)
    history = functions.messages.GetHistoryRequest(peer, 0, None, 0, 100, 0, 0, 0)
    narrow = types.MessageRange(whole[40], whole[20])
    asked = functions.InvokeWithMessagesRangeRequest(narrow, history)
    answer = await client(functions.InvokeWithTakeoutRequest(number, asked))
    assert [m.id for m in answer.messages] == whole[20:41]


async def test_a_qr_code_expires_by_the_towns_clock(sandbox: Sandbox, join: Join) -> None:
    client = await join()
    qr = await client.qr_login()
    sandbox.town.clock.advance(31)
    with pytest.raises(Refusal, match="AUTH_TOKEN_EXPIRED"):
        await sandbox.accept_qr()
    await qr.recreate()
    waiting = asyncio.create_task(qr.wait())
    await asyncio.sleep(0)
    await sandbox.accept_qr()
    assert (await waiting).id == OWNER
    other = await join()
    sandbox.limits.qr_life = 0.0
    with pytest.raises(TimeoutError):
        await (await other.qr_login()).wait()


async def test_logging_out_ends_the_login_on_the_server(sandbox: Sandbox, join: Join) -> None:
    kept = await join(phone_of(sandbox))
    client = await join(phone_of(sandbox))
    key = client.session.auth_key
    await client.log_out()
    assert [e.kind for e in sandbox.events][-1] == "logout"
    session = MemorySession()
    session.auth_key = key
    again = await join(session=session)
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await again(functions.updates.GetStateRequest())
    assert (await kept.get_me()).id == OWNER


async def test_a_login_can_be_ended_from_elsewhere_in_the_middle_of_a_pull(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    sandbox.faults.let("GetHistory", 1)
    sandbox.faults.meanwhile("GetHistory", lambda: sandbox.log_out(OWNER))
    pulled = []

    async def pull() -> None:
        async for message in client.iter_messages(ALMA, wait_time=0):
            pulled.append(message.id)

    with pytest.raises(errors.AuthKeyUnregisteredError):
        await pull()
    assert len(pulled) == 100


async def test_something_can_happen_between_two_pages(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    ears = Ears(client, events.MessageDeleted())
    (oldest,) = await client.get_messages(ALMA, limit=1, reverse=True)
    sandbox.faults.let("GetHistory", 1)
    sandbox.faults.meanwhile("GetHistory", lambda: sandbox.unsend(oldest.id))
    pulled = [m.id async for m in client.iter_messages(ALMA, wait_time=0)]
    assert (len(pulled), oldest.id in pulled) == (129, False)
    assert (await ears.next()).deleted_ids == [oldest.id]
    assert await client.get_messages(BRUNO, limit=1)
