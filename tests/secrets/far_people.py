"""Invented codes, passwords, cards, accounts, numbers and addresses, as people type them.

Part of the unseen half, see `far`: rules are written without reading this file.
"""

from random import Random
from string import ascii_letters, digits

from faker import Faker

LOCALES = {
    "us": "en_US",
    "gb": "en_GB",
    "de": "de_DE",
    "fr": "fr_FR",
    "es": "es_ES",
    "it": "it_IT",
    "ru": "ru_RU",
    "ua": "uk_UA",
}
CARDS = {
    # How the number begins, how many digits it has, and in what groups it is printed.
    "visa": (("4",), 16, (4, 4, 4, 4)),
    "visaold": (("4",), 13, (4, 3, 3, 3)),
    "mastercard": (("51", "52", "53", "54", "55", "2221", "2650"), 16, (4, 4, 4, 4)),
    "amex": (("34", "37"), 15, (4, 6, 5)),
    "diners": (("36",), 14, (4, 6, 4)),
    "discover": (("6011", "65"), 16, (4, 4, 4, 4)),
    "jcb": (("3528", "3566"), 16, (4, 4, 4, 4)),
    "mir": (("2200", "2202", "2204"), 16, (4, 4, 4, 4)),
    "unionpay": (("62",), 19, (6, 13)),
    "maestro": (("5018", "6304"), 18, (4, 4, 4, 6)),
}
ACCOUNTS = {
    # Countries whose accounts Faker does not draw here: what their account numbers are made of (# a digit, A a letter).
    "nl": ("NL", "AAAA##########"),
    "pl": ("PL", "########################"),
    "be": ("BE", "############"),
    "at": ("AT", "################"),
    "ch": ("CH", "#################"),
    "pt": ("PT", "#####################"),
    "lt": ("LT", "################"),
    # Faker's Ukrainian accounts are letters mostly; the real ones are a bank's six digits, zeros and the account.
    "ua": ("UA", "3#####00000##############"),
}
MAILBOXES = {
    "us": ("gmail.com", "yahoo.com", "icloud.com", "proton.me"),
    "gb": ("btinternet.com", "hotmail.co.uk", "outlook.com"),
    "de": ("gmx.de", "web.de", "t-online.de", "posteo.de"),
    "fr": ("orange.fr", "free.fr", "laposte.net"),
    "es": ("hotmail.es", "gmail.com", "telefonica.net"),
    "it": ("libero.it", "tiscali.it", "virgilio.it"),
    "ru": ("mail.ru", "yandex.ru", "bk.ru"),
    "ua": ("ukr.net", "i.ua", "meta.ua"),
}


def fakers(seed: int) -> dict[str, Faker]:
    """A seeded Faker for each of the eight countries."""
    made = {country: Faker(locale) for country, locale in LOCALES.items()}
    for number, fake in enumerate(made.values()):
        fake.seed_instance(seed + number)
    return made


def filled(pattern: str, rng: Random) -> str:
    """The pattern with a random digit for each `#`."""
    return "".join(rng.choice(digits) if c == "#" else c for c in pattern)


def code(form: str, rng: Random) -> str:
    """A login code of so many digits: `6`, or with its separator `3 3`, `3-3`, or digit by digit `1-5`."""
    first = rng.choice("123456789")
    if form.isdigit():
        return first + filled("#" * (int(form) - 1), rng)
    left, between, right = int(form[0]), form[1], int(form[2])
    if left == 1:
        return between.join([first, *filled("#" * (right - 1), rng)])
    return first + filled("#" * (left - 1) + between + "#" * right, rng)


def mixed(length: int, rng: Random) -> str:
    """A password as a password manager makes it, with a letter first and a digit last."""
    inner = "".join(rng.choices(ascii_letters + digits + "!#$%&*+=?@^_", k=length - 3))
    return rng.choice(ascii_letters) + inner + rng.choice("!#%&*") + rng.choice(digits)


def luhn(number: str) -> int:
    """The sum of Luhn's test modulo 10: 0 for a sound number, whose digits alone are looked at."""
    figures = [int(c) for c in reversed(number) if c.isdigit()]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(figures)) % 10


def card(brand: str, between: str, rng: Random) -> str:
    """A card number of a brand, its groups with `between` between them."""
    heads, length, groups = CARDS[brand]
    head = rng.choice(heads)
    body = head + "".join(rng.choices(digits, k=length - len(head) - 1))
    number = body + str(-luhn(body + "0") % 10)
    starts = [sum(groups[:i]) for i in range(len(groups))]
    return between.join(number[start : start + size] for start, size in zip(starts, groups, strict=True))


def remainder(account: str) -> int:
    """An account number's remainder by 97: 1 for a sound IBAN, spaced or not, in either case."""
    plain = account.replace(" ", "").upper()
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97


def iban(country: str, faked: dict[str, Faker], rng: Random) -> str:
    """An unspaced IBAN with true check digits."""
    if country not in ACCOUNTS:
        return str(faked[country].iban())
    name, pattern = ACCOUNTS[country]
    body = filled(pattern.replace("AAAA", rng.choice(("INGB", "RABO", "ABNA", "KNAB"))), rng)
    return f"{name}{98 - remainder(name + '00' + body):02}{body}"


def mailbox(country: str, fake: Faker, rng: Random) -> str:
    """A made-up mailbox at a provider of that country; its four digits keep it from being somebody's."""
    login = fake.user_name().replace(".", "_")
    number = rng.randint(1000, 9999)
    local = rng.choice((f"{login}{number}", f"{login}.{number}", f"{login[0]}.{login}{number}", f"{login}_{number}"))
    return f"{local}@{rng.choice(MAILBOXES[country])}"
