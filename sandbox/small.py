"""A tiny town for tests: an owner, three contacts, 130 + 12 + 3 messages, the same every time."""

from datetime import timedelta

from sandbox.box import Post
from sandbox.clock import Clock
from sandbox.furniture import furnish
from sandbox.people import Account
from sandbox.town import Continuation, Line, Town

OWNER = 100_001
ALMA, BRUNO, CARLA = 100_101, 100_102, 100_103

THEIRS = ("are you awake", "did you see the lake today", "bring the blue bag", "ok!", "what time was it again?")
MINE = ("yep", "on my way :)", "haha no", "sure, the blue one", "not yet")


def small_town(clock: Clock | None = None, *, seed: int = 0, password: str | None = None) -> Town:
    """The tiny town. `password` gives the owner a second factor."""
    town = Town(clock=clock or Clock(), seed=seed, owner_id=OWNER)
    town.add(Account(OWNER, "Robin", "Vale", "robin_vale", "15550100001", password=password))
    town.add(Account(ALMA, "Alma", "Reyes", "alma_reyes", "15550100101", about="gardens and long walks"))
    town.add(Account(BRUNO, "Bruno", "Okafor", "brunookafor", "15550100102"))
    town.add(Account(CARLA, "Carla", "", None, "15550100103"))
    for contact in (ALMA, BRUNO, CARLA):
        town.befriend(OWNER, contact)
    posts = furnish(town)
    for contact, count, days in ((ALMA, 130, 40), (BRUNO, 12, 5), (CARLA, 3, 1)):
        posts += _chat(town, contact, count, days)
    town.remember(posts)
    town.continuations = [_continuation(town, contact) for contact in (ALMA, BRUNO)]
    return town


def _chat(town: Town, contact: int, count: int, days: int) -> list[Post]:
    start = town.clock.start - timedelta(days=days)
    step = timedelta(days=days) / (count + 1)
    posts = []
    for number in range(count):
        mine = number % 3 == 1
        lines = MINE if mine else THEIRS
        sender, peer = (OWNER, contact) if mine else (contact, OWNER)
        at = (start + step * number).replace(microsecond=0)
        posts.append(Post(sender, peer, at, f"{lines[number % len(lines)]} ({number + 1})"))
    return posts


def _continuation(town: Town, contact: int) -> Continuation:
    start = town.clock.start + timedelta(hours=1)
    said = [(False, "hey, one more thing"), (False, "are we still on for friday?"), (True, "yep, see you there")]
    lines = [Line(mine, text, start + timedelta(minutes=i)) for i, (mine, text) in enumerate(said)]
    return Continuation(contact, lines)
