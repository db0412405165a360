"""WebSocket clients: one message a second, each of which must come back. Counted apart from requests.

Source: RFC 6455, sections 1.3 (handshake) and 5.2 (frames).
"""

from __future__ import annotations

import asyncio
import base64
import json
import os

from benchmarks.load.checks import TIMEOUT_SECONDS
from benchmarks.load.tally import Tally

PATH = "/ws"
PERIOD_SECONDS = 1.0
_TEXT, _CLOSE = 0x81, 0x88
_MASKED = 0x80
_SHORT = 126
"""Our frames and the app's answers are shorter: they need no extended length."""


class WebSocketClient:
    """One client that connects again after it was cut, as a browser's would."""

    def __init__(self, address: tuple[str, int], tally: Tally) -> None:
        self._address, self._tally = address, tally

    async def run(self) -> None:
        """Send and receive, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    reader, writer = await self._open()
            except (OSError, EOFError):
                self._tally.current.sockets["refused"] += 1
                await asyncio.sleep(PERIOD_SECONDS)
                continue
            self._tally.current.sockets["opened"] += 1
            try:
                await self._talk(reader, writer)
            finally:
                writer.close()
            self._tally.current.sockets["cut"] += 1

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self._address)
        key = base64.b64encode(os.urandom(16)).decode()
        head = [
            f"GET {PATH} HTTP/1.1", f"Host: {self._address[0]}", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
        ]  # fmt: skip
        writer.write("\r\n".join([*head, "", ""]).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n", 1)[0]:
            writer.close()
            raise ConnectionError("the upgrade was refused")
        return reader, writer

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the connection ends: between two messages (nothing is lost), or with one unanswered."""
        number = 0
        while not reader.at_eof():
            number += 1
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    writer.write(frame(json.dumps({"event": "echo", "data": number}).encode()))
                    received = await _receive(reader)
            except (OSError, EOFError):
                received = None
            if received is None or json.loads(received)["data"] != number:
                self._tally.current.sockets["unanswered"] += 1
                return
            self._tally.current.sockets["messages"] += 1
            await asyncio.sleep(PERIOD_SECONDS)
            if await _closing(reader):
                return


def frame(text: bytes) -> bytes:
    """A masked text frame of less than 126 bytes."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(text))
    return bytes([_TEXT, _MASKED | len(text)]) + mask + masked


async def _receive(reader: asyncio.StreamReader) -> bytes | None:
    """The next message; None where the server closes instead."""
    kind, length = await reader.readexactly(2)
    text = await reader.readexactly(length)
    return text if kind == _TEXT and length < _SHORT else None


async def _closing(reader: asyncio.StreamReader) -> bool:
    """Whether the server has said goodbye, or gone, since the last message."""
    try:
        async with asyncio.timeout(0):
            return (await reader.readexactly(2))[0] == _CLOSE
    except TimeoutError:
        return False
    except EOFError:
        return True
