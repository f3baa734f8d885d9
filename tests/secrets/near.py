"""Chat lines with secrets in them, written near the people who type them and without looking at what finds secrets.

`python -m tests.secrets.near > tests/secrets/near.jsonl` makes the file. The words are near.txt, written by hand; the
values are invented by Faker (whose version constraints.txt pins: another one draws others) and by chance with a fixed
seed. One line of JSON each: `{"text": ..., "secrets": [{"kind": ..., "start": ..., "end": ...}]}`, in code points.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.secrets.near_people import People
from tests.secrets.near_tokens import token
from tests.secrets.near_wallets import seed_phrase, wallet

SEED = 20250814
WORDS = Path(__file__).with_name("near.txt")
PLACE = re.compile(r"\{(\w+)(?::([^}]*))?\}")

Draw = Callable[[str], str]


def draws(rng: Random) -> dict[str, tuple[str, Draw]]:
    """By the word in near.txt: the kind as the file says it, and what draws a value of a form."""
    people = People(rng)
    return {
        "code": ("login code", people.code),
        "password": ("password", people.password),
        "card": ("card", people.card),
        "iban": ("iban", people.iban),
        "token": ("token", lambda form: token(rng, form)),
        "phone": ("phone", people.phone),
        "email": ("email", people.email),
        "wallet": ("wallet", lambda form: wallet(rng, form)),
        "seed": ("seed phrase", lambda form: seed_phrase(rng, form)),
    }


def filled(words: str, kinds: dict[str, tuple[str, Draw]]) -> dict[str, Any]:
    """One line of near.txt with a value in each of its places."""
    text, secrets, end = "", [], 0
    for place in PLACE.finditer(words):
        kind, value = kinds[place[1]]
        text += words[end : place.start()]
        secret = value(place[2] or "")
        secrets.append({"kind": kind, "start": len(text), "end": len(text) + len(secret)})
        text, end = text + secret, place.end()
    return {"text": text + words[end:], "secrets": secrets}


def lines() -> Iterator[str]:
    """The file, line by line, each with its newline."""
    rng = Random(SEED)
    kinds = draws(rng)
    words = [line for line in WORDS.read_text(encoding="utf-8").splitlines() if not line.startswith("# ")]
    made = [filled(line, kinds) for line in words]
    rng.shuffle(made)
    return (json.dumps(line, ensure_ascii=False) + "\n" for line in made)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    sys.stdout.writelines(lines())
