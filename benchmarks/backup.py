"""What a backup costs: unchanged data beside restic by hand, and how much slower the app answers meanwhile.

python -m benchmarks.backup [--rounds 5] [--mebibytes 1024] [--changed 256]

Unchanged: the unit that the timer starts, and `restic backup` of the same files into a copy of its repository, in
turns. A copy, because most of both is the derivation of the repository's key, and restic sets its cost anew for each.
Meanwhile: each round writes new files that do not compress and a new table, and asks the app at a steady rate without a
backup, then as long as one runs. In turns with it: the same unit in system.slice, where its weight counts against other
services of the system alone. The clients are on this machine, whose cores the host shares.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from benchmarks.meanwhile import FILE_MEBIBYTES, FILES, UNIT, Round, Server, measure, seconds
from benchmarks.weights import lacking, weights
from orchestrator.workflows import sandbox
from tests.support import virtual
from tests.support.node_apps import bundle
from tests.support.vps import Project, project_on_sandbox

NAME, HOST = "bench-backup", "web-1"
CONFIG = (
    "app: shop", "instances: 2", "limits: {memory: 128M}", "shared: [uploads]",
    "rate_limits: {rate: 100000r/s, burst: 10000, connections: 1000}",
    'backup: {targets: {disk: /mnt/backups}, schedule: "0 3 1 1 *", drill: {schedule: "0 5 1 1 *"}}',
)  # fmt: skip
SERVICES = "services: {postgresql: {memory: 256M}}"
TIMES_LIMIT, P99_LIMIT = 1.3, 1.5
"""Most times of restic's own time; of the p99 without a backup (issue 5)."""

OURS = "as the role writes it"
VARIANTS = {OURS: "", "in system.slice": "Slice=system.slice\n"}
DROP_IN = f"""\
place=/run/systemd/system/{UNIT}.d; rm -rf $place; mkdir -p $place
[ -z "$1" ] || printf '[Service]\\n%s' "$1" > $place/variant.conf
systemctl daemon-reload
"""
BY_HAND = "export RESTIC_PASSWORD_FILE=/etc/vpsdeploy/backup/shop/password RESTIC_REPOSITORY=/mnt/by-hand;"
COPY = 'cp -a "$(dirname "$(find /mnt/backups -name config)")" /mnt/by-hand'


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
        _meanwhile(project, asked.changed, asked.rounds)


def _provision(project: Project) -> None:
    done = project.vpsdeploy("provision", "host")
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def _unchanged(mebibytes: int, rounds: int) -> None:
    """In turns, so that whatever else the machine does meets both."""
    _on(FILES, "kept", str(mebibytes // FILE_MEBIBYTES), str(FILE_MEBIBYTES))
    by_hand = f"{BY_HAND} restic backup --quiet /srv/shop/shared"
    _on(f"systemctl start {UNIT}; {COPY}; {by_hand}")
    pairs = [_pair(by_hand) for _ in range(rounds)]
    ours, plain = (statistics.median(times) for times in zip(*pairs, strict=True))
    times = statistics.median(one / other for one, other in pairs)
    print(
        f"{mebibytes} MiB unchanged: {ours:.2f} s, restic by hand {plain:.2f} s: {times:.2f} x (limit {TIMES_LIMIT} x)",
        flush=True,
    )


def _pair(by_hand: str) -> tuple[float, float]:
    _on(f"systemctl reset-failed {UNIT}")  # so many starts in ten seconds are refused
    return seconds(_on, f"systemctl start {UNIT}"), seconds(_on, by_hand)


def _meanwhile(project: Project, mebibytes: int, rounds: int) -> None:
    with weights(NAME, UNIT, _on) if lacking() else nullcontext(_nothing) as again:
        variants = {name: partial(_make, settings, again) for name, settings in VARIANTS.items()}
        times = measure(_server(project), Round(8, 0.02, 5, mebibytes), rounds, variants)
    print(f"p99 {times[OURS]:.2f} x (limit {P99_LIMIT} x)", flush=True)


def _server(project: Project) -> Server:
    address = sandbox.status(NAME).hosts[0].address
    known_hosts = project.inventory.with_name("known_hosts")
    return Server((address, 80), _on, virtual.root_shell(project.key, known_hosts, address))


def _nothing() -> None:
    """The kernel weighs units itself."""


def _make(settings: str, again: Callable[[], None]) -> None:
    _on(DROP_IN, settings)
    again()


def _on(script: str, *words: str) -> str:
    done = sandbox.run(NAME, HOST, ["sh", "-euc", script, "sh", *words], timeout_seconds=600)
    if not done.ok:
        raise SystemExit(f"{script}\n{done.tail()}")
    return done.stdout


if __name__ == "__main__":
    main()
