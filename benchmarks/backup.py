"""What a backup costs: unchanged data beside restic by hand, and how much slower the app answers meanwhile.

python -m benchmarks.backup [--rounds 5] [--mebibytes 1024] [--changed 256]

Unchanged: the unit that the timer starts, and `restic backup` of the same files into a repository of its own, in turns.
Meanwhile: each round writes new files that do not compress and new rows, and asks the app at a steady rate without a
backup, then as long as one runs. The clients are on this machine, whose cores the host shares.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load.checks import Ask
from benchmarks.load.http1 import Http1Client
from benchmarks.load.pace import Pace
from benchmarks.load.tally import Tally
from orchestrator.workflows import sandbox
from tests.support.node_apps import bundle
from tests.support.vps import Project, project_on_sandbox

NAME, HOST = "bench-backup", "web-1"
CONFIG = (
    "app: shop", "instances: 2", "limits: {memory: 128M}", "shared: [uploads]",
    "rate_limits: {rate: 100000r/s, burst: 10000, connections: 1000}",
    'backup: {targets: {disk: /mnt/backups}, schedule: "0 3 1 1 *", drill: {schedule: "0 5 1 1 *"}}',
)  # fmt: skip
SERVICES = "services: {postgresql: {memory: 256M}}"
UNIT = "vpsdeploy-backup-shop.service"
TIMES_LIMIT, P99_LIMIT = 1.3, 1.5
"""Most times of restic's own time; of the p99 without a backup (issue 5)."""

CLIENTS, PERIOD_SECONDS = 8, 0.02
"""400 requests a second: far from what the app can do, so that waiting is the backup's doing."""

WITHOUT_SECONDS = 5
FILE_MEBIBYTES = 16
BY_HAND = "export RESTIC_PASSWORD=x RESTIC_REPOSITORY=/mnt/by-hand;"
_FILES = """\
cd /srv/shop/shared/uploads && mkdir "$1" && cd "$1"
for n in $(seq "$2"); do head -c "$3M" /dev/urandom > "$n"; done; chown -R shop:shop . && sync
"""
_ROWS = """\
cd / && runuser -u postgres -- psql -qX -d shop -c "CREATE TABLE IF NOT EXISTS t (n int, said text);
  INSERT INTO t SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 100000) n"
"""


def main() -> None:
    """Measure, print two lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (count)")
    parser.add_argument("--mebibytes", type=int, default=1024, help="of files that do not change")
    parser.add_argument("--changed", type=int, default=256, help="of new files each round (mebibytes)")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        project_on_sandbox(Path(directory), NAME, config=CONFIG) as project,
    ):
        _provision(project)
        project.json("release", "--bundle", str(bundle(project.path, "good")))
        _unchanged(asked.mebibytes, asked.rounds)
        (project.path / "vpsdeploy.yml").write_text("\n".join([*CONFIG, SERVICES, ""]))
        _provision(project)
        _meanwhile(sandbox.status(NAME).hosts[0].address, asked.changed, asked.rounds)


def _provision(project: Project) -> None:
    done = project.vpsdeploy("provision", "host")
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def _unchanged(mebibytes: int, rounds: int) -> None:
    """In turns, so that whatever else the machine does meets both."""
    _on(_FILES, "kept", str(mebibytes // FILE_MEBIBYTES), str(FILE_MEBIBYTES))
    by_hand = f"{BY_HAND} restic backup --quiet /srv/shop/shared"
    _on(f"systemctl start {UNIT}; {BY_HAND} restic init --quiet; {by_hand}")
    pairs = [(_seconds(f"systemctl start {UNIT}"), _seconds(by_hand)) for _ in range(rounds)]
    ours, plain = (statistics.median(times) for times in zip(*pairs, strict=True))
    times = statistics.median(one / other for one, other in pairs)
    print(
        f"{mebibytes} MiB unchanged: {ours:.2f} s, restic by hand {plain:.2f} s: {times:.2f} x (limit {TIMES_LIMIT} x)",
        flush=True,
    )


def _meanwhile(address: str, mebibytes: int, rounds: int) -> None:
    """One figure for all rounds: a p99 of one backup alone is a few requests."""
    tally, lasted = Tally(), list[float]()
    with _asked((address, 80), tally):
        for n in range(rounds):
            tally.enter("between")
            _on(_FILES, f"new-{n}", str(mebibytes // FILE_MEBIBYTES), str(FILE_MEBIBYTES))
            _on(_ROWS)
            tally.enter("without")
            time.sleep(WITHOUT_SECONDS)
            tally.enter("backup")
            lasted.append(_seconds(f"systemctl start {UNIT}"))
    without, during = (tally.phases[name].summary() for name in ("without", "backup"))
    if during["failed"] or without["failed"]:
        raise SystemExit(f"requests failed: {without['failures']} {during['failures']}")
    print(
        f"{rounds} x {mebibytes} MiB of new files and 100,000 rows, {statistics.median(lasted):.1f} s each\n"
        f"without {_shown(without)}\nmeanwhile {_shown(during)}\n"
        f"p99 {during['p99_ms'] / without['p99_ms']:.2f} x (limit {P99_LIMIT} x)",
        flush=True,
    )


def _shown(summary: dict[str, float]) -> str:
    return f"p50 {summary['p50_ms']} ms, p99 {summary['p99_ms']} ms of {summary['requests']:,} requests"


@contextmanager
def _asked(address: tuple[str, int], tally: Tally) -> Iterator[None]:
    """Clients in a thread of their own; the rest of this process only waits."""
    loop = asyncio.new_event_loop()
    asks = [Ask("POST" if n % 2 else "GET", "POST" if n % 2 else "GET", "/") for n in range(CLIENTS)]
    clients = [loop.create_task(Http1Client(address, ask, tally).run(Pace(PERIOD_SECONDS))) for ask in asks]
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


def _seconds(script: str) -> float:
    began = time.monotonic()
    _on(script)
    return time.monotonic() - began


def _on(script: str, *words: str) -> None:
    done = sandbox.run(NAME, HOST, ["sh", "-euc", script, "sh", *words], timeout_seconds=600)
    if not done.ok:
        raise SystemExit(f"{script}\n{done.tail()}")


if __name__ == "__main__":
    main()
