"""The unseen half of the lines that redaction is measured on: `python -m tests.secrets.far > tests/secrets/far.jsonl`.

RULES ARE WRITTEN WITHOUT READING THIS FILE, its `far_*` neighbours or `far.jsonl`. Whoever writes a rule for redaction
looks at the near half only; a rule fitted to these lines would measure nothing. Every value is invented.
"""

import json
import re
import sys
from collections.abc import Iterator
from random import Random
from typing import Any
from unicodedata import normalize

from faker import Faker
from mnemonic import Mnemonic

from tests.secrets import far_people as people
from tests.secrets.far_key_lines import KEY_LINES
from tests.secrets.far_lines import CLEAN, LINES
from tests.secrets.far_tokens import token
from tests.secrets.far_wallets import address

SEED = 20_260_731
KINDS = {"code": "login code", "seed": "seed phrase"}
"""The kinds whose name in the sentences is shorter than in the file."""
PLACE = re.compile(r"\{([a-z]+):([^{}]*)\}")
GROUP = 4


def phrase(form: str, rng: Random) -> str:
    """A seed phrase of so many words with its checksum: `12`, and then a language or a way of writing it down."""
    count, _, style = form.partition(" ")
    language = style if style in ("french", "italian", "spanish") else "english"
    words = normalize("NFC", Mnemonic(language).to_mnemonic(rng.randbytes(int(count) * 4 // 3))).split()
    if style == "numbered":
        return " ".join(f"{number}. {word}" for number, word in enumerate(words, 1))
    if style == "capitals":
        return " ".join(words).upper()
    return {"commas": ", ", "rows": "\n"}.get(style, " ").join(words)


def account(form: str, faked: dict[str, Faker], rng: Random) -> str:
    """An IBAN: `DE`, in small letters `de`, in groups of four with a sign between them `DE ` or `DE-`."""
    country, between = form[:2], form[2:]
    plain = people.iban(country.lower(), faked, rng)
    typed = plain if country.isupper() else plain.lower()
    return between.join(typed[i : i + GROUP] for i in range(0, len(typed), GROUP))


def email(form: str, faked: dict[str, Faker], rng: Random) -> str:
    """A mailbox: `de` at a provider, `de*` as Faker makes it, or a pattern of one's own."""
    if "@" in form:
        return people.filled(form, rng)
    fake = faked[form[:2]]
    return str(fake.ascii_safe_email()) if form.endswith("*") else people.mailbox(form, fake, rng)


def value(kind: str, form: str, faked: dict[str, Faker], rng: Random) -> str:
    """One secret of a kind in a form. Raises KeyError for a form that there is not."""
    brand = form.rstrip(" -")
    return {
        "code": lambda: people.code(form, rng),
        "password": lambda: people.mixed(int(form[1:]), rng) if form[0] == "#" else form,
        "card": lambda: people.card(brand, form[len(brand) :], rng),
        "iban": lambda: account(form, faked, rng),
        "token": lambda: token(form, rng),
        "phone": lambda: faked[form].phone_number() if form in faked else people.filled(form, rng),
        "email": lambda: email(form, faked, rng),
        "wallet": lambda: address(form, rng),
        "seed": lambda: phrase(form, rng),
    }[kind]()


def filled(sentence: str, faked: dict[str, Faker], rng: Random) -> dict[str, Any]:
    """The sentence with its secrets in place, and where they lie."""
    text, secrets, read = "", [], 0
    for place in PLACE.finditer(sentence):
        text += sentence[read : place.start()]
        secret = value(place[1], place[2], faked, rng)
        secrets.append({"kind": KINDS.get(place[1], place[1]), "start": len(text), "end": len(text) + len(secret)})
        text, read = text + secret, place.end()
    return {"text": text + sentence[read:], "secrets": secrets}


def lines() -> Iterator[str]:
    """The file, line by line, the same on every call."""
    rng, faked = Random(SEED), people.fakers(SEED)
    rows = [filled(sentence, faked, rng) for sentence in (*LINES, *KEY_LINES, *CLEAN)]
    rng.shuffle(rows)
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.writelines(lines())
