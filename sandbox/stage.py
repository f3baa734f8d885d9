"""The second cast: six invented contacts and an owner with a way of writing (small letters, short bursts, dry).

Pictures in the documentation show this town, because no line of it was ever written by anybody but us.
"""

import random
from datetime import datetime, timedelta

from sandbox.box import Post
from sandbox.clock import Clock
from sandbox.furniture import furnish
from sandbox.people import Account
from sandbox.script import SCRIPT
from sandbox.town import Continuation, Line, Town

OWNER, FIRST_CONTACT = 300_001, 300_101


def stage_town(clock: Clock | None = None, *, seed: int = 0) -> Town:
    """The town of the pictures."""
    town = Town(clock=clock or Clock(), seed=seed, owner_id=OWNER)
    town.add(Account(OWNER, "Noa", "Lindqvist", "noa_lindqvist", "15550300999"))
    for number, name in enumerate(SCRIPT):
        first, last = name.split()
        contact = FIRST_CONTACT + number
        town.add(Account(contact, first, last, f"{first}_{last}".lower(), f"1555030{number:04d}"))
        town.befriend(OWNER, contact)
    posts = furnish(town)
    for contact, script in zip(sorted(town.owner.contacts), SCRIPT.values(), strict=True):
        past, later = script.split("==")
        chance = random.Random(f"stage {seed} {contact}")
        for line in _timed(past, town.clock.start - timedelta(days=2, hours=chance.randrange(20)), chance):
            sender, peer = (OWNER, contact) if line.mine else (contact, OWNER)
            posts.append(Post(sender, peer, line.at, line.text))
        lines = _timed(later, town.clock.start + timedelta(minutes=chance.randrange(5, 90)), chance)
        town.continuations.append(Continuation(contact, lines))
    town.remember(posts)
    town.continuations.sort(key=lambda continuation: continuation.messages[0].at)
    return town


def _timed(script: str, last_day: datetime, chance: random.Random) -> list[Line]:
    """Give the lines of a script their times: days apart at `--`, else some seconds; the last day is given."""
    days = [day.strip().splitlines() for day in script.split("--")]
    lines = []
    for number, day in enumerate(days):
        at = last_day - timedelta(days=3 * (len(days) - 1 - number))
        for spoken in day:
            mark, text = spoken.strip().split(" ", 1)
            lines.append(Line(mark == ">", text, at.replace(microsecond=0)))
            at += timedelta(seconds=chance.randrange(4, 12) + len(text) // 3)
    return lines
