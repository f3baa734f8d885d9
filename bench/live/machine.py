"""Check 1: a rule-based state machine (Hypothesis) over the real live client and its server.

A run is 50 steps of whatever chats, owners, networks and processes do to a twin; what must be true is held against what
the server delivered, the chat that each text was made for, and the rows (`truth`). Waiting costs nothing (`haste`).
"""

import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from bench.live.haste import HastyLoop
from bench.live.house import UNCAPPED, House, house
from bench.live.mould import Mould, mould
from bench.live.share import memory
from bench.live.street import FIRST, OWNER, strangers_write
from bench.live.truth import Truth
from bot.control import Control
from bot.inbox import Inbox
from bot.policy import Mode
from bot.review import Review
from bot.silence import silence
from bot.suggestion import Suggestions
from data.consent import Ledger

CHATS = 3
MODES = (Mode.AUTO, Mode.ASK, Mode.DRAFT)
LOOK, DEBOUNCE = 0.5, 2.0
BATCH = 20
"""So many runs come from one seed."""
PATIENCE = 600.0
"""Virtual seconds in which everything must be settled at the end: three readings of history."""
chats = st.integers(FIRST, FIRST + CHATS - 1)


class Machine(RuleBasedStateMachine):
    """One run. The counts of all runs are kept in the class."""

    mould: ClassVar[Mould]
    folder: ClassVar[Path]
    found: ClassVar[Counter[str]] = Counter()
    numbers: ClassVar[Any] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=HastyLoop)
        self.work = house(
            self.mould,
            self.folder / f"run{next(self.numbers)}",
            {number: MODES[number] for number in range(CHATS)},
            LOOK,
            debounce_seconds=DEBOUNCE,
            bubble_seconds=0.6,
            **UNCAPPED,
        )
        self.house: House = self.do(self.work.__aenter__())
        self.truth = Truth(self.house)
        self.do(self._begin())

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        """Let the loop run until this is done."""
        return self.runner.run(what)

    async def _begin(self) -> None:
        self.house.start()
        await self.house.until(lambda: self.house.counts["watching"] >= CHATS)

    def step(self, what: Coroutine[Any, Any, Any] | None = None, breath: float = 0.0) -> None:
        """One thing happens, and perhaps some time passes; then the rows are held against the truth."""
        self.found["steps"] += 1
        self.truth.begin()
        if what:
            self.do(what)
        self.do(asyncio.sleep(breath))
        self.truth.check()

    # --- the other side

    @rule(chat=chats, breath=st.sampled_from([0.0, 0.7]))
    def incoming(self, chat: int, breath: float) -> None:
        self.step(self.truth.said(chat), breath)

    @rule(chat=chats, count=st.integers(2, 4))
    def burst(self, chat: int, count: int) -> None:
        async def say() -> None:
            for _ in range(count):
                await self.truth.said(chat)

        self.step(say())

    @rule(chat=chats, breath=st.sampled_from([2.6, 3.2, 4.0]))
    def turn(self, chat: int, breath: float) -> None:
        """Long enough for a reply to be written, and perhaps for some of it to be sent."""
        self.step(self.truth.said(chat), breath)

    @rule(breath=st.sampled_from([2.6, 3.2, 4.0]))
    def everybody_at_once(self, breath: float) -> None:
        async def say() -> None:
            for chat in range(FIRST, FIRST + CHATS):
                await self.truth.said(chat)

        self.step(say(), breath)

    @rule(chat=chats)
    def edit(self, chat: int) -> None:
        if newest := self.truth.newest(chat):
            self.step(self.house.sandbox.edit(newest, f"no, {self.truth.fresh()}"))

    @rule(chat=chats)
    def delete(self, chat: int) -> None:
        if newest := self.truth.newest(chat):
            self.truth.vanished(chat, newest)
            self.step(self.house.sandbox.unsend(newest))

    @rule(chat=chats)
    def typing(self, chat: int) -> None:
        self.step(self.house.sandbox.typing(chat, OWNER))

    @rule()
    def strangers(self) -> None:
        self.step(strangers_write(self.house.sandbox, "hello there"))

    # --- the owner

    @rule(chat=chats, same=st.booleans())
    def owner_writes(self, chat: int, same: bool) -> None:
        """From another device; perhaps the very words that the twin is about to send."""
        self.step(self.truth.owner_writes(chat, self.truth.proposed(chat) if same else None))

    @rule(chat=chats)
    def owner_reads(self, chat: int) -> None:
        self.step(self.house.sandbox.read(OWNER, chat))

    @rule(chat=chats, empty=st.booleans())
    def owner_drafts(self, chat: int, empty: bool) -> None:
        self.step(self.truth.owner_drafts(chat, "" if empty else f"dear {self.truth.fresh()}"))

    @rule(do=st.sampled_from(["approve", "edit", "skip", "another"]), breath=st.sampled_from([0.0, 0.6, 2.0]))
    def decide(self, do: str, breath: float) -> None:
        self.step(self._decide(do), breath)

    async def _decide(self, do: str) -> None:
        archive, rows = self.house.archive, self.house.rows
        review = Review(archive, Suggestions(rows), Inbox(rows, timedelta(0)), self.truth.now)
        if cards := review.waiting():
            texts = [[self.house.recording.fresh(cards[0].suggestion.dialog_id)]] if do == "edit" else []
            getattr(review, do)(cards[0], *texts)

    @rule(breath=st.sampled_from([0.0, 0.6]))
    def pause_or_resume(self, breath: float) -> None:
        pausing = self.truth.paused_at is None
        self.found["pauses"] += pausing
        self.step(self._switch(pausing), breath)

    async def _switch(self, paused: bool) -> None:
        control = Control(self.house.rows)
        control.pause() if paused else control.resume(self.truth.now())
        self.truth.switched(paused)

    @rule(chat=chats, mode=st.sampled_from([*MODES, *MODES, Mode.OFF]))
    def set_mode(self, chat: int, mode: Mode) -> None:
        self.step(self._set_mode(chat, mode))

    async def _set_mode(self, chat: int, mode: Mode) -> None:
        if mode is Mode.OFF:
            silence(self.house.rows, chat, self.truth.now())
        else:
            self.house.allow(chat, mode)
        self.truth.listed(chat, mode is not Mode.OFF)

    @rule(chat=chats)
    def revoke(self, chat: int) -> None:
        self.step(self._revoke(chat))

    async def _revoke(self, chat: int) -> None:
        silence(self.house.rows, chat, self.truth.now())
        Ledger(self.house.archive).revoke(chat, self.truth.now())
        self.truth.listed(chat, False)

    # --- the network, the processes, the time

    @rule(
        fault=st.sampled_from(["repeat_updates", "reorder_updates", "lose_updates"]),
        count=st.integers(1, 4),
    )
    def spoil_updates(self, fault: str, count: int) -> None:
        getattr(self.house.sandbox.faults, fault)(count)
        self.step()

    @rule(fault=st.sampled_from(["lose_answer", "disconnect"]), request=st.sampled_from(["SendMessage", "GetHistory"]))
    def drop(self, fault: str, request: str) -> None:
        getattr(self.house.sandbox.faults, fault)(request)
        self.step()

    @rule(seconds=st.integers(1, 3), request=st.sampled_from(["SendMessage", "GetHistory", "SaveDraft"]))
    def flood(self, seconds: int, request: str) -> None:
        self.house.sandbox.faults.flood(request, seconds)
        self.step()

    @rule(down=st.sampled_from([0.0, 2.0, 20.0]))
    def server_restarts(self, down: float) -> None:
        self.found["restarts"] += 1
        self.step(self.house.sandbox.restart(down), 0.5)

    @precondition(lambda self: self.house.running)
    @rule(away=st.sampled_from([0.0, 5.0]))
    def client_restarts(self, away: float) -> None:
        async def again() -> None:
            await self.house.stop()
            await asyncio.sleep(away)
            self.house.start()

        self.found["restarts"] += 1
        self.step(again(), 0.7)

    @rule(seconds=st.sampled_from([0.6, 2.5, 7.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.step(breath=seconds)

    @rule(seconds=st.sampled_from([-300, -60, 60, 300]))
    def clock_jumps(self, seconds: int) -> None:
        self.house.clock.advance(seconds)
        self.step()

    # --- the end

    def teardown(self) -> None:
        try:
            self.do(self._end())
        finally:
            self.do(self.work.__aexit__(None, None, None))
            self.runner.close()
        self.found["runs"] += 1
        self.found["delivered"] += len(self.house.delivered())
        for name in ("drafts_given_back", "drafts_gone"):
            self.found[name] += self.house.counts[name]
        self.found.update(self.truth.broken)
        if broken := +self.truth.broken:
            raise AssertionError(f"broken: {dict(broken)}; {self.truth.why}")

    async def _end(self) -> None:
        """Everything is well again; then nothing may be left over."""
        self.truth.begin()
        self.house.sandbox.faults.clear()
        await self._switch(False)
        settled = await self.house.until(self.truth.settled, PATIENCE)
        self.truth.finish(settled)
        if self.house.ended:
            self.truth.note("crashed", "the client ended by itself")
        await self.house.stop()


def check(runs: int, start: int = 1, steps: int = 50, seconds: float = 1e9) -> dict[str, int]:
    """So many runs, or as many as there is time for; the counts of all of them, with those of what was broken. Each
    broken run is told of on stderr, with its steps."""
    end = time.monotonic() + seconds
    Machine.found = Counter()
    Machine.folder = Path(tempfile.mkdtemp(prefix="machine", dir=memory()))
    try:
        with asyncio.Runner(loop_factory=HastyLoop) as runner:
            Machine.mould = runner.run(mould(Machine.folder / "mould", CHATS))
        while Machine.found["runs"] < runs and time.monotonic() < end:
            left = min(BATCH, runs - Machine.found["runs"])
            chosen = settings(
                max_examples=left,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                print_blob=False,
            )
            try:
                run_state_machine_as_test(seed(start)(Machine), settings=chosen)
            except (AssertionError, Flaky) as error:  # the second where the broken run, played once more, held
                told = (*getattr(error, "exceptions", ()), *getattr(error, "__notes__", ()))
                print(f"seed {start}: {error}", *told, sep="\n", file=sys.stderr)
            start += 1
    finally:
        shutil.rmtree(Machine.folder, ignore_errors=True)
    return dict(Machine.found)
