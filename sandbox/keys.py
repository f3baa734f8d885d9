"""The server's RSA key: made fresh, once a process, so that no private key ever lies in the repository."""

from functools import cache

import rsa


@cache
def process_key() -> rsa.PrivateKey:
    """2048 bits, as the handshake's block of 255 bytes needs. Takes under a second, once."""
    return rsa.newkeys(2048)[1]


def public_of(key: rsa.PrivateKey) -> rsa.PublicKey:
    """The public half."""
    return rsa.PublicKey(key.n, key.e)


def pem_of(key: rsa.PrivateKey) -> str:
    """The public half as clients want it: PKCS#1 PEM."""
    return str(public_of(key).save_pkcs1().decode())
