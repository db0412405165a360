"""HTTP/1.1 clients on asyncio streams: keep-alive or a connection for each request, GET or POST, nothing sent twice."""

from __future__ import annotations

import asyncio
import time

from benchmarks.load.checks import TIMEOUT_SECONDS, Ask, why
from benchmarks.load.pace import Pace
from benchmarks.load.tally import Tally

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Http1Client:
    """One client.

    Args:
        address: IP address and port.
        ask: What it sends, and what a good answer is.
        tally: Where it counts.
        keep_alive: Whether it keeps its connection.
    """

    def __init__(self, address: tuple[str, int], ask: Ask, tally: Tally, *, keep_alive: bool = True) -> None:
        self._address, self._ask, self._tally, self._keep_alive = address, ask, tally, keep_alive
        self._streams: Streams | None = None

    async def run(self, pace: Pace) -> None:
        """Ask, until cancelled."""
        while True:
            await pace.next()
            self._notice_closed()
            begin = time.monotonic()
            failure = await self._once()
            self._tally.answered(self._ask.kind, time.monotonic() - begin, failure)

    def _notice_closed(self) -> None:
        """A keep-alive connection that the server has closed by now: a client opens another, and loses nothing."""
        if self._streams and (self._streams[0].at_eof() or self._streams[1].transport.is_closing()):
            self._close()
            self._tally.current.reconnects += 1

    async def _once(self) -> str:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                failure, stays_open = await self._exchange()
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:  # timeouts are OSErrors
            failure, stays_open = why(error), False
        if failure or not (stays_open and self._keep_alive):
            self._close()
        return failure

    async def _exchange(self) -> tuple[str, bool]:
        """Returns: why the answer is bad (empty: it is good), and whether the server keeps the connection."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        body = self._ask.body()
        writer.write(self._head(len(body)) + body)
        status, headers = _head_of(await reader.readuntil(b"\r\n\r\n"))
        answer = (
            await reader.readexactly(int(headers["content-length"])) if "content-length" in headers else b""
        )
        failure = self._ask.judge(status, answer, body)
        return failure, headers.get("connection", "").lower() != "close"

    def _head(self, length: int) -> bytes:
        lines = [
            f"{self._ask.method} {self._ask.path} HTTP/1.1",
            f"Host: {self._address[0]}",
            f"Connection: {'keep-alive' if self._keep_alive else 'close'}",
        ]
        if length:
            lines += ["Content-Type: application/json", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode()

    def _close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None


def _head_of(block: bytes) -> tuple[int, dict[str, str]]:
    """Raises: ValueError: that is no HTTP."""
    first, *lines = block.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = (line.partition(":") for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value.strip() for name, _, value in headers}
