"""HTTP/2 clients in clear text (prior knowledge): several requests at once on one connection, nothing sent twice."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from benchmarks.load.checks import TIMEOUT_SECONDS, Ask, why
from benchmarks.load.pace import Pace
from benchmarks.load.tally import Tally

REQUESTS_PER_CONNECTION = 5000
"""Then a client goes on with a new connection: nginx ends one after 10,000 by itself (keepalive_requests)."""

_BLOCK_BYTES = 64 * 1024


@dataclass(slots=True)
class _Stream:
    """A request that waits for its answer."""

    done: asyncio.Future[tuple[int, bytes]]
    status: int = 0
    answer: bytearray = field(default_factory=bytearray)


class Http2Client:
    """One connection that several askers share.

    Args:
        address: IP address and port.
        tally: Where it counts.
    """

    def __init__(self, address: tuple[str, int], tally: Tally) -> None:
        self._address, self._tally = address, tally
        self._link: _Link | None = None
        self._opening = asyncio.Lock()

    async def run(self, ask: Ask, pace: Pace) -> None:
        """Ask, until cancelled."""
        while True:
            await pace.next()
            begin = time.monotonic()
            failure = await self._once(ask)
            self._tally.answered(ask.kind, time.monotonic() - begin, failure)

    async def _once(self, ask: Ask) -> str:
        body = ask.body()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                link = await self._open_link()
                status, answer = await link.request(ask, body)
                return ask.judge(status, answer, body)
        except (OSError, EOFError, ValueError, h2.exceptions.H2Error) as error:
            return why(error)

    async def _open_link(self) -> _Link:
        async with self._opening:
            if self._link and self._link.over:
                self._tally.current.reconnects += self._link.closed_by_server
                self._link = None
            if self._link is None:
                self._link = await _Link.open(self._address)
            return self._link


class _Connection(h2.connection.H2Connection):  # type: ignore[misc] # h2 comes with bench.txt alone: mypy takes it for Any
    """Goes on reading after a graceful GOAWAY: what the server has accepted is still answered (RFC 9113, 6.8)."""

    def _receive_goaway_frame(self, frame: Any) -> Any:
        received = super()._receive_goaway_frame(frame)
        self.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
        return received


class _Link:
    """One connection with its open requests."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host, self._reader, self._writer = host, reader, writer
        self._h2 = _Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._requests = 0
        self.closed_by_server = False
        self._h2.initiate_connection()
        self._flush()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, address: tuple[str, int]) -> _Link:
        """Connect."""
        return cls(address[0], *await asyncio.open_connection(*address))

    @property
    def over(self) -> bool:
        """Whether no further request may be sent on it."""
        return self.closed_by_server or self._requests >= REQUESTS_PER_CONNECTION

    async def request(self, ask: Ask, body: bytes) -> tuple[int, bytes]:
        """Send a request. Returns: status and body. Raises: OSError: there was no answer."""
        stream = _Stream(asyncio.get_running_loop().create_future())
        number = self._h2.get_next_available_stream_id()
        self._streams[number] = stream
        self._requests += 1
        pseudo = {":method": ask.method, ":path": ask.path, ":scheme": "http", ":authority": self._host}
        length = {"content-type": "application/json", "content-length": str(len(body))} if body else {}
        self._h2.send_headers(number, [*pseudo.items(), *length.items()], end_stream=not body)
        if body:
            self._h2.send_data(number, body, end_stream=True)
        self._flush()
        try:
            return await stream.done
        finally:
            self._streams.pop(number, None)
            if self.over and not self._streams:
                self._writer.close()

    async def _read(self) -> None:
        reason = "closed before the answer was there"
        try:
            while block := await self._reader.read(_BLOCK_BYTES):
                for event in self._h2.receive_data(block):
                    self._take(event)
                self._flush()
        except (OSError, h2.exceptions.H2Error) as error:
            reason = why(error)
        self.closed_by_server = self.closed_by_server or not self.over
        for stream in list(self._streams.values()):
            _fail(stream, reason)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.closed_by_server = True
            for number in [number for number in self._streams if number > (event.last_stream_id or 0)]:
                _fail(self._streams[number], "refused by GOAWAY")
            return
        stream = self._streams.get(getattr(event, "stream_id", 0) or 0)
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.answer += event.data
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            _fail(stream, f"stream reset ({h2.errors.ErrorCodes(event.error_code).name})")
        elif isinstance(event, h2.events.StreamEnded) and not stream.done.done():
            stream.done.set_result((stream.status, bytes(stream.answer)))

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)


def _fail(stream: _Stream, reason: str) -> None:
    if not stream.done.done():
        stream.done.set_exception(ConnectionError(reason))
