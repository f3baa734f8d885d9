"""Secrets out of the text before a model sees it: login codes, cards, phones, e-mails, tokens, passwords.

Each secret is replaced by a *surrogate* of the same shape, drawn from a keyed hash of the home folder's key, the chat
and the secret. So one secret always has one surrogate in one chat, another one in another chat, and nobody without the
key can go back. `Surrogates` remembers what it replaced while it rendered one context, and `restore` maps a generated
text back; a surrogate whose original is not in this context is left for the guard to hold.
"""

import hmac
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import phonenumbers

_CODE_WORD = (
    r"(?:login|log-in|verification|confirmation|security|one[- ]time|auth|authentication|authori[sz]ation|sms|2fa|otp"
    r"|pin|cvv|cvc|passcode|code|код\w*|пин(?:-?код\w*)?|парол\w*)"
)
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # Published token shapes of well-known vendors, then bare key material.
    (
        "token",
        re.compile(
            r"\b(?:sk-(?:[a-z]+-)?[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
            r"|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30,}|xox[abprs]-[0-9A-Za-z-]{10,}|glpat-[0-9A-Za-z_-]{20,}"
            r"|hf_[A-Za-z0-9]{20,}|\d{8,10}:[A-Za-z0-9_-]{35}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
        ),
    ),
    ("email", re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("card", re.compile(r"(?<![\d-])(?:\d{13,19}|\d{3,}(?:[ -]\d{3,}){2,}(?:[ -]\d+)*)(?![\d-])")),
    ("code", re.compile(rf"(?i)\b{_CODE_WORD}\b\D{{0,24}}?(?P<secret>\d(?:[ -]?\d){{3,7}})(?!\d)")),
    (
        "code",
        re.compile(
            rf"(?i)(?<!\d)(?<!\d-)(?P<secret>\d(?:[ -]?\d){{3,7}})(?![ -]?\d)\s*(?:is\b|это|-|—)"
            rf"[^\n]{{0,24}}?{_CODE_WORD}\b"
        ),
    ),
    ("password", re.compile(r"(?i)\b(?:password|passwd|pwd|пароль)\s*(?:is\b|:|=|-|—)\s*(?P<secret>\S{4,})")),
)
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
_LONGEST_CHECKED = 42
"""Characters of the longest bank account number, spaces included."""
_PHONE_HINT = re.compile(r"\+?\d[\d\s().-]{6,}\d")


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret in a text: `text[start:end]`."""

    kind: str
    start: int
    end: int


def find(text: str) -> list[Secret]:
    """All secrets in a text, left to right, not overlapping; the earlier rule wins. Pure."""
    found: list[Secret] = []
    for secret in _candidates(text):
        if all(secret.end <= other.start or secret.start >= other.end for other in found):
            found.append(secret)
    return sorted(found, key=lambda secret: secret.start)


def _candidates(text: str) -> Iterator[Secret]:
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            group = "secret" if "secret" in pattern.groupindex else 0
            if kind not in _CHECKED:
                yield Secret(kind, match.start(group), match.end(group))
            elif span := _checked(match[0], _CHECKED[kind]):
                yield Secret(kind, match.start() + span[0], match.start() + span[1])
    if _PHONE_HINT.search(text):
        # Without a region only numbers in international form are sure; local ones must be valid in a region.
        for number in phonenumbers.PhoneNumberMatcher(text, None):
            yield Secret("phone", number.start, number.end)
        for region in ("US", "RU"):
            for number in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID):
                yield Secret("phone", number.start, number.end)


def _checked(text: str, valid: Callable[[str], bool]) -> tuple[int, int] | None:
    """The first and longest stretch of whole groups whose check digits are right: a price may stand before a card,
    and its date after it."""
    gaps = [match.start() for match in re.finditer(r"[ -]", text)]
    for start in (0, *(gap + 1 for gap in gaps)):
        for end in (len(text), *reversed(gaps)):
            if 13 <= end - start <= _LONGEST_CHECKED and valid(text[start:end]):
                return start, end
    return None


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19:
        return False
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    return len(plain) >= 15 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


_CHECKED = {"card": _luhn, "iban": _iban}


@dataclass(slots=True)
class Surrogates:
    """Consistent stand-ins for the secrets of one chat. `key` is the home folder's own, 32 random bytes."""

    key: bytes
    dialog_id: int
    originals: dict[str, str] = field(default_factory=dict)
    """Surrogate -> original, for every secret replaced so far with this object."""

    def redact(self, text: str) -> str:
        """The text with each secret replaced by its surrogate."""
        parts: list[str] = []
        end = 0
        for secret in find(text):
            parts += [text[end : secret.start], self.of(text[secret.start : secret.end])]
            end = secret.end
        return "".join([*parts, text[end:]])

    def of(self, secret: str) -> str:
        """The surrogate of one secret: digits for digits, letters for letters, everything else kept."""
        for attempt in range(8):  # a short code may draw itself
            stand_in = self._draw(secret, attempt)
            if stand_in != secret:
                self.originals[stand_in] = secret
                return stand_in
        return secret  # nothing but punctuation: a masked password

    def _draw(self, secret: str, attempt: int) -> str:
        label = f"{self.dialog_id}\0{secret}".encode() + b"\0" * attempt
        stream = hmac.digest(self.key, label, "sha256")
        while len(stream) < len(secret):
            stream += hmac.digest(self.key, label + stream, "sha256")
        return "".join(map(_same_shape, secret, stream))

    def restore(self, text: str) -> str:
        """A generated text with every surrogate of this context turned back into its original."""
        if not self.originals:
            return text
        # In one pass, the longest first: what was put back is not looked at again.
        stand_ins = sorted(self.originals, key=lambda stand_in: -len(stand_in))
        return re.sub("|".join(map(re.escape, stand_ins)), lambda match: self.originals[match[0]], text)


def _same_shape(char: str, byte: int) -> str:
    for alphabet in (string.digits, string.ascii_lowercase, string.ascii_uppercase, _CYRILLIC, _CYRILLIC.upper()):
        if char in alphabet:
            return alphabet[byte % len(alphabet)]
    # Other scripts become Latin: their letters must not stay, and which alphabet it was says little.
    if char.isdecimal():
        return string.digits[byte % 10]
    if char.isalpha():
        return (string.ascii_uppercase if char.isupper() else string.ascii_lowercase)[byte % 26]
    return char
