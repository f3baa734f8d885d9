"""Card numbers (ISO 7812, Luhn) and bank account numbers (ISO 13616), told by their check digits."""

import re
from collections.abc import Iterator

_GAP = r"[ \u00a0\u202f./_–-]"
_CARD = re.compile(rf"(?<![\d,])\d(?:(?:{_GAP}|\s){{0,2}}\d){{12,}}(?!\d)")
_CARD_LENGTHS = {
    "2": (16, 19),
    "3": (14, 19),
    "4": (13, 19),
    "5": (12, 19),
    "6": (12, 19),
    "8": (16, 19),
    "9": (16, 19),
}
"""By the first digit: the shortest and longest numbers of its issuers. Others are orders, books and times."""

LEAST = 6
"""Digits that a line with a card or an account number has at the least."""

_LONGEST = 19
_BOOK = re.compile(r"97[89]\d{10}")
_IBAN = re.compile(rf"(?i)(?<![a-z0-9])(?:iban)?(?P<iban>[a-z]{{2}}{_GAP}?\d{_GAP}?\d(?:{_GAP}?[a-z0-9]){{11,}})")
_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBAN_LENGTH = {country: length for length, countries in _COUNTRIES.items() for country in countries.split()}


def ibans(text: str) -> Iterator[tuple[int, int]]:
    """Account numbers: as many characters as the registry gives their country, in groups of any size."""
    at = 0
    while match := _IBAN.search(text, at):
        at = match.start() + 2
        places = [i for i in range(*match.span("iban")) if text[i].isalnum()]
        plain = "".join(text[i] for i in places).upper()
        length = _IBAN_LENGTH.get(plain[:2], len(plain))
        if 15 <= length <= len(plain) and _mod97(plain[:length]) and not text[places[length - 1] + 1 :][:1].isalnum():
            at = places[length - 1] + 1
            yield places[0], at


def cards(text: str) -> Iterator[tuple[int, int]]:
    """Card numbers: the first and longest stretch of whole groups whose last digit is right, for a price may stand
    before a card and its date after it."""
    for match in _CARD.finditer(text):
        groups = [(match.start() + g.start(), match.start() + g.end()) for g in re.finditer(r"\d+", match[0])]
        behind = 0
        for first, (start, _) in enumerate(groups):
            # No number has more than 19 digits, so no more groups.
            for _, end in reversed(groups[first : first + _LONGEST]):
                if start >= behind and end - start <= 2 * _LONGEST and _card(re.sub(r"\D", "", text[start:end])):
                    yield start, end
                    behind = end
                    break


def _card(digits: str) -> bool:
    shortest, longest = _CARD_LENGTHS.get(digits[0], (1, 0))
    if not max(shortest, 13) <= len(digits) <= longest or _BOOK.fullmatch(digits):
        return False
    # Visa's 13 digits are rare, orders of 13 digits are not; both have the check digit only by chance or on purpose.
    numbers = [int(digit) for digit in reversed(digits)]
    return sum(n if i % 2 == 0 else sum(divmod(2 * n, 10)) for i, n in enumerate(numbers)) % 10 == 0


def _mod97(plain: str) -> bool:
    return plain.isascii() and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1
