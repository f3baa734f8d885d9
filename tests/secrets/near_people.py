"""What people tell each other: login codes, passwords, cards, IBANs, phone numbers, email addresses. All invented."""

import re
import string
from itertools import cycle
from random import Random

from faker import Faker

CARDS = (
    ("4", "4 4 4 4"),
    ("2200", "16"),
    ("51", "4-4-4-4"),
    ("37", "4 6 5"),
    ("4", "16"),
    ("2202", "4 4 4 4"),
    ("36", "4 6 4"),
    ("55", "16"),
    ("4", "13"),
    ("6759", "4 4 4 4 3"),
    ("34", "15"),
    ("6011", "4-4-4-4"),
    ("53", "4 4 4 4"),
    ("62", "19"),
    ("2204", "4-4-4-4"),
    ("38", "14"),
    ("35", "4 4 4 4"),
    ("5018", "18"),
    ("2223", "8 8"),
    ("6763", "17"),
)
"""Card schemes by their first digits, and how the number is written: digits of each group."""

IBANS = {
    "AT": "n16",
    "BE": "n12",
    "CH": "n5c12",
    "DE": "n18",
    "ES": "n20",
    "FR": "n10c11n2",
    "GB": "a4n14",
    "IE": "a4n14",
    "IT": "a1n10c12",
    "LT": "n16",
    "LV": "a4c13",
    "NL": "a4n10",
    "PL": "n24",
    "PT": "n21",
    "UA": "n6c19",
}
"""The account part of each country in the registry of IBANs: n digits, a capitals, c either."""

ALPHABETS = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}

PHONES = {
    "US": (
        "en_US",
        "+1 212 555 01##|(415) 555-01##|646.555.01##|312-555-01##|+1(702)55501##|20255501##|1 503 555 01##",
    ),
    "GB": ("en_GB", "+44 7700 900###|07700 900###|07700900###|+447700900###|0044 7700 900 ###|020 7946 0###"),
    "DE": ("de_DE", "+49 171 39200##|0171 39200##|0171/39200##|+4917139200##|0049 171 392 00 ##|(030) 23125###"),
    "FR": ("fr_FR", "+33 6 39 98 ## ##|06 39 98 ## ##|063998####|06.39.98.##.##|+33 (0)6 39 98 ## ##|0033 6 3998####"),
    "ES": ("es_ES", "+34 61# ### ###|62# ## ## ##|65#######|+3466#######|91# ### ###|68#-###-###"),
    "IT": ("it_IT", "+39 34# ### ####|33# ### ####|328#######|347-#######|+39333#######|06 4### ####"),
    "RU": (
        "ru_RU",
        "+7 916 ### ## ##|8 903 ### ## ##|8926#######|+7(999)###-##-##|8-911-###-##-##|+7985#######|921 #######",
    ),
    "UA": ("uk_UA", "+380 67 ### ## ##|067 ### ## ##|0(50)###-##-##|+38 (093) ### ## ##|093-###-##-##|38063#######"),
}
"""By country: Faker's locale, and numbers as people type them. Where a country keeps numbers for fiction, in those."""

LEET = str.maketrans("aeiost", "431057")
CYRILLIC = "абвгдежзиклмнопрстуфхцчшщюя"
FREE_MAIL = {"ru_RU": ("mail.ru", "yandex.ru", "list.ru"), "uk_UA": ("ukr.net", "i.ua", "gmail.com")}
LOCALES = tuple(locale for locale, _ in PHONES.values())


def luhn_digit(digits: str) -> str:
    """The last digit that makes a card number of `digits`."""
    doubled = (sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return str(-sum(doubled) % 10)


def iban_remainder(iban: str) -> int:
    """ISO 13616: 1 for a valid number without spaces."""
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97


class People:
    """Draws what people say; each method takes a form, written in near.txt after the kind."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.fakers = {locale: Faker(locale) for locale in LOCALES}
        for number, faker in enumerate(self.fakers.values()):
            faker.seed_instance(number)
        self.cards = cycle(CARDS)
        # Here and there (the empty form) a number as Faker writes it.
        self.phones = {
            country: cycle([*forms.split("|")[:2], "", *forms.split("|")[2:], ""])
            for country, (_, forms) in PHONES.items()
        }
        self.iban_forms = cycle((4, 0, 4, -4, 0))

    def text(self, alphabet: str, n: int) -> str:
        return "".join(self.rng.choices(alphabet, k=n))

    def code(self, form: str) -> str:
        """`form` is the length, or the lengths of the groups with what stands between them."""
        return re.sub(r"\d", lambda group: self.text(string.digits, int(group[0])), form)

    def password(self, form: str) -> str:
        style, locale = form.split()
        faker = self.fakers[locale]
        latin = faker if locale not in ("ru_RU", "uk_UA") else self.fakers["en_US"]
        name = self._plain(latin.first_name())
        year = str(self.rng.randint(1975, 2024))
        match style:
            case "word":
                return self.rng.choice((name, name.lower())) + self.rng.choice((year, year[2:], year[2:] + "!"))
            case "symbols":
                return name + self.rng.choice("@#$%&*_") + self.text(string.digits, 3) + self.rng.choice("!?*$#")
            case "leet":
                return (name.lower() + self._plain(latin.last_name()).lower()).translate(LEET)
            case "digits":
                return self.text(string.digits, self.rng.choice((8, 9, 10, 12)))
            case "random":
                return self.text(string.ascii_letters + string.digits + "!@#$%^&*-_+=", 13) + self.text("AbC789xyz", 1)
            case "phrase":
                return " ".join(self._plain(word).lower() for word in latin.words(4))
            case "cyrillic":
                return self.text(CYRILLIC, 8) + year
        raise ValueError(form)

    def card(self, _: str) -> str:
        prefix, groups = next(self.cards)
        length = sum(map(int, re.findall(r"\d+", groups)))
        digits = prefix + self.text(string.digits, length - len(prefix) - 1)
        rest = iter(digits + luhn_digit(digits))
        return re.sub(r"\d+", lambda group: "".join(next(rest) for _ in range(int(group[0]))), groups)

    def iban(self, country: str) -> str:
        account = "".join(self.text(ALPHABETS[a], int(n)) for a, n in re.findall(r"([nac])(\d+)", IBANS[country]))
        check = 98 - iban_remainder(f"{country}00{account}")
        plain = f"{country}{check:02}{account}"
        match next(self.iban_forms):
            case 4:
                return " ".join(re.findall(".{1,4}", plain))
            case -4:
                return " ".join(re.findall(".{1,4}", plain)).lower()
        return plain

    def phone(self, country: str) -> str:
        if form := next(self.phones[country]):
            return re.sub("#", lambda _: self.text(string.digits, 1), form)
        return str(self.fakers[PHONES[country][0]].phone_number())

    def email(self, form: str) -> str:
        if form == "idn":
            return f"{self.text(CYRILLIC, 7)}@пример.рф"
        faker = self.fakers.get(form, self.fakers["en_GB"])
        name = faker.user_name()
        match form:
            case "plus":
                return f"{name}+{faker.word()}@gmail.com"
            case "spelled":
                return f"{name} at gmail dot com"
        if self.rng.random() < 0.4:
            return str(faker.email())
        return f"{name}@{self.rng.choice(FREE_MAIL[form]) if form in FREE_MAIL else faker.free_email_domain()}"

    @staticmethod
    def _plain(name: str) -> str:
        """A name as it stands in a password: no spaces, hyphens or apostrophes."""
        return re.sub(r"\W", "", name)
