"""Secrets out of the text before a model sees it: what `data.secrets` finds, replaced.

Each secret is replaced by a *surrogate* of the same shape, drawn from a keyed hash of the home folder's key, the chat
and the secret. So one secret always has one surrogate in one chat, another one in another chat, and nobody without the
key can go back. `Surrogates` remembers what it replaced while it rendered one context, and `restore` maps a generated
text back; a surrogate whose original is not in this context is left for the guard to hold.
"""

import hmac
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.secrets import Secret, find, suspects

__all__ = ["Secret", "Surrogates", "find"]

_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"


@dataclass(slots=True)
class Surrogates:
    """Consistent stand-ins for the secrets of one chat. `key` is the home folder's own, 32 random bytes."""

    key: bytes
    dialog_id: int
    originals: dict[str, str] = field(default_factory=dict)
    """Surrogate -> original, for every secret replaced so far with this object."""

    def redact(self, text: str) -> str:
        """The text with each secret replaced by its surrogate."""
        secrets = find(text)
        if not secrets:
            return text
        parts: list[str] = []
        end = 0
        for secret in secrets:
            parts += [text[end : secret.start], self.of(text[secret.start : secret.end])]
            end = secret.end
        return "".join([*parts, text[end:]])

    def redact_all(self, texts: Sequence[str]) -> list[str]:
        """The same of each of these texts."""
        redacted = [*texts]
        for place in suspects(texts):
            redacted[place] = self.redact(texts[place])
        return redacted

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
