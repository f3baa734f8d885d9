"""The unencrypted talk that makes an auth key: request for pq, then Diffie-Hellman, core.telegram.org/mtproto/auth_key.

Telethon 1.45 still sends the old RSA padding (a zero, SHA-1, data, padding), so that is what is read here. The factors
of pq are small and fixed, because factorising them is the client's work and not what the sandbox is about.
"""

import os
import struct
import time
from hashlib import sha1

import rsa
from telethon.crypto import AES
from telethon.crypto import rsa as telethon_rsa
from telethon.extensions import BinaryReader
from telethon.helpers import generate_key_data_from_nonce
from telethon.tl import functions, types

from sandbox.faults import Faults
from sandbox.keys import public_of

PRIME = int(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DBFA336F6E0AC92513"
    "9543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F642477FE96BB2A941D5BCD1D4AC8CC4988"
    "0708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B410DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4"
    "B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F"
    "0D8115F635B105EE2E4E15D04B2454BF6F4FADF034B10403119CD8E3B92FCC5B",
    16,
)
"""The 2048-bit safe prime that Telegram's servers use, for the key exchange and for passwords."""
GENERATOR = 3
FACTORS = (65_537, 65_539)


class HandshakeError(Exception):
    """The client's side of the exchange does not fit."""


class Handshake:
    """One exchange on one connection. `step` takes the client's message and gives the answer; then `key` is set."""

    def __init__(self, private_key: rsa.PrivateKey, faults: Faults) -> None:
        self.key: bytes | None = None
        self._faults = faults
        self._private_key = private_key
        self._nonce = 0
        self._server_nonce = 0
        self._new_nonce = 0
        self._secret = 0
        self._aes: tuple[bytes, bytes] = (b"", b"")

    def step(self, request: object) -> object:
        """Answer one message of the exchange. Raises HandshakeError."""
        if isinstance(request, functions.ReqPqMultiRequest | functions.ReqPqRequest):
            return self._pq(request)
        if isinstance(request, functions.ReqDHParamsRequest):
            return self._parameters(request)
        if isinstance(request, functions.SetClientDHParamsRequest):
            return self._agree(request)
        raise HandshakeError(f"no part of the exchange: {type(request).__name__}")

    def _pq(self, request: functions.ReqPqMultiRequest) -> types.ResPQ:
        self._nonce = request.nonce
        self._server_nonce = int.from_bytes(os.urandom(16), "little", signed=True)
        fingerprint = telethon_rsa._compute_fingerprint(public_of(self._private_key))
        pq = FACTORS[0] * FACTORS[1]
        return types.ResPQ(self._nonce, self._server_nonce, to_bytes(pq), [fingerprint])

    def _parameters(self, request: functions.ReqDHParamsRequest) -> types.ServerDHParamsOk:
        self._check(request)
        private = self._private_key
        number = pow(int.from_bytes(request.encrypted_data, "big"), private.d, private.n)
        block = number.to_bytes(256, "big")
        inner = BinaryReader(block[21:]).tgread_object()
        if sha1(bytes(inner)).digest() != block[1:21] or inner.server_nonce != self._server_nonce:
            raise HandshakeError("the inner data of the exchange is damaged")
        self._new_nonce = inner.new_nonce
        self._secret = int.from_bytes(os.urandom(256), "big")
        self._aes = generate_key_data_from_nonce(self._server_nonce, self._new_nonce)
        answer = bytes(
            types.ServerDHInnerData(
                nonce=self._nonce,
                server_nonce=self._server_nonce,
                g=GENERATOR,
                dh_prime=to_bytes(PRIME),
                g_a=to_bytes(pow(GENERATOR, self._secret, PRIME)),
                server_time=int(time.time()) + self._faults.clock_ahead,
            )
        )
        plain = sha1(answer).digest() + answer
        padded = plain + os.urandom(-len(plain) % 16)
        return types.ServerDHParamsOk(self._nonce, self._server_nonce, AES.encrypt_ige(padded, *self._aes))

    def _agree(self, request: functions.SetClientDHParamsRequest) -> types.DhGenOk:
        self._check(request)
        inner = BinaryReader(AES.decrypt_ige(request.encrypted_data, *self._aes)[20:]).tgread_object()
        shared = pow(int.from_bytes(inner.g_b, "big"), self._secret, PRIME)
        self.key = shared.to_bytes(256, "big")
        proof = self._new_nonce.to_bytes(32, "little", signed=True) + b"\x01" + sha1(self.key).digest()[:8]
        digest = int.from_bytes(sha1(proof).digest()[4:20], "little", signed=True)
        if self._faults.unproved_exchanges:
            self._faults.unproved_exchanges -= 1
            digest ^= 1
        return types.DhGenOk(self._nonce, self._server_nonce, digest)

    def _check(self, request: functions.ReqDHParamsRequest) -> None:
        if request.nonce != self._nonce or request.server_nonce != self._server_nonce:
            raise HandshakeError("a nonce of another exchange")


def plain_packet(answer: object) -> bytes:
    """An unencrypted message: no key id, a server message id, the length, the body."""
    body = bytes(answer)  # type: ignore[call-overload]
    message_id = int(time.time() * 2**32) & ~3 | 1
    return struct.pack("<qqi", 0, message_id, len(body)) + bytes(body)


def to_bytes(number: int) -> bytes:
    """Big-endian, as short as possible."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
