"""The HTTP/1.1 client of the load: what it counts as dropped, against servers that misbehave in one way each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.load import checks
from benchmarks.load.http1 import Http1Client
from benchmarks.load.pace import Pace
from benchmarks.load.tally import Phase, Tally

REQUESTS = 6
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[bool]]


async def _read(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b":0"
    )
    return await reader.readexactly(int(length.split(b":")[1]))


def _answer(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> bool:
    """Sends back what it was sent."""
    writer.write(_answer(await _read(reader) or b"{}"))
    return True


async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> bool:
    """503, as nginx says where no instance answers."""
    await _read(reader)
    writer.write(_answer(b"sorry", "503 Service Unavailable"))
    return True


async def vanishing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _n: int) -> bool:
    """Takes the request and closes."""
    await _read(reader)
    return False


async def cutting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> bool:
    """Answers half of what it promised."""
    body = await _read(reader)
    writer.write(_answer(body + b"more")[:-4])
    return False


async def confused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> bool:
    """Answers with somebody else's body."""
    await _read(reader)
    writer.write(_answer(b'{"n": -1}'))
    return True


async def parting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> bool:
    """Says with every other answer that it will close, and does."""
    last = n % 2 == 1
    writer.write(_answer(await _read(reader), more="Connection: close\r\n" if last else ""))
    return not last


async def leaving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> bool:
    """Answers, and closes without having said so: the client sees it before its next request."""
    writer.write(_answer(await _read(reader)))
    return False


def _run(serve: Serve, *, keep_alive: bool = True) -> tuple[Phase, int]:
    """POST until there were REQUESTS answers. Returns: what was counted, and how many connections it took."""

    async def main() -> tuple[Phase, int]:
        tally, connections, served = Tally(), 0, 0

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections, served
            connections += 1
            try:
                while await serve(reader, writer, served):
                    served += 1
                served += 1
            except EOFError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()[:2]
        client = Http1Client(address, checks.post("POST"), tally, keep_alive=keep_alive)
        task = asyncio.create_task(client.run(Pace(0.02)))
        while len(tally.current.milliseconds) < REQUESTS:
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        client._close()
        server.close()
        await asyncio.sleep(0.02)  # the server's side sees the end
        return tally.current, connections

    return asyncio.run(main())


def test_good_answers_on_one_connection_are_no_failures() -> None:
    """And the connection is kept."""
    seen, connections = _run(good)
    assert (seen.failures.total(), seen.reconnects, connections) == (0, 0, 1)


def test_without_keep_alive_each_request_has_a_connection() -> None:
    """Which the client closes: nobody else did."""
    seen, connections = _run(good, keep_alive=False)
    assert (seen.failures.total(), seen.reconnects) == (0, 0)
    assert connections >= REQUESTS


@pytest.mark.parametrize(
    ("serve", "reason"),
    [(refusing, "HTTP 503"), (vanishing, "closed before the answer was there"),
     (cutting, "closed before the answer was there"), (confused, "another answer than expected")],
)  # fmt: skip
def test_a_request_without_a_good_answer_is_dropped(serve: Serve, reason: str) -> None:
    """Each one, and it is not sent again."""
    seen, _ = _run(serve)
    assert seen.failures == {f"POST: {reason}": len(seen.milliseconds)}


def test_a_goodbye_that_was_announced_is_neither_a_failure_nor_a_surprise() -> None:
    """`Connection: close`: nginx says so with the last answer of a connection."""
    seen, connections = _run(parting)
    assert (seen.failures.total(), seen.reconnects) == (0, 0)
    assert connections >= REQUESTS // 2


def test_a_connection_closed_between_two_requests_is_counted_apart() -> None:
    """Nothing was on its way: nothing was lost."""
    seen, _ = _run(leaving)
    assert seen.failures.total() == 0
    assert seen.reconnects >= REQUESTS - 2


def test_a_server_that_is_not_there_drops_requests() -> None:
    """A refused connection is a user who saw an error."""

    async def main() -> Phase:
        tally = Tally()
        client = Http1Client(("127.0.0.1", 1), checks.get("GET"), tally)
        task = asyncio.create_task(client.run(Pace(0.005)))
        while not tally.current.milliseconds:
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return tally.current

    seen = asyncio.run(main())
    assert seen.failures.total() == len(seen.milliseconds)
