"""Check 6, first half: caps and quiet hours hold over restarts and over clocks that jump by a day. Judged by the
server's time alone, from what arrived there.
"""

import asyncio
import random
from collections import defaultdict
from datetime import time
from pathlib import Path
from typing import Any

from bench.live.house import House, house
from bench.live.mould import Mould
from bench.live.recording import words
from bench.live.street import OWNER
from bot.settings import LiveSettings

NIGHT = "23:00-07:30"
DAY = 86_400.0
SAYS, APART, AWAY = 8, 60.0, 3600.0
"""Between two restarts everybody writes so often, so many seconds apart; then nobody is there for an hour at most."""


async def check(mould: Mould, folder: Path, restarts: int) -> dict[str, Any]:
    """So many restarts, each with a clock that has jumped by a day, or back."""
    chance = random.Random(restarts)
    free: dict[str, Any] = {"in_a_row": 10**6, "quick_answers": 10**6, "owner_seconds": 0.0, "auto_days": 10**6}
    async with house(mould, folder / "limits", look=5.0, quiet_hours=NIGHT, debounce_seconds=4.0, **free) as here:
        for number in range(restarts):
            async with here.at_work():
                for turn in range(SAYS):
                    if turn == SAYS // 2:
                        here.clock.advance(chance.choice([DAY, -DAY]))
                    for chat in here.chats:
                        said = words(500_000 + 100 * number + turn)
                        await here.sandbox.say(chat, OWNER, f"{said}, {chat}")
                    await asyncio.sleep(chance.uniform(0.3, 1.5) * APART)
            await asyncio.sleep(chance.uniform(0, AWAY))
        turns = _turns(here)
        return {
            "cap_restarts": restarts,
            "automatic_turns": sum(map(len, turns.values())),
            "over_caps": _over(turns, LiveSettings()),
            "in_quiet_hours": sum(_is_night(here, at) for moments in turns.values() for at in moments),
            "virtual_hours": round(asyncio.get_running_loop().time() / 3600, 1),
        }


def _turns(here: House) -> dict[int, list[float]]:
    """When each automatic reply began to arrive, by chat."""
    first: dict[int, tuple[int, float]] = {}
    arrived = {each.text: at for each, at in here.arrivals()}
    rows = here.sent
    for suggestion, chat, text in rows:
        at = arrived[text]
        first[suggestion] = chat, min(at, first.get(suggestion, (chat, at))[1])
    turns: dict[int, list[float]] = defaultdict(list)
    for chat, at in sorted(first.values(), key=lambda each: each[1]):
        turns[chat].append(at)
    return turns


def _over(turns: dict[int, list[float]], limits: LiveSettings) -> int:
    """How often more replies began within a span than may."""
    every = sorted(at for moments in turns.values() for at in moments)
    over = _crowded(every, DAY, limits.all_day)
    for moments in turns.values():
        over += _crowded(moments, limits.chat_seconds, 1)
        over += _crowded(moments, 3600, limits.chat_hour)
        over += _crowded(moments, DAY, limits.chat_day)
    return over


def _crowded(moments: list[float], span: float, most: int) -> int:
    return sum(later - earlier < span - 0.5 for earlier, later in zip(moments, moments[most:], strict=False))


def _is_night(here: House, at: float) -> bool:
    start, end = (time.fromisoformat(part) for part in NIGHT.split("-"))
    clock = here.town_time(at).time()
    return clock >= start or clock < end
