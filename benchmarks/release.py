"""How long a release and a rollback take, beside the app's own boot; the floor is measured in the same run.

python -m benchmarks.release [--rounds 5] [--hosts 1]

The command's time is wall clock, from the start of the process to its end, build excluded (--bundle). The boot is
the app's own: from the start of the slowest instance's process to its first healthy answer.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.node_apps import bundle
from tests.support.vps import VPSDEPLOY, Project, project_on_sandbox

CONFIG = ("app: shop", "limits: {memory: 128M}", "release: {drain_seconds: 5}")
LIMITS = {"release": 2.0, "rollback": 1.0}
"""Seconds that each may take beside the boot."""


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hosts", type=int, default=1)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        project_on_sandbox(Path(directory), "bench-release", hosts=asked.hosts, config=CONFIG) as project,
    ):
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr  # noqa: S101 - nothing to measure without it
        project.json("release", "--bundle", str(bundle(project.path, "warm-up")))
        rounds = [one_round(project, n) for n in range(asked.rounds)]
    print_table(rounds)
    print(
        f"vpsdeploy --help: {statistics.median(help_seconds() for _ in range(asked.rounds)):.2f} s (limit 0.25 s)"
    )


def one_round(project: Project, n: int) -> dict[str, tuple[float, float]]:
    """A release of a changed line and a rollback: seconds of the command, seconds of the boot."""
    file = bundle(project.path, f"line-{n}")
    time.sleep(6)  # the drain of the round before is over, so that nothing is kept warm
    released = timed(project, "release", "--bundle", str(file))
    time.sleep(6)
    return {"release": released, "rollback": timed(project, "rollback")}


def timed(project: Project, *words: str) -> tuple[float, float]:
    """Run a command: its wall clock, and the boot that is part of it."""
    began = time.monotonic()
    result = project.json(*words)[-1]
    seconds = time.monotonic() - began
    return seconds, result["boot_seconds"]


def print_table(rounds: list[dict[str, tuple[float, float]]]) -> None:
    """Medians, and what is left without the boot."""
    print(f"{'command':<10} {'median':>8} {'boot':>8} {'without':>8} {'limit':>8}")
    for command, limit in LIMITS.items():
        seconds = statistics.median(one[command][0] for one in rounds)
        boot = statistics.median(one[command][1] for one in rounds)
        own = statistics.median(one[command][0] - one[command][1] for one in rounds)
        print(f"{command:<10} {seconds:>6.2f} s {boot:>6.2f} s {own:>6.2f} s {limit:>6.2f} s")


def help_seconds() -> float:
    """One run of --help."""
    began = time.monotonic()
    subprocess.run([VPSDEPLOY, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
