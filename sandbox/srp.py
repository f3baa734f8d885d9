"""The server's half of the password check (SRP as in core.telegram.org/api/srp): it never learns the password's text
from the client, only whether both computed the same secret."""

import hashlib
import os
from dataclasses import dataclass
from functools import cache

from telethon.tl import types

from sandbox.handshake import GENERATOR, PRIME

SIZE = 256


@dataclass(frozen=True, slots=True)
class Challenge:
    """One check in progress: its id, the salts, the verifier and the server's secret and public numbers."""

    id: int
    salt1: bytes
    salt2: bytes
    verifier: int
    secret: int
    public: int

    @property
    def algorithm(self) -> types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow:
        """How the client must turn the password into a number."""
        return types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(
            salt1=self.salt1, salt2=self.salt2, g=GENERATOR, p=wide(PRIME)
        )

    def accepts(self, client_public: bytes, proof: bytes) -> bool:
        """Whether the client's proof shows that it knows the password."""
        a = int.from_bytes(client_public, "big")
        if not 1 < a % PRIME < PRIME - 1:
            return False
        u = int.from_bytes(digest(wide(a), wide(self.public)), "big")
        shared = pow(a * pow(self.verifier, u, PRIME), self.secret, PRIME)
        groups = bytes(x ^ y for x, y in zip(digest(wide(PRIME)), digest(wide(GENERATOR)), strict=True))
        expected = digest(
            groups, digest(self.salt1), digest(self.salt2), wide(a), wide(self.public), digest(wide(shared))
        )
        return expected == proof


def challenge(account_id: int, password: str) -> Challenge:
    """Begin a check of an account's password."""
    salt1, salt2 = digest(b"1", str(account_id).encode())[:16], digest(b"2", str(account_id).encode())[:16]
    verifier = verifier_of(password, salt1, salt2)
    multiplier = int.from_bytes(digest(wide(PRIME), wide(GENERATOR)), "big")
    secret = int.from_bytes(os.urandom(SIZE), "big")
    public = (multiplier * verifier + pow(GENERATOR, secret, PRIME)) % PRIME
    return Challenge(int.from_bytes(os.urandom(7), "big"), salt1, salt2, verifier, secret, public)


@cache
def verifier_of(password: str, salt1: bytes, salt2: bytes) -> int:
    """What a server keeps of a password. Slow on purpose (100,000 rounds), so it is kept."""
    first = digest(salt2, digest(salt1, password.encode(), salt1), salt2)
    slow = hashlib.pbkdf2_hmac("sha512", first, salt1, 100_000)
    return pow(GENERATOR, int.from_bytes(digest(salt2, slow, salt2), "big"), PRIME)


def digest(*parts: bytes) -> bytes:
    """SHA-256 of everything."""
    return hashlib.sha256(b"".join(parts)).digest()


def wide(number: int) -> bytes:
    """256 bytes, big-endian."""
    return number.to_bytes(SIZE, "big")
