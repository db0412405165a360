"""How much slower the app answers while a backup runs: the same clients, without one and with one, in turns."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.load.checks import Ask
from benchmarks.load.http1 import Http1Client
from benchmarks.load.pace import Pace
from benchmarks.load.tally import Tally

UNIT = "vpsdeploy-backup-shop.service"
FILE_MEBIBYTES = 16
FILES = """\
cd /srv/shop/shared/uploads && mkdir "$1" && cd "$1"
for n in $(seq "$2"); do head -c "$3M" /dev/urandom > "$n"; done; chown -R shop:shop . && sync
"""
_ROWS = """\
cd / && runuser -u postgres -- psql -qX -d shop -c "CREATE TABLE IF NOT EXISTS t (n int, said text);
  INSERT INTO t SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, $1) n"
"""

On = Callable[..., None]
"""Runs a shell's script as root on the host, with words for it; it has to succeed."""


@dataclass(frozen=True)
class Round:
    """What is asked, and what a backup has to do.

    Attributes:
        clients: Each sends a request every `period_seconds`.
        period_seconds: Long enough that waiting is the backup's doing.
        without_seconds: How long is asked without a backup, each round.
        mebibytes: Of new files that do not compress.
        rows: New ones of a table.
    """

    clients: int
    period_seconds: float
    without_seconds: float
    mebibytes: int
    rows: int = 100_000


def measure(on: On, address: tuple[str, int], each: Round, rounds: int) -> tuple[float, str]:
    """One figure for all rounds: a p99 of one backup alone is a few requests.

    Returns:
        How many times the p99 without a backup, and what was seen, in words.
    """
    tally, lasted = Tally(), list[float]()
    with _asked(address, each, tally):
        for _ in range(rounds):
            tally.enter("between")
            files = str(each.mebibytes // FILE_MEBIBYTES), str(FILE_MEBIBYTES)
            on(FILES, f"new-{time.monotonic_ns()}", *files)
            on(_ROWS, str(each.rows))
            tally.enter("without")
            time.sleep(each.without_seconds)
            tally.enter("backup")
            lasted.append(seconds(on, f"systemctl start {UNIT}"))
    without, during = (tally.phases[name].summary() for name in ("without", "backup"))
    if during["failed"] or without["failed"]:
        raise SystemExit(f"requests failed: {without['failures']} {during['failures']}")
    return during["p99_ms"] / without["p99_ms"], (
        f"{rounds} x {each.mebibytes} MiB of new files and {each.rows:,} rows, {statistics.median(lasted):.1f} s each\n"
        f"without {_shown(without)}\nmeanwhile {_shown(during)}"
    )


def seconds(on: On, script: str) -> float:
    """How long a script takes."""
    began = time.monotonic()
    on(script)
    return time.monotonic() - began


def _shown(summary: dict[str, float]) -> str:
    return f"p50 {summary['p50_ms']} ms, p99 {summary['p99_ms']} ms of {summary['requests']:,} requests"


@contextmanager
def _asked(address: tuple[str, int], each: Round, tally: Tally) -> Iterator[None]:
    """Clients in a thread of their own; the rest of this process only waits."""
    loop = asyncio.new_event_loop()
    methods = ["POST" if n % 2 else "GET" for n in range(each.clients)]
    clients = [
        loop.create_task(Http1Client(address, Ask(method, method, "/"), tally).run(Pace(each.period_seconds)))
        for method in methods
    ]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
        if broken := [task for task in clients if task.done()]:
            raise SystemExit(f"a client ended: {broken[0].exception()!r}")
    finally:
        for task in clients:
            loop.call_soon_threadsafe(task.cancel)
        asyncio.run_coroutine_threadsafe(_ended(clients), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
