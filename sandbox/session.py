"""Logins and encrypted sessions: what an auth key may do, and how messages are packed for one connection of it.

MTProto 2.0 as core.telegram.org/mtproto/description: the salt, the session id, rising message ids (answers end in 1,
pushes in 3), a sequence number that is odd only for content, 12 to 1024 bytes of padding.
"""

import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1, sha256

from telethon.crypto import AES
from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl.core import GzipPacked

from sandbox.srp import Challenge

RPC_RESULT = 0xF35C6D01
BIG = 512
"""Answers longer than this go out gzipped, when that makes them shorter."""


@dataclass(slots=True, eq=False)
class Login:
    """One auth key and whose account it may act for. `half` has shown a code and still owes the
    password; `accepted` is who scanned the QR code of its `token`; `takeout` is its running export."""

    key: bytes
    account_id: int | None = None
    half: int | None = None
    accepted: int | None = None
    token: bytes | None = None
    token_at: datetime | None = None
    takeout: int | None = None
    challenge: Challenge | None = None
    device: str = ""
    created: datetime | None = None
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.key_id = sha1(self.key).digest()[-8:]

    @property
    def number(self) -> int:
        """The key's id as a number: how the journal names a login."""
        return int.from_bytes(self.key_id, "little")


class Session:
    """One session id of one login on one connection."""

    def __init__(self, login: Login, session_id: int, salt: int, write: Callable[[bytes], None]) -> None:
        self.login = login
        self.id = session_id
        self.salt = salt
        self.wants_updates = True
        self.open = True
        self._write = write
        self._content = 0
        self._last_id = 0

    def answer(self, message_id: int, body: bytes) -> None:
        """Send the result of a request."""
        packed = bytes(GzipPacked(body)) if len(body) > BIG else body
        result = packed if len(packed) < len(body) else body
        self.send(struct.pack("<Iq", RPC_RESULT, message_id) + result)

    def push(self, update: object) -> None:
        """Send something that nobody asked for."""
        self.send(bytes(update), answer=False)  # type: ignore[call-overload]

    def send(self, body: bytes, *, answer: bool = True, content: bool = True) -> None:
        """Encrypt and write one message."""
        sequence = self._content * 2 + content
        self._content += content
        message_id = self._next_id(answer)
        plain = struct.pack("<qqqii", self.salt, self.id, message_id, sequence, len(body)) + body
        plain += os.urandom(-(len(plain) + 12) % 16 + 12)
        message_key = sha256(self.login.key[96:128] + plain).digest()[8:24]
        key, iv = MTProtoState._calc_key(self.login.key, message_key, False)
        self._write(self.login.key_id + message_key + AES.encrypt_ige(plain, key, iv))

    def _next_id(self, answer: bool) -> int:
        message_id = int(time.time() * 2**32) & ~3 | (1 if answer else 3)
        if message_id <= self._last_id:
            message_id = (self._last_id & ~3) + 4 | (1 if answer else 3)
        self._last_id = message_id
        return message_id


@dataclass(frozen=True, slots=True)
class Received:
    """A decrypted message of a client."""

    salt: int
    session_id: int
    message_id: int
    sequence: int
    body: bytes

    def read(self) -> object:
        """The TL object in it."""
        return BinaryReader(self.body).tgread_object()


def decrypt(login: Login, packet: bytes) -> Received:
    """Open a client's packet. Raises ValueError when it was not sealed with this key."""
    message_key = packet[8:24]
    key, iv = MTProtoState._calc_key(login.key, message_key, True)
    plain = AES.decrypt_ige(packet[24:], key, iv)
    if sha256(login.key[88:120] + plain).digest()[8:24] != message_key:
        raise ValueError("message key does not fit")
    salt, session_id, message_id, sequence, length = struct.unpack("<qqqii", plain[:32])
    return Received(salt, session_id, message_id, sequence, plain[32 : 32 + length])
