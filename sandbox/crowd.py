"""A town of any size, built in memory in a moment: so many private chats with so many invented messages each."""

import random
from datetime import timedelta

from sandbox.box import Post
from sandbox.clock import Clock
from sandbox.people import Account
from sandbox.town import Town

OWNER, FIRST = 500_001, 500_101
OPENINGS = ("hm,", "well,", "listen,", "ok so", "by the way,", "honestly,", "and", "no wait,", "yes,", "today")
MIDDLES = (
    "the boat is still at the pier",
    "we ran out of coffee again",
    "my sister wants to borrow the ladder",
    "it rained on the laundry",
    "the dog hid my left shoe",
    "somebody painted the bench green",
    "the train stood still for an hour",
    "I found the recipe after all",
)
ENDINGS = ("", "", "!", ", I think", ", as always", " :)", "?", ". no idea why", ", imagine")


def crowd_town(clock: Clock | None = None, *, dialogs: int = 20, messages: int = 1_500, seed: int = 0) -> Town:
    """`dialogs` contacts with `messages` each, a third of them the owner's, over the two years before the clock
    starts. Every text is different, and the same for the same seed."""
    town = Town(clock=clock or Clock(), seed=seed, owner_id=OWNER)
    town.add(Account(OWNER, "Sam", "Tide", "sam_tide", "15550500001"))
    chance = random.Random(f"crowd {seed}")
    step = timedelta(days=700) / max(1, messages)
    posts = []
    for number in range(dialogs):
        contact = FIRST + number
        town.add(Account(contact, f"Guest {number:03d}", "", f"guest_{number:03d}", f"1555051{number:04d}"))
        town.befriend(OWNER, contact)
        at = town.clock.start - timedelta(days=701) + timedelta(seconds=number)
        for line in range(messages):
            at += step
            sender, peer = (OWNER, contact) if chance.random() < 1 / 3 else (contact, OWNER)
            opening, middle, ending = chance.choice(OPENINGS), chance.choice(MIDDLES), chance.choice(ENDINGS)
            posts.append(Post(sender, peer, at, f"{opening} {middle}{ending} #{number}.{line}"))
    town.remember(posts)
    return town
