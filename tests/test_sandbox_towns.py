"""The three towns, and the sandbox as a process."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from telethon import functions

from sandbox.life import OWNER, life_town
from sandbox.small import small_town
from sandbox.stage import stage_town
from sandbox.town import Town
from tests.sandbox_clients import joining, opened, phone_of

WEEK = timedelta(weeks=1)


@pytest.fixture(scope="module")
def corpus() -> Town:
    pytest.importorskip("chitchat_dataset", reason="pip install 'doppelgram[demo]'")
    from sandbox.cast import corpus_town

    return corpus_town()


def test_the_corpus_town_is_large_and_ordered(corpus: Town) -> None:
    box = corpus.boxes[corpus.owner_id]
    dates = [box.posts[i].at for i in sorted(box.posts)]
    people = {contact.id for contact in corpus.contacts}
    private = [post for post in box.posts.values() if post.peer_for(corpus.owner_id) in people]
    assert len(private) >= 10_000
    assert len(people) >= 40
    assert dates == sorted(dates)
    assert all(post.text for post in private)
    assert len({contact.name for contact in corpus.contacts}) == len(people)


def test_the_corpus_ends_within_the_past_week_and_keeps_its_weekdays(corpus: Town) -> None:
    from sandbox.cast import OWNER_UUID, conversations_of

    box = corpus.boxes[corpus.owner_id]
    last = max(post.at for post in box.posts.values())
    assert corpus.clock.start - WEEK <= last <= corpus.clock.start
    assert (corpus.clock.start.strftime("%A"), corpus.clock.start.hour) == ("Tuesday", 15)
    lines = [line for c in conversations_of(OWNER_UUID) for line in c.messages]
    count = Counter(line.text for line in lines)
    real = {line.text: line.at for line in lines if count[line.text] == 1}
    shifts = {post.at - real[post.text] for post in box.posts.values() if post.text in real}
    assert len(shifts) == 1
    assert shifts.pop() % WEEK == timedelta()


def test_continuations_are_later_and_not_in_the_town(corpus: Town) -> None:
    box = corpus.boxes[corpus.owner_id]
    present = {(post.sender == corpus.owner_id, post.text, post.at) for post in box.posts.values()}
    held = [(line.mine, line.text, line.at) for c in corpus.continuations for line in c.messages]
    assert len(corpus.continuations) >= 20
    assert {c.contact_id for c in corpus.continuations} <= {a.id for a in corpus.contacts}
    assert present.isdisjoint(held)
    starts = [c.messages[0].at for c in corpus.continuations]
    assert starts == sorted(starts)


def test_the_corpus_town_is_the_same_for_the_same_seed(corpus: Town) -> None:
    from sandbox.cast import corpus_town

    again, other = corpus_town(), corpus_town(seed=1)
    assert [a.name for a in again.contacts] == [a.name for a in corpus.contacts]
    assert [a.name for a in other.contacts] != [a.name for a in corpus.contacts]
    assert again.boxes[again.owner_id].by_peer == corpus.boxes[corpus.owner_id].by_peer


def test_other_people_of_the_corpus_can_be_measured_as_controls() -> None:
    pytest.importorskip("chitchat_dataset", reason="pip install 'doppelgram[demo]'")
    from sandbox.cast import CONTROLS, conversations_of

    conversations = conversations_of(CONTROLS[0])
    assert sum(len(c.messages) for c in conversations) > 3_000
    assert all({line.mine for line in c.messages} == {True, False} for c in conversations)
    with pytest.raises(LookupError):
        conversations_of("no such person")


async def test_a_client_pulls_the_whole_corpus_town(corpus: Town) -> None:
    async with opened(corpus) as sandbox, joining(sandbox) as join:
        client = await join(phone_of(sandbox))
        dialogs = [dialog.id for dialog in await client.get_dialogs()]
        assert {contact.id for contact in corpus.contacts} < set(dialogs)
        largest = max((a.id for a in corpus.contacts), key=lambda i: len(sandbox.texts(i)))
        pulled = [m.text async for m in client.iter_messages(largest, wait_time=0)]
        assert pulled[::-1] == [line.text for line in sandbox.texts(largest)]


def test_the_stage_has_enough_lines_and_goes_on() -> None:
    town = stage_town()
    assert len(town.contacts) >= 6
    for contact in town.contacts:
        assert 15 <= len(town.boxes[town.owner_id].by_peer[contact.id]) <= 30
    assert {c.contact_id for c in town.continuations} == {a.id for a in town.contacts}
    for continuation in town.continuations:
        assert not continuation.messages[0].mine
        assert continuation.messages[-1].mine
        assert continuation.messages[0].at > town.clock.start


def test_no_small_or_stage_message_lies_in_the_future() -> None:
    for town in (small_town(), stage_town()):
        posts = town.boxes[town.owner_id].posts.values()
        assert max(post.at for post in posts) <= town.clock.start


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(sys.executable, "-m", "sandbox", *arguments, stdin=pipe, stdout=pipe)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()


async def ask(running: asyncio.subprocess.Process, line: str) -> object:
    assert running.stdin
    assert running.stdout
    running.stdin.write(line.encode() + b"\n")
    return json.loads(await running.stdout.readline())


async def test_the_process_greets_obeys_and_quits() -> None:
    async with process("--town", "stage", "--owner-password", "plum") as running:
        assert running.stdout
        hello = json.loads(await running.stdout.readline())
        assert set(hello) >= {"address", "dc", "public_key", "api_id", "api_hash", "owner", "contacts"}
        said = await ask(running, 'say Juno it\'s "raining" again')
        assert isinstance(said, dict)
        assert said["id"] > 0
        await ask(running, "own @juno_castellan lovely")
        log = await ask(running, "log")
        assert isinstance(log, list)
        assert [row["text"] for row in log] == ['it\'s "raining" again', "lovely"]
        assert await ask(running, "fault flood SendMessageRequest 3") == {"ok": True}
        assert await ask(running, "restart") == {"ok": True}
        assert "error" in (await ask(running, "sing") or {})  # type: ignore[operator]
        assert "error" in (await ask(running, "say Nobody hello") or {})  # type: ignore[operator]
        assert await ask(running, "quit") == {"ok": True}
        assert await running.wait() == 0


async def test_the_process_serves_a_whole_life_whose_limits_can_be_set() -> None:
    async with process("--town", "life") as running:
        assert running.stdout
        hello = json.loads(await running.stdout.readline())
        assert {"Nina Holt", "Otto Brand"} < {contact["name"] for contact in hello["contacts"]}
        assert await ask(running, "write -510100 Otto dinner at six") == {"id": life_town().boxes[OWNER].top + 1}
        for line in (
            "limit meter GetHistory 1.5 20 30",
            "limit qr-life 5",
            "fault let GetHistory 3",
            "fault log-out X",
        ):
            assert await ask(running, line) == {"ok": True}
        for line in ("limit sky 3", "write -1 Otto hi"):
            assert "error" in (await ask(running, line) or {})  # type: ignore[operator]


async def test_the_process_serves_on_after_the_end_of_its_input() -> None:
    async with process() as running:
        assert running.stdout
        assert running.stdin
        hello = json.loads(await running.stdout.readline())
        running.stdin.close()
        await running.stdin.wait_closed()
        host, port = hello["address"].split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        await writer.wait_closed()
        assert running.returncode is None


async def test_any_telethon_request_for_configuration_is_answered() -> None:
    async with opened(small_town()) as sandbox, joining(sandbox) as join:
        client = await join()
        config = await client(functions.help.GetConfigRequest())
        assert (config.this_dc, config.dc_options[0].port) == (sandbox.dc, sandbox.port)
        assert (await client(functions.help.GetNearestDcRequest())).nearest_dc == sandbox.dc
