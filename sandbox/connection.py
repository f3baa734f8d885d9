"""One TCP connection: the full transport (length, counter, CRC-32), then plain or encrypted messages.

Opens what the client sends (containers, gzip, wrappers), handles the service messages of the protocol itself, and hands
every real request to the server.
"""

import asyncio
import struct
from asyncio import StreamReader, StreamWriter
from typing import TYPE_CHECKING, Any
from zlib import crc32

from telethon.extensions import BinaryReader
from telethon.tl import functions, types
from telethon.tl.core import GzipPacked, MessageContainer

from sandbox.call import Call, Envelope
from sandbox.handshake import Handshake, HandshakeError, plain_packet
from sandbox.session import Login, Received, Session, decrypt

if TYPE_CHECKING:
    from sandbox.server import Sandbox

UNKNOWN_KEY = struct.pack("<i", -404)
CROWDED = struct.pack("<iii", -429, -429, -429)
BAD_SALT = 48
LONGEST = 1 << 24

WRAPPERS = (
    functions.InvokeWithLayerRequest,
    functions.InitConnectionRequest,
    functions.InvokeWithoutUpdatesRequest,
    functions.InvokeAfterMsgRequest,
    functions.InvokeAfterMsgsRequest,
    functions.InvokeWithTakeoutRequest,
    functions.InvokeWithMessagesRangeRequest,
)


class Connection:
    """Lives as long as its socket."""

    def __init__(self, sandbox: "Sandbox", reader: StreamReader, writer: StreamWriter) -> None:
        self.sandbox = sandbox
        self.sessions: dict[int, Session] = {}
        self._reader = reader
        self._writer = writer
        self._sent = 0
        self._handshake = Handshake(sandbox.private_key, sandbox.faults)

    async def run(self) -> None:
        """Read until the other side, or a fault, ends it."""
        try:
            while True:
                self._packet(await self._next())
                await self._writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, HandshakeError, ValueError):
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        for session in self.sessions.values():
            session.open = False
            self.sandbox.open_sessions.pop(session, None)
        self._writer.transport.abort()

    def write(self, payload: bytes) -> None:
        """Send one packet."""
        packet = struct.pack("<ii", len(payload) + 12, self._sent) + payload
        self._sent += 1
        if not self._writer.is_closing():
            self._writer.write(packet + struct.pack("<I", crc32(packet)))

    async def _next(self) -> bytes:
        head = await self._reader.readexactly(8)
        length, _ = struct.unpack("<ii", head)
        if not 12 < length < LONGEST:
            raise ValueError("impossible length")
        rest = await self._reader.readexactly(length - 8)
        body = rest[:-4]
        if crc32(head + body) != struct.unpack("<I", rest[-4:])[0]:
            raise ValueError("damaged packet")
        return body

    def _packet(self, packet: bytes) -> None:
        if self.sandbox.faults.crowded:
            self.sandbox.faults.crowded -= 1
            self._writer.write(CROWDED)
            return
        if packet[:8] == bytes(8):
            answer = self._handshake.step(BinaryReader(packet[20:]).tgread_object())
            if self._handshake.key:
                self.sandbox.admit(Login(self._handshake.key))
            self.write(plain_packet(answer))
            return
        login = self.sandbox.logins.get(packet[:8])
        if login is None:
            self.write(UNKNOWN_KEY)
            return
        received = decrypt(login, packet)
        session = self.sessions.get(received.session_id) or self._open(login, received)
        if received.salt != self.sandbox.salt:
            session.salt = self.sandbox.salt
            wrong = types.BadServerSalt(received.message_id, received.sequence, BAD_SALT, session.salt)
            session.send(bytes(wrong), content=False)
            return
        self._message(session, received.message_id, received.read())

    def _open(self, login: Login, received: Received) -> Session:
        session = Session(login, received.session_id, self.sandbox.salt, self.write)
        self.sessions[session.id] = session
        self.sandbox.open_sessions[session] = None
        session.push(types.NewSessionCreated(received.message_id, session.id, session.salt))
        return session

    def _message(self, session: Session, message_id: int, message: Any) -> None:
        if isinstance(message, GzipPacked):
            message = BinaryReader(message.data).tgread_object()
        match message:
            case MessageContainer():
                for inner in message.messages:
                    self._message(session, inner.msg_id, inner.obj)
            case types.MsgsAck() | types.HttpWait():
                pass
            case functions.PingRequest() | functions.PingDelayDisconnectRequest():
                session.send(bytes(types.Pong(message_id, message.ping_id)), content=False)
            case _:
                self._request(session, message_id, message)

    def _request(self, session: Session, message_id: int, request: Any) -> None:
        takeout, only = None, None
        while isinstance(request, WRAPPERS):
            if isinstance(request, functions.InitConnectionRequest):
                session.login.device = f"{request.device_model}, {request.app_version}"
            elif isinstance(request, functions.InvokeWithoutUpdatesRequest):
                session.wants_updates = False
            elif isinstance(request, functions.InvokeWithTakeoutRequest):
                takeout = request.takeout_id
            elif isinstance(request, functions.InvokeWithMessagesRangeRequest):
                only = request.range
            request = request.query
        call = Call(self.sandbox, session, Envelope(takeout, only))
        self.sandbox.receive(self, call, message_id, request)
