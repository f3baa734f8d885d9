"""Invented people with a way of writing, so that what is measured is known beforehand."""

import random
from datetime import timedelta

from data.transcript import Transcript, Turn
from tests import training_models as models
from training.measures.exchange import Exchange

TOPICS = ("soup", "train", "garden", "movie", "match", "exam", "beach", "guitar", "market", "winter")


def quiet(chance: random.Random, topic: str) -> tuple[str, ...]:
    """Somebody who writes in lower case, in several short messages, without a full stop."""
    words = [f"haha {topic} yes", "ok sure", f"the {topic} is nice", "idk", "maybe later", "yep", "so tired", "cool"]
    return tuple(chance.choice(words) for _ in range(chance.randint(1, 3)))


def formal(chance: random.Random, topic: str) -> tuple[str, ...]:
    """Somebody who writes one whole sentence."""
    begin = chance.choice(("I believe that", "Certainly,", "In my opinion,", "Indeed,", "As you know,"))
    return (f"{begin} the {topic} {chance.choice(('was', 'is', 'will be'))} {chance.choice(('fine', 'excellent'))}.",)


def person(
    voice: object, seed: int = 1, chats: int = 8, talks: int = 8, each: int = 5, first_dialog: int = 1
) -> list[Exchange]:
    """Replies of a person: `chats` chats with `talks` conversations of `each` replies."""
    chance, found, number = random.Random(seed), list[Exchange](), seed * 10_000
    for dialog in range(first_dialog, first_dialog + chats):
        for talk in range(talks):
            number += 1
            for place in range(each):
                topic = chance.choice(TOPICS)
                at = models.NOON + timedelta(days=talk, hours=dialog, minutes=place)
                they = Turn(False, (f"what about the {topic}?",), at)
                reply = voice(chance, topic)  # type: ignore[operator]
                found.append(Exchange(dialog, number, at, Transcript((they,)), reply))
    return found
