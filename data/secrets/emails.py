"""E-mail addresses, written and spelled out."""

import re
from collections.abc import Iterator

from data.secrets.words import words

_PROVIDER = (
    r"(?:g(?:oogle)?mail|yahoo|ymail|hotmail|outlook|live|msn|icloud|aol|proton(?:mail)?|gmx|web|freenet"
    r"|t-online|posteo"
    r"|mailbox|zoho|fastmail|tutanota|tuta|mail|yandex|ya|bk|list|inbox|rambler|ukr|meta|bigmir|libero|virgilio"
    r"|tiscali|alice"
    r"|orange|wanadoo|laposte|free|sfr|bbox|hey|pm|wp|onet|interia|o2|seznam|centrum|abv|qq|163|126|naver|daum"
    r"|uol|bol|terra"
    r"|telefonica|btinternet|sky|comcast|verizon|att|example|гмейл|гмаил|джимейл|мейл|яндекс|рамблер)"
)
_ZONE = (
    r"(?:com|net|org|info|edu|gov|io|me|app|dev|co|eu|ru|su|by|ua|kz|uk|us|de|at|ch|fr|es|it|nl|be|pl|pt|br|tr"
    r"|cz|sk|se|no"
    r"|fi|dk|ro|gr|hu|bg|ca|au|jp|cn|in|mx|ar|рф|укр|ком|ру|юа|нет|орг|точка ?ру)"
)
_AT = (
    r"(?:at|ät|aet|arobase|arrobas?|chiocciola|ma[łl]pa|собак[аеи]?|собачк[аи]|равлик|песик|пёсик|эт|ет|kuyruklu a"
    r"|klammeraffe|zavin[áa][čc]|apenstaartje|snabel-?a|a commerciale)"
)
_DOT = r"(?:dot|point|punkt|punt|punto|ponto|kropka|nokta|tečka|tecka|точка|тчк|крапка|period)"
STEMS = words("emails")

_PART = r"[^\W_][\w.+%'’&/-]{0,63}"
_LABEL = r"[^\W_][\w-]{0,62}"
_WRITTEN = re.compile(
    r"(?<![\w.+-])[\w.+%'’&!#$*/=?^`{|}~-]{0,63}\w[+-]{0,3}@(?:(?:[^\W_][\w-]{0,62}\.){1,6}[^\W\d_][\w-]{1,62}|\[[\d.:]+\]"
    rf"|(?i:{_PROVIDER})(?!\w))"
)
_LOOSE = re.compile(
    rf"(?i)(?<![\w.+-])(?P<name>{_PART}(?:\s?(?:{_DOT}|underscore|dash|minus|unterstrich|tiret|guion"
    rf"|нижнее подч\w+|\.|_)\s?\w{{1,64}}){{0,5}})"
    rf"(?:\s*@\s*|\s*[(\[{{<*_-]\s*(?:{_AT}|@)\s*[)\]}}>*_-]\s*|\s+(?P<at>{_AT})\s+)"
    rf"(?P<domain>(?:{_LABEL}\s?(?:\.\s*|[(\[{{<*_-]\s*(?:{_DOT}|\.)\s*[)\]}}>*_-]\s*|\s{_DOT}\s+)){{1,5}}{_ZONE}(?![\w])"
    rf"|{_PROVIDER}(?:[\s,]+{_ZONE})?(?![\w]))"
)

_CHANCE = re.compile(r"(?i)\s(?:point|punt|period)\s+\w\w$")
""""at some point in", "at this point me"."""


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Addresses with their sign, also with spaces around it, and those with words for the sign and the dots."""
    for match in _WRITTEN.finditer(text) if "@" in text else ():
        yield match.span()
    for match in _LOOSE.finditer(text):
        if match["at"] and match["at"].casefold() == "at" and _CHANCE.search(match["domain"]):
            continue
        # "i am @ home. in bed": a sign with spaces is an address only before a provider or a written-out domain.
        if re.search(rf"(?i){_PROVIDER}|{_DOT}|\w\.\w", match["domain"]):
            yield match.span()
