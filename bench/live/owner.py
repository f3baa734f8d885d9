"""Check 5: the owner wins. Whoever writes first stops the twin, whatever it is at; what the owner began to type in the
input box is never overwritten. And two twins who talk to each other stop.
"""

import asyncio
import random
from pathlib import Path
from typing import Any

from bench.live.boxes import Boxes
from bench.live.house import UNCAPPED, House, house, joined
from bench.live.mould import Mould
from bench.live.recording import words
from bench.live.street import FIRST, OWNER
from bot.policy import Mode

SPAN = 6.0
"""Seconds from a message to the last bubble of its reply, at the most."""
FRIEND = 3
"""Which contact is a twin too: one whose number nobody shares."""
QUIET = 900.0
"""Virtual seconds after which two twins have stopped."""


async def interrupted(mould: Mould, folder: Path, times: int) -> dict[str, Any]:
    """In every chat at once, so many times in all: a message, and at a random moment the owner's own."""
    chance, after = random.Random(times), 0
    quick = {"debounce_seconds": 1.0, "bubble_seconds": 0.8}
    async with house(mould, folder / "owner", look=0.1, **{**UNCAPPED, **quick}) as here, here.at_work():
        for first in range(0, times, mould.contacts):
            chats = here.chats[: times - first]
            after += sum(await asyncio.gather(*(_interrupt(here, chat, chance.uniform(0, SPAN)) for chat in chats)))
    return {"owner_writes": times, "after_owner": after, "sent_before": len(here.delivered())}


async def _interrupt(here: House, chat: int, moment: float) -> int:
    """How many messages arrived after the owner's."""
    clock = asyncio.get_running_loop().time
    await here.sandbox.say(chat, OWNER, f"and now {words(200_000 + int(1000 * clock()))}")
    await asyncio.sleep(moment)
    written = clock()
    await here.sandbox.say(OWNER, chat, f"me: {words(300_000 + int(1000 * written))}")
    await asyncio.sleep(SPAN - moment + 3)
    return sum(each.peer_id == chat and at > written for each, at in here.arrivals())


async def drafted(mould: Mould, folder: Path, times: int) -> dict[str, Any]:
    """The same in mode `draft`: at a random moment the owner begins a text on another device."""
    chance, modes = random.Random(times), dict.fromkeys(range(mould.contacts), Mode.DRAFT)
    async with house(mould, folder / "drafts", modes, look=0.1, debounce_seconds=1.0) as here, here.at_work():
        await asyncio.sleep(70)  # the owner's last words are a minute old
        for first in range(0, times, mould.contacts):
            chats = here.chats[: times - first]
            await asyncio.gather(*(_draft(here, chat, chance.uniform(0, 2.5)) for chat in chats))
    boxes = Boxes()
    boxes.read(here.sandbox.journal.events)
    return {"owner_drafts": times, **boxes.counts, "drafts_gone": boxes.gone}


async def _draft(here: House, chat: int, moment: float) -> None:
    await here.sandbox.say(chat, OWNER, f"and now {words(400_000 + int(1000 * asyncio.get_running_loop().time()))}")
    await asyncio.sleep(moment)
    await here.sandbox.draft(OWNER, chat, "dear all")
    await asyncio.sleep(4 - moment)
    await here.sandbox.draft(OWNER, chat, "")
    await here.sandbox.read(OWNER, chat)
    await asyncio.sleep(3)


async def twins(mould: Mould, folder: Path, breaker_alone: bool) -> dict[str, Any]:
    """Two twins in one chat; each side's replies until both are silent. `breaker_alone` lifts every other limit."""
    lifted: dict[str, Any] = {"chat_seconds": 0.0, "chat_hour": 10**6, "owner_seconds": 0.0} if breaker_alone else {}
    given: dict[str, Any] = {"debounce_seconds": 8.0, "bubble_seconds": 1.5, **lifted}
    async with (
        house(mould, folder / f"one{breaker_alone}", {FRIEND: Mode.AUTO}, look=0.5, **given) as one,
        joined(one, FIRST + FRIEND, folder / f"other{breaker_alone}") as other,
    ):
        other.recording.said = dict.fromkeys(map(words, range(5_000)), OWNER)  # other words than the first one's
        async with one.at_work(), other.at_work():
            await one.sandbox.say(OWNER, FIRST + FRIEND, "hey, long time")
            before = -1
            while before != len(one.sandbox.journal.deliveries):
                before = len(one.sandbox.journal.deliveries)
                await asyncio.sleep(QUIET)
        automatic = "SELECT count(*) FROM suggestions WHERE surface = 'auto' AND state = 'sent'"
        return {"replies": [each.count(automatic) for each in (one, other)]}


async def check(mould: Mould, folder: Path, times: int) -> dict[str, Any]:
    """All of it."""
    found = await interrupted(mould, folder, times) | await drafted(mould, folder, times)
    sides = [await twins(mould, folder, alone) for alone in (True, False)]
    return found | {"twin_replies_max": max(n for each in sides for n in each["replies"]), "twins": sides}
