"""What was written before the twin was to listen is history, and once it is no longer to listen it stops in mid-word
and forgets what it has read."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.livedb import MIGRATIONS, LiveDb
from bot.policy import Mode, Policy
from bot.settings import LiveSettings
from bot.suggestion import State
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog
from data.store import Store
from data.transcript import Scope
from sandbox.clock import Clock
from sandbox.server import Sandbox
from sandbox.small import ALMA, small_town
from tests.fakes import HandClock, RecordedGenerator
from tests.household import Household, now, person, settle, told, until
from tests.terminal import Terminal, ended


def switch(house: Household, dialog: Dialog, mode: Mode) -> None:
    with house.live() as live:
        Policy(live, house.settings.live).set_mode(dialog, mode, now())


def grant(house: Household, dialog: Dialog, scope: Scope) -> None:
    with house.archive() as archive:
        Ledger(archive).grant(dialog.id, scope, "test", "test", now())


def revoke(house: Household, dialog: Dialog) -> None:
    with house.archive() as archive:
        Ledger(archive).revoke(dialog.id, now())


# --- history


@pytest.mark.parametrize("client", ["running", "between two looks", "stopped"])
async def test_what_was_written_while_a_chat_was_off_is_never_answered(house: Household, client: str) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)

    async def missed() -> None:
        switch(house, anna, Mode.OFF)
        await settle(0.3 if client == "running" else 0)
        await house.sandbox.say(anna.id, house.owner_id, "are you there?")
        switch(house, anna, Mode.AUTO)

    async with house.running():
        if client != "stopped":
            await missed()
            await house.heard("watching", dialog=anna.id, times=2)
            await settle()
    if client == "stopped":
        await missed()
        async with house.running():
            await settle()
    assert house.outcomes() == {}
    async with house.running():
        later = await house.sandbox.say(anna.id, house.owner_id, "hello??")
        await house.heard("sent")
    assert set(house.outcomes()) == {(anna.id, later)}


async def test_what_was_written_while_the_other_sides_words_were_not_allowed_is_never_answered(
    house: Household,
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        pass
    grant(house, anna, Scope.OWN)
    await house.sandbox.say(anna.id, house.owner_id, "are you there?")
    grant(house, anna, Scope.CHAT)
    async with house.running():
        await settle()
    assert house.outcomes() == {}


async def test_what_came_between_the_listing_and_the_first_start_is_answered(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    house.sandbox.town.clock.advance(1)  # Telegram's times are whole seconds
    message_id = await house.sandbox.say(anna.id, house.owner_id, "are you there?")
    async with house.running():
        await house.heard("sent")
    assert house.outcomes() == {(anna.id, message_id): "suggested"}


async def test_another_mode_does_not_make_history_of_what_waits(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        pass
    await house.sandbox.say(anna.id, house.owner_id, "are you there?")
    switch(house, anna, Mode.AUTO)
    async with house.running():
        await house.heard("sent")


async def test_what_was_written_before_the_login_is_never_answered(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox:
        sandbox.town.clock = Clock(datetime.now(UTC))
        shell = Terminal(tmp_path, sandbox)
        await shell.enter()
        (await shell("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
        (await shell("chats", "set", "Alma Reyes", "--mode", "ask")).ok()
        await watched(shell)
        (await shell("logout")).ok()
        await sandbox.say(ALMA, sandbox.town.owner_id, "are you there?")
        (await shell.login()).ok()
        await watched(shell)
        live = LiveDb(shell.home / "live.db")
        assert live.db.execute("SELECT count(*) FROM inbox").fetchone()[0] == 0
        live.close()


async def watched(shell: Terminal) -> None:
    """A live client that has read the chat, and is stopped."""
    process = await shell.start('[["yep"]]', program=("-m", "tests.child_run"))
    assert process.stdout
    async for line in process.stdout:
        if b"watching" in line:
            break
    process.terminate()
    await ended(process)


def test_a_chat_listed_before_this_was_kept_counts_as_listed_when_its_mode_was_set(tmp_path: Path) -> None:
    first = Store(tmp_path / "live.db", MIGRATIONS[:1], "FULL", "")
    first.db.execute("INSERT INTO policy VALUES (5, 'ask', 7.0)")
    first.close()
    live = LiveDb(tmp_path / "live.db")
    assert Policy(live, LiveSettings()).listed(5).at == 7.0
    live.close()


# --- no longer listening


@pytest.mark.parametrize("how", ["revoked", "narrowed", "off"])
async def test_a_reply_in_the_making_stops_when_the_twin_is_no_longer_to_listen(house: Household, how: str) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = RecordedGenerator(gate=threading.Event())
    async with house.running(generator):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await until(lambda: bool(generator.asked))
        if how == "revoked":
            revoke(house, anna)
        elif how == "narrowed":
            grant(house, anna, Scope.OWN)
        else:
            switch(house, anna, Mode.OFF)
        await house.heard("off")
        await until(lambda: generator.forgotten == [anna.id])
    assert generator.stopped == 1
    assert set(house.outcomes().values()) == {"off"}
    assert house.suggestions() == []


async def test_a_suggestion_whose_chat_is_revoked_in_the_last_moment_is_not_offered(house: Household) -> None:
    """Nothing has noticed it yet when the reply is there: what counts is the ledger, not what was seen of it."""
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)

    class Revoking(RecordedGenerator):
        def reply(self, *arguments: object, **more: object) -> list[object]:  # type: ignore[override]
            archive = Archive(house.home.archive)
            Ledger(archive).revoke(anna.id, now())
            archive.close()
            return super().reply(*arguments, **more)  # type: ignore[arg-type, return-value]

    async with house.running(Revoking()):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("off")
    assert house.suggestions() == []
    assert anna.id not in house.sandbox.town.boxes[house.owner_id].drafts


async def test_what_waits_in_a_chat_whose_consent_is_narrowed_ends(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
        grant(house, anna, Scope.OWN)
        await house.heard("superseded")
        await until(lambda: anna.id not in house.sandbox.town.boxes[house.owner_id].drafts)


# --- forgotten


@pytest.mark.parametrize("alive", ["running", "paused", "stopped", "writing"])
async def test_forgetting_a_chat_takes_the_twins_words_out_of_its_input_box(
    house: Household, tmp_path: Path, alive: str
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    drafts = house.sandbox.town.boxes[house.owner_id].drafts
    shell = Terminal(tmp_path, house.sandbox)
    gate = threading.Event()
    gate.set()
    generator = RecordedGenerator(gate=gate)
    with house.home.holding_login("run"):
        async with house.running(generator):
            await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
            await house.heard("offered", surface="draft")
            assert anna.id in drafts
            if alive == "paused":
                (await shell("pause")).ok()
            if alive == "writing":
                gate.clear()
                await house.sandbox.say(anna.id, house.owner_id, "and dinner too")
                await until(lambda: len(generator.asked) == 2)
            if alive != "stopped":
                done = (await shell("forget", str(anna.id), "--yes", "--json")).ok().json
                await until(lambda: generator.forgotten == [anna.id])
    if alive == "stopped":
        done = (await shell("forget", str(anna.id), "--yes", "--json")).ok().json
    assert done["removed"]["draft_left"] is False
    assert anna.id not in drafts
    assert house.suggestions() == []
    assert house.delivered() == []


async def test_forgetting_a_chat_out_of_reach_says_that_words_may_be_left(house: Household, tmp_path: Path) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
    await house.sandbox.stop()
    done = (await Terminal(tmp_path, house.sandbox)("forget", str(anna.id), "--yes")).ok()
    assert "input box" in done.err
    assert house.suggestions(State.OFFERED) == []


async def test_a_chat_whose_history_cannot_be_read_is_tried_ever_less_often(house: Household) -> None:
    anna, clock = person(house), HandClock()
    house.allow(person(house, 1).id, Mode.AUTO)  # it has been read, and Saved Messages before it, once the client runs
    async with house.running(now=clock):
        house.sandbox.faults.refuse("GetHistory", 400, "CHANNEL_PRIVATE", times=1000)
        house.allow(anna.id, Mode.AUTO)
        for tried, seconds in enumerate((0, 0.6, 1.1, 2.1), 1):
            clock.forward(seconds)
            await house.heard("trouble", times=tried, dialog=anna.id, error="ChannelPrivateError")
            await settle(1.5)
            assert len([event for event in house.events if event["event"] == "trouble"]) == tried, "it waits"
        house.sandbox.faults.clear()
        clock.forward(5)
        await house.heard("watching", dialog=anna.id)
        await until(lambda: bool(told(house)))
    (notice,) = told(house)
    assert notice.startswith(f"{anna.title} can no longer be read.")
