"""Login codes: a short number beside a word that says what it is, in the languages people get them in."""

import re
from collections.abc import Iterator

from data.secrets.words import words

STEMS = words("codes")

_STRONG = re.compile(
    r"(?i)\b(?:[\w-]*codes?|c[oó]dig[oi]\w*|codic[ei]\w*|kode?[nrst]?|kod\w{0,4}|kód\w*|\w*код\w{0,4}|otps?"
    r"|totp|2fa|mfa"
    r"|[spm]?tan|pin\w{0,3}|cv[cv]2?|pass ?code|one[- ]time\w*|log-?in|sign-?in|verif\w+|confirm\w+|auth\w*"
    r"|secur\w+|sms|смс\w*"
    r"|эсэмэс\w*|пин(?:-?код\w*|ом|а)?|парол\w*|одноразов\w*|подтвержд\w*|підтвердж\w*|вход\w*|bestätig\w+"
    r"|sicherheits\w+|anmelde\w*"
    r"|doğrulama\w*|onay\w*|giriş|şifre\w*|verific\w+|vérif\w+|potwierdz\w*|weryfik\w*|cod(?:ul|ici)?|mã|telegram\w*"
    r"|whatsapp\w*|телег\w*|вотс?ап\w*|ватс?ап\w*|κωδικ\w*)\b|驗證碼|验证码|校验码|認証|인증|코드|コード|קוד|رمز|كود|कोड|ओटीपी|รหัส"
)
_OTHER = re.compile(
    r"(?i)\b(?:zip|postal|post|area|country|dial\w*|error|exit|status|promo\w*|discount|coupon|voucher|source"
    r"|dress|qr|bar|swift|sort"
    r"|bic|http|build|product|item|model|color|colour|ошибк\w*|промо\w*|почтов\w*)[- ]?$"
)
_NUMBER = re.compile(
    r"(?<![\w.,:/€$£#№+@])(?<![\d][-– ])(?P<prefix>[A-Z]{1,3}-)?(?P<secret>\d(?:[ \u00a0.–-]?\d){3,7})"
    r"(?![ -]?\d)(?![\w%€$£₴₽@]|[.,:/]\d|\s?(?:€|₽|₴|%|usd|eur|uah|руб|грн|р\b|euros?\b|km\b|км\b))"
)
_MIXED = re.compile(
    r"(?<![\w./@-])(?:(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{4,8}"
    r"|(?=[A-Z0-9]*\d)[A-Z0-9]{4,5}(?:-[A-Z0-9]{4,5}){1,4})(?![\w/@-]|[.]\w)"
)
_CLOSE = re.compile(
    r"(?i)[\s:=–—\->\"'«*`(]*(?:(?:is|ist|es|est|c'est|è|e|é|to|это|такой|such|der|:|=|here|вот|lautet|now|came"
    r"|kam)\b[\s:=–—-]*){0,2}"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_DATE = re.compile(r"(?:0?[1-9]|[12]\d|3[01])([.-])(?:0?[1-9]|1[0-2])\1(?:19|20)?\d\d|(?:19|20)\d\d-\d\d-\d\d")
_CVV = re.compile(r"(?i)\b(?:cv[cv]2?|csc|цвв|свв|cvv-?код)\b\D{0,12}?(?P<secret>\d{3,4})(?!\d)")
_ORDER = re.compile(
    r"(?i)\b(?:order|заказ\w*|замовлення|bestell\w*|pedido|commande|ordine|isbn|flight|рейс|room|year|год\w*"
    r"|price|costs?"
    r"|score|steps|ref)\W{0,3}$"
)
_FAR, _NEAR = 48, 24
"""Characters between a word and a number of five or more digits, and one of four."""


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Numbers of four to eight digits near such a word, codes of capitals and digits after it, card check numbers."""
    beside = [m.span() for m in _STRONG.finditer(text) if not _OTHER.search(text[: m.start()]) and not _odd_word(m[0])]
    for match in _CVV.finditer(text):
        yield match.span("secret")
    if not beside:
        return
    for match in _NUMBER.finditer(text):
        start, end = match.span("secret")
        gap = min(max(0, start - b, a - end) for a, b in beside)
        bare = re.sub(r"\D", "", match["secret"])
        after = any(_CLOSE.fullmatch(text, b, start) for _, b in beside if b <= start)
        year = len(bare) == 4 and _YEAR.fullmatch(bare) and not after
        if _DATE.fullmatch(match["secret"]) or year or _ORDER.search(text[:start]):
            continue
        if gap <= (_FAR if len(bare) > 4 else _NEAR):
            yield start, end
    for match in _MIXED.finditer(text):
        if any(_CLOSE.fullmatch(text, b, match.start()) for _, b in beside if b <= match.start()):
            yield match.span()


def _odd_word(word: str) -> bool:
    return word.lower() in (
        "decode",
        "encode",
        "barcode",
        "zipcode",
        "postcode",
        "qrcode",
        "qr-code",
        "promocode",
        "промокод",
    )
