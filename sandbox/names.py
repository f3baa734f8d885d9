"""Invented people: names, public names and phone numbers for a cast whose real ones are nobody's business."""

import random

from sandbox.people import Account

FIRST = (
    "Ada Ben Cleo Dario Edda Farid Greta Hugo Ines Jonas Kaja Liam Mara Nils Orla Pavel Quinn Rosa Samir Tilda "
    "Umar Vera Wanda Xenia Yusuf Zora Anton Bea Cyril Dunja Emil Flora Gideon Hanna Ivo Juna Kemal Lotte Milo Nadia "
    "Oskar Petra Rafael Selma Theo Ulla Viktor Wim Yara Zeno"
).split()
LAST = (
    "Abend Birch Calder Dorn Ekholm Falk Garnet Holm Ister Jansen Keller Lund Marsh Novak Olsen Parr Quill Rowe "
    "Sands Thorn Ulrich Vance Wells Yates Zeller Arden Brook Crane Dale Ember Frost Glen Heath Inman Jarvis Kirk Lark "
    "Moor Nash Orchard"
).split()


def invent(count: int, seed: int, first_id: int) -> list[Account]:
    """So many accounts, all different, the same for the same seed. One in five has no public name."""
    chance = random.Random(f"names {seed}")
    pairs = [(first, last) for first in FIRST for last in LAST]
    people = []
    for number, (first, last) in enumerate(chance.sample(pairs, count)):
        public = None if chance.random() < 0.2 else f"{first}_{last}{chance.randrange(10, 100)}".lower()
        people.append(Account(first_id + number, first, last, public, f"1555020{number:04d}"))
    return people
