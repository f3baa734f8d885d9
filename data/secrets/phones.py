"""Phone numbers: Google's library says what is valid where, a word beside the number or its form says the rest."""

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

from data.secrets.words import words

_GAP = r"[ \u00a0\u2009\u202f./()\[\]\u2010-\u2015-]"
_RUN = re.compile(
    rf"(?<![\w.,/:#№=@-])(?:tel:)?(?P<number>[+＋(]?(?:{_GAP}?\(?)?\d(?:{_GAP}{{0,3}}\d){{5,16}}"
    r"(?:\s?(?:x|ext\.?|доб\.?|#|-)\s?\d{1,5})?)(?![\w%€$£₴₽@]|[.,:/]\d)"
)
_WORD = re.compile(
    r"(?i)\b(?:tele?(?:ph|f)on\w*|phone|numb?e?r|num(?:ero|éro)?|nume?r\w*|nummer|nr|núm\w*|número"
    r"|cell(?:ulare)?|mobil\w*"
    r"|m[óo]vil|handy|festnetz|landline|call|ring|text|txt|sms|dial|whats?app|wh?ats\w*|wasap|wsp|zap|viber"
    r"|signal|tel|tél"
    r"|tlf|tfno|fax|ruf|anruf\w*|appell?e\w*|llama\w*|chiama\w*|scrivi\w*|schreib\w*|lig(?:a|ue)\w*|zadzwo\w*|dzwo\w*"
    r"|telefonla\w*|ara(?:yın)?|numara\w*|portable|contact|reach|hotline|imo|facetime|bizum|pix|mbway|swish|bel|bell"
    r"|тел\w*|номер\w*|звон\w*|позвон\w*|набер\w*|набир\w*|мобил\w*|сотов\w*|ватс?ап\w*|вацап\w*|вотс?ап\w*|вайбер\w*"
    r"|дзвон\w*|подзвон\w*|телеф\w*|сбп|контакт\w*)\b|电话|手机|電話|携帯|전화|번호|هاتف|رقم|טלפון|फोन|โทร"
)
_NOT = re.compile(
    r"(?i)(?:#|№|\b(?:order|isbn|id|inn|инн|снилс|огрн|заказ\w*|замовлення|bestell\w*|pedido|commande|ordine|track\w*"
    r"|invoice|rechnung\w*|ticket|билет\w*|serial|imei|vin|flight|рейс|version|build|score|сч[её]т|views|steps))"
    r"[\s:№#.]*(?:(?:nr|no|number|номер|num)\.?[\s:]*)?$"
)
_AFTER = re.compile(
    r"(?i)\s*(?:€|\$|£|₽|₴|¥|%|usd|eur|gbp|rub|руб|р\b|грн|km|км|kg|кг|m\b|м\b|people|views|steps|likes|шагов|человек"
    r"|тыс|млн|mln|abonn|follow|euro?s?\b|dollar|bucks|pts|points|words|mb|gb|кб|мб|гб)"
)
_REGIONS = words("regions")

_DATE = re.compile(
    r"(?:0?[1-9]|[12]\d|3[01])([./ -])(?:0?[1-9]|1[0-2])\1(?:19|20)\d\d(?:\D+\d{1,2})*|(?:0?[1-9]|[12]\d"
    r"|3[01])([./-])(?:0?[1-9]|1[0-2])\2\d\d|(?:19|20)\d\d([./ -])\d\d\3\d\d.*|(?:19|20)\d\d-(?:19|20)\d\d"
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:([ .,\u00a0\u202f])\d{3})(?:\1\d{3})*")


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Numbers of seven to seventeen digits that someone could dial, without the sum or the time that follows."""
    for match in _RUN.finditer(text):
        start, end = match.span("number")
        gaps = [start + gap.start() for gap in re.finditer(r"\s", match["number"])]
        for stop in (end, *reversed(gaps)):
            number = text[start:stop].rstrip(" (-./")
            if _phone(text, start, number):
                yield start, start + len(number)
                break


def _phone(text: str, start: int, number: str) -> bool:
    bare = re.sub(r"\D", "", number)
    if not 7 <= len(bare) <= 22 or len(set(bare)) == 1 or _ordinary(text, start, start + len(number), number):
        return False
    if number[0] in "+＋" or bare.startswith("00"):
        return True
    if len(bare) >= 9 and _valid(number, bare):
        return True
    return len(bare) <= 15 and bool(_WORD.search(text) or text.strip() == number)


def _ordinary(text: str, start: int, end: int, number: str) -> bool:
    if number.lstrip("(")[:1] in "+＋":
        return False
    if _DATE.fullmatch(number) or _NOT.search(text[:start]) or _AFTER.match(text, end):
        return True
    return bool(_THOUSANDS.fullmatch(number)) and number.endswith("000")


@lru_cache(maxsize=1000)  # the library takes its time, and people write the same number again
def _valid(number: str, bare: str) -> bool:
    if number[0] in "+＋" or bare.startswith("00"):
        return _is_valid("+" + bare.removeprefix("00"), None)
    return len(bare) <= 13 and (any(_is_valid(number, region) for region in _REGIONS) or _is_valid("+" + bare, None))


def _is_valid(number: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
