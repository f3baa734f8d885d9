"""The wire between a client and a server, which can be cut: what is sent meanwhile lies in it until it is mended, as
with a phone in a tunnel. What its sender has taken back by then, by breaking the connection off, never arrives.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from types import TracebackType
from typing import Self


class Wire:
    """`async with Wire("127.0.0.1:5000") as wire`: what is sent to `wire.address` comes out there."""

    def __init__(self, to: str) -> None:
        self._to = to.split(":")
        self._whole = asyncio.Event()
        self._whole.set()
        self._carrying: set[asyncio.Task[None]] = set()
        self.address = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Nothing comes through any more."""
        self._whole.clear()

    def mend(self) -> None:
        """It does again."""
        self._whole.set()

    async def _join(self, reader: StreamReader, writer: StreamWriter) -> None:
        host, port = self._to
        try:
            there, back = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        for source, target, own in ((reader, back, writer), (there, writer, back)):
            task = asyncio.create_task(self._carry(source, target, own))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

    async def _carry(self, source: StreamReader, target: StreamWriter, own: StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._whole.wait()
                if source.exception():  # it was broken off meanwhile
                    break
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.transport.abort()
            own.transport.abort()
