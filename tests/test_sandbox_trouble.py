"""What can go wrong on the way, and that the real Telethon comes through it: faults, restarts, gaps, absence."""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from zlib import crc32

import pytest
from telethon import errors, events, functions
from telethon.sessions import SQLiteSession

from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, OWNER, small_town
from tests.sandbox_clients import Ears, Join, joining, opened, phone_of


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with opened(small_town()) as running:
        yield running


@pytest.fixture
async def join(sandbox: Sandbox) -> AsyncIterator[Join]:
    async with joining(sandbox) as join:
        yield join


async def test_a_lost_answer_leaves_exactly_one_delivery(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox), request_retries=0, raise_last_call_error=True)
    await client.get_dialogs()
    peer = await client.get_input_entity(ALMA)
    sandbox.faults.lose_answer("SendMessageRequest")
    # the client reconnects and sends the same request again, which the town has already seen
    with pytest.raises(errors.RandomIdDuplicateError):
        await client(functions.messages.SendMessageRequest(peer, "only once", random_id=815))
    assert [row.text for row in sandbox.log if row.random_id == 815] == ["only once"]
    assert sandbox.calls["SendMessageRequest"] >= 2
    assert (await client.get_messages(ALMA, limit=1))[0].text == "only once"


async def test_a_connection_dropped_before_execution_is_made_good_by_the_client(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    sandbox.faults.disconnect("SendMessageRequest")
    await client.send_message(ALMA, "second try")
    assert [row.text for row in sandbox.log if row.sender_id == OWNER] == ["second try"]
    assert sandbox.calls["SendMessageRequest"] == 2


async def test_a_flood_wait_says_how_long(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox), flood_sleep_threshold=0)
    sandbox.faults.flood("GetDialogsRequest", 77)
    with pytest.raises(errors.FloodWaitError) as caught:
        await client.get_dialogs()
    assert caught.value.seconds == 77


async def test_any_refusal_can_be_planned_for_so_many_times(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    sandbox.faults.refuse("SendMessage", 400, "PEER_FLOOD", times=2)
    for _ in range(2):
        with pytest.raises(errors.PeerFloodError):
            await client.send_message(ALMA, "hello")
    assert await client.send_message(ALMA, "hello")


async def test_a_held_request_waits_and_the_others_go_on(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    hold = sandbox.faults.hold("SendMessageRequest")
    sending = asyncio.create_task(client.send_message(ALMA, "patience"))
    await hold.reached.wait()
    assert (await client.get_me()).id == OWNER
    assert not sending.done()
    hold.release()
    assert (await sending).text == "patience"


async def test_after_a_restart_the_client_goes_on_by_itself(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox), connection_retries=None)
    await client.get_dialogs()
    ears = Ears(client, events.NewMessage(incoming=True))
    address, key = sandbox.address, sandbox.public_key
    await sandbox.restart()
    assert (sandbox.address, sandbox.public_key) == (address, key)
    assert (await client.send_message(ALMA, "still here")).text == "still here"
    await sandbox.say(ALMA, OWNER, "me too")
    assert (await ears.next()).raw_text == "me too"


async def test_what_was_said_during_a_restart_is_fetched_with_the_next_message(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox), connection_retries=None)
    ears = Ears(client, events.NewMessage(incoming=True))
    await sandbox.stop()
    await sandbox.say(ALMA, OWNER, "nobody home?")
    await sandbox.start()
    assert (await client.get_me()).id == OWNER
    # Telethon does not ask for a difference after reconnecting, only when it sees a gap
    await sandbox.say(ALMA, OWNER, "ah, there you are")
    assert sorted(await ears.texts(2)) == ["ah, there you are", "nobody home?"]


async def test_a_new_salt_goes_unnoticed(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    sandbox.change_salt()
    assert (await client.get_me()).id == OWNER


async def test_shuffled_updates_are_heard_in_order(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    ears = Ears(client, events.NewMessage())
    sandbox.faults.reorder_updates(3)
    for text in ("one", "two", "three"):
        await sandbox.say(ALMA, OWNER, text)
    assert await ears.texts(3) == ["one", "two", "three"]


async def test_lost_updates_are_fetched_as_a_difference(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    ears = Ears(client, events.NewMessage())
    sandbox.faults.lose_updates(2)
    for text in ("lost", "lost too", "arrives"):
        await sandbox.say(ALMA, OWNER, text)
    assert sorted(await ears.texts(3)) == ["arrives", "lost", "lost too"]
    assert sandbox.calls["GetDifferenceRequest"] == 2


async def test_updates_can_come_late(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    ears = Ears(client, events.NewMessage())
    sandbox.faults.delay_updates(0.05)
    await sandbox.say(ALMA, OWNER, "by snail mail")
    assert ears.silent
    assert await ears.texts(1) == ["by snail mail"]


async def test_a_client_that_was_away_catches_up(sandbox: Sandbox, join: Join, tmp_path: Path) -> None:
    file = str(tmp_path / "account")
    first = await join(phone_of(sandbox), session=SQLiteSession(file))
    await first.get_dialogs()
    await first.disconnect()
    first.session.close()
    said = [f"while you were out {number}" for number in range(150)]
    for text in said:
        await sandbox.say(BRUNO, OWNER, text)
    again = await join(session=SQLiteSession(file), catch_up=True)
    ears = Ears(again, events.NewMessage())
    assert await ears.texts(len(said)) == said


async def test_a_difference_names_edits_deletes_and_reads_as_updates(sandbox: Sandbox, join: Join) -> None:
    client = await join(phone_of(sandbox))
    await client.get_dialogs()
    mine = await client.send_message(ALMA, "have you seen my keys")
    before = await client(functions.updates.GetStateRequest())
    kept = await sandbox.say(ALMA, OWNER, "on the shlef")
    gone = await sandbox.say(ALMA, OWNER, "oh no wait")
    await sandbox.edit(kept, "on the shelf")
    await sandbox.unsend(gone)
    await sandbox.read(ALMA, OWNER)
    missed = await client(functions.updates.GetDifferenceRequest(pts=before.pts, date=before.date, qts=0))
    assert [m.message for m in missed.new_messages] == ["on the shelf"]
    names = [type(update).__name__ for update in missed.other_updates]
    assert names == ["UpdateEditMessage", "UpdateDeleteMessages", "UpdateReadHistoryOutbox"]
    assert missed.other_updates[1].messages == [gone]
    assert missed.other_updates[2].max_id == mine.id
    now = await client(functions.updates.GetStateRequest())
    assert missed.state.pts == now.pts == before.pts + 5


async def test_an_unknown_key_is_turned_away(sandbox: Sandbox) -> None:
    host, port = sandbox.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    packet = struct.pack("<ii", 8 + 64 + 4, 0) + b"k" * 64
    writer.write(packet + struct.pack("<I", crc32(packet)))
    answer = await reader.readexactly(16)
    assert struct.unpack("<i", answer[8:12]) == (-404,)
    writer.close()
    await writer.wait_closed()
