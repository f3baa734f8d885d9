"""The server's RSA key: made fresh, once a process, so that no private key ever lies in the repository.

`rsa.newkeys` needs between half a second and eight, because it tests random numbers one by one; here a sieve first
throws out the seven in eight that have a small factor.
"""

import secrets
from functools import cache

import rsa
from rsa.prime import is_prime

EXPONENT = 65_537
HALF = 1024
WINDOW = 4096
SMALL = [n for n in range(3, 5000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


@cache
def process_key() -> rsa.PrivateKey:
    """2048 bits, as the handshake's block of 255 bytes needs."""
    p, q = _prime(), _prime()
    return rsa.PrivateKey(p * q, EXPONENT, pow(EXPONENT, -1, (p - 1) * (q - 1)), p, q)


def public_of(key: rsa.PrivateKey) -> rsa.PublicKey:
    """The public half."""
    return rsa.PublicKey(key.n, key.e)


def pem_of(key: rsa.PrivateKey) -> str:
    """The public half as clients want it: PKCS#1 PEM."""
    return str(public_of(key).save_pkcs1().decode())


def _prime() -> int:
    """A random prime whose two highest bits are set, so that two of them make a number of full length."""
    while True:
        start = secrets.randbits(HALF) | 3 << (HALF - 2) | 1
        divisible = bytearray(WINDOW)  # position i stands for start + 2 i
        for small in SMALL:
            first = -start * pow(2, -1, small) % small
            divisible[first::small] = b"\x01" * len(range(first, WINDOW, small))
        for i, out in enumerate(divisible):
            candidate = start + 2 * i
            if out or candidate % EXPONENT == 1 or pow(2, candidate - 1, candidate) != 1:
                continue
            if is_prime(candidate):
                return candidate
