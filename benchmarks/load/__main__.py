"""The load as a process of its own: python -m benchmarks.load ADDRESS [--period SECONDS] [--seconds LIMIT].

Standard input steers it, a word a line: the name of the phase that begins, or "totals", which is answered by a line.
At its end, or after the limit, it prints the summary of every phase and leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Coroutine, Iterator
from typing import Any

from benchmarks.load import checks
from benchmarks.load.http1 import Http1Client
from benchmarks.load.http2 import Http2Client
from benchmarks.load.pace import Pace
from benchmarks.load.tally import Tally
from benchmarks.load.websocket import WebSocketClient

PORT = 80
KEEP_ALIVE, NEW_CONNECTION, HTTP2, STREAMS, WEBSOCKETS = 32, 2, 4, 4, 10
"""Counts of clients: HTTP/1.1 with keep-alive and without, HTTP/2 connections, requests at once on each, WebSockets."""


def main() -> None:
    """Run the load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument(
        "--period", type=float, default=0.03, help="of one client, between two requests (seconds)"
    )
    parser.add_argument("--seconds", type=float, default=3600, help="longest run (seconds)")
    asked = parser.parse_args()
    tally = Tally()
    asyncio.run(_run((asked.address, PORT), tally, asked.period, asked.seconds))
    print(json.dumps({name: phase.summary() for name, phase in tally.phases.items()}), flush=True)


async def _run(address: tuple[str, int], tally: Tally, period: float, seconds: float) -> None:
    clients = [asyncio.create_task(one) for one in _clients(address, tally, period)]
    steering = asyncio.create_task(_steered(tally))
    done, _ = await asyncio.wait([*clients, steering], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()  # a client that ended has broken: that is a mistake of ours, never to be taken for silence
    for task in (*clients, steering):
        task.cancel()
    await asyncio.gather(*clients, steering, return_exceptions=True)


def _clients(address: tuple[str, int], tally: Tally, period: float) -> Iterator[Coroutine[Any, Any, None]]:
    for n in range(KEEP_ALIVE):
        ask = checks.post("HTTP/1.1 POST") if n % 2 else checks.get("HTTP/1.1 GET")
        yield Http1Client(address, ask, tally).run(Pace(period))
    for _ in range(NEW_CONNECTION):
        ask = checks.get("HTTP/1.1 GET, new connection")
        yield Http1Client(address, ask, tally, keep_alive=False).run(Pace(period))
    for _ in range(HTTP2):
        client = Http2Client(address, tally)
        for n in range(STREAMS):
            yield client.run(checks.post("HTTP/2 POST") if n % 2 else checks.get("HTTP/2 GET"), Pace(period))
    for _ in range(WEBSOCKETS):
        yield WebSocketClient(address, tally).run()


async def _steered(tally: Tally) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        word = line.decode().strip()
        if word == "totals":
            print(json.dumps(tally.totals()), flush=True)
        else:
            tally.enter(word)


if __name__ == "__main__":
    main()
