"""How much slower the app answers while a backup runs: the same clients, without one and with one, in turns."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.load.checks import Ask
from benchmarks.load.http1 import Http1Client
from benchmarks.load.pace import Pace
from benchmarks.load.tally import Tally
from benchmarks.standing_shell import Shell, standing

UNIT = "vpsdeploy-backup-shop.service"
FILE_MEBIBYTES = 16
FILES = """\
cd /srv/shop/shared/uploads && rm -rf "$1" && mkdir "$1" && cd "$1"
for n in $(seq "$2"); do head -c "$3M" /dev/urandom > "$n"; done; chown -R shop:shop . && sync
"""
_ROWS = """\
cd / && runuser -u postgres -- psql -qX -d shop -c "DROP TABLE IF EXISTS t; CREATE TABLE t (n int, said text);
  INSERT INTO t SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, $1) n"
"""

_SETTLED_SECONDS = 1.0
"""Until what wrote new files and rows has ended here as well."""

On = Callable[..., object]
"""Runs a shell's script as root on the host, with words for it; it has to succeed."""


@dataclass(frozen=True)
class Server:
    """What is backed up, and asked meanwhile.

    Attributes:
        address: Where it answers.
        on: Runs scripts there.
        shell: The command that opens a shell there as root; with it a backup is begun, as a program that is started for
            that alone costs the app more than the backup does.
    """

    address: tuple[str, int]
    on: On
    shell: Sequence[str]


@dataclass(frozen=True)
class Round:
    """What is asked, and what a backup has to do.

    Attributes:
        clients: Each sends a request every `period_seconds`.
        period_seconds: Long enough that waiting is the backup's doing.
        without_seconds: How long is asked without a backup, each round.
        mebibytes: Of new files that do not compress.
        rows: Of a table that is made anew.
    """

    clients: int
    period_seconds: float
    without_seconds: float
    mebibytes: int
    rows: int = 100_000


def measure(
    server: Server, each: Round, rounds: int, variants: Mapping[str, Callable[[], None]]
) -> dict[str, float]:
    """Print one line for each variant, and one without a backup.

    In turns, beside one figure without: so whatever else the machine does meets all of them. One figure for all rounds,
    as a p99 of one backup alone is a few requests; and each round has clients of its own, as two that happen to ask at
    the same moment would do so to the end.

    Args:
        server: The host.
        each: What a round is.
        rounds: Of each variant (count).
        variants: What makes it so, by its name.

    Returns:
        How many times the p99 without a backup, by variant.
    """
    tally, lasted = Tally(), {name: list[float]() for name in variants}
    with standing(server.shell) as shell:
        for _ in range(rounds):
            for name, make in variants.items():
                make()
                with _asked(server.address, each, tally):
                    lasted[name].append(_round(server.on, shell, each, tally, name))
    seen = {name: tally.phases[name].summary() for name in ("without", *variants)}
    if failed := {name: summary["failures"] for name, summary in seen.items() if summary["failed"]}:
        raise SystemExit(f"requests failed: {failed}")
    print(f"{rounds} x {each.mebibytes} MiB of new files and a table of {each.rows:,} rows")
    print(f"without {_shown(seen['without'])}")
    times = {name: seen[name]["p99_ms"] / seen["without"]["p99_ms"] for name in variants}
    for name in variants:
        print(
            f"{name}, {statistics.median(lasted[name]):.1f} s each: {_shown(seen[name])}: {times[name]:.2f} x",
            flush=True,
        )
    return times


def _round(on: On, shell: Shell, each: Round, tally: Tally, name: str) -> float:
    """The same for each: what is new is as much, and what was new before is gone."""
    tally.enter("between")
    on(FILES, "new", str(each.mebibytes // FILE_MEBIBYTES), str(FILE_MEBIBYTES))
    on(_ROWS, str(each.rows))
    time.sleep(_SETTLED_SECONDS)
    tally.enter("without")
    time.sleep(each.without_seconds)
    tally.enter(name)
    lasted = seconds(shell.run, f"systemctl start {UNIT}")
    tally.enter("between")
    return lasted


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
