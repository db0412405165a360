"""How long a release and a rollback take, beside the app's own boot, on one host and on many.

python -m benchmarks.release [--rounds 5] [--fleet 10]

A command's time is wall clock, from the start of the process to its end, build excluded (--bundle). The boot is the
app's own, from the start of the slowest instance's process to its first healthy answer; "own" is what is left.
"Controller" is the processor time of the command itself: neither other jobs of the machine nor the hosts' work can
lengthen it. "Warm" is a rollback while the pool that it goes back to still drains: nothing boots.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.contest.figures import table
from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox
from tests.support.node_apps import bundle
from tests.support.vps import VPSDEPLOY, Project, project_on_sandbox

NAME = "bench-release"
CONFIG = ("app: shop", "limits: {memory: 128M}", "release: {drain_seconds: 5, watch_seconds: 0}")
LIMITS = {"release": 2.0, "rollback": 1.0, "rollback, warm": 0.5}
"""Seconds that each may take beside the boot."""

FLEET_LIMIT = 1.6
"""How many times as long as one host a fleet may take, without the boots."""

DRAINED_SECONDS = 8
"""After this the pool of the command before is gone: nginx closes idle connections after 4 s, and a margin."""


class Timed(NamedTuple):
    """Seconds of a command."""

    wall: float
    boot: float
    controller: float

    @property
    def own(self) -> float:
        """Without the app's boot."""
        return self.wall - self.boot


def main() -> None:
    """Measure, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fleet", type=int, default=0, help="hosts of a second series; 0 for none")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        project_on_sandbox(Path(directory), NAME, config=CONFIG) as project,
    ):
        one = series(project, asked.rounds, "one host")
        print(f"vpsdeploy --help: {help_seconds(asked.rounds):.2f} s (limit 0.25 s)", flush=True)
        if asked.fleet:
            sandbox.up(SandboxSpec(name=NAME, hosts=asked.fleet, loadbalancers=0), project.path)
            many = series(project, asked.rounds, f"{asked.fleet} hosts")
            print(ratio_text(one, many))


def series(project: Project, rounds: int, title: str) -> list[dict[str, Timed]]:
    """Provision, release once, measure some rounds and print their table."""
    provisioned = project.vpsdeploy("provision", "host")
    if provisioned.returncode:
        raise SystemExit(provisioned.stdout + provisioned.stderr)
    project.json("release", "--bundle", str(bundle(project.path, "warm-up")))
    measured = [one_round(project, n) for n in range(rounds)]
    print(f"{rounds_text(measured, title)}\n", flush=True)
    return measured


def one_round(project: Project, n: int) -> dict[str, Timed]:
    """A release of a changed line, back while the old pool is warm, and forth when it is not.

    Where the old pool had ended on a host before its rollback began (many hosts on two cores), that was none to a warm
    pool: it is left out.
    """
    file = bundle(project.path, f"line-{n}")
    time.sleep(DRAINED_SECONDS)
    released = timed(project, "release", "--bundle", str(file))
    warm = timed(project, "rollback")
    time.sleep(DRAINED_SECONDS)
    measured = {"release": released, "rollback": timed(project, "rollback")}
    return measured if warm.boot else {**measured, "rollback, warm": warm}


def timed(project: Project, *words: str) -> Timed:
    """Run a command: its wall clock, the boot that is part of it, its processor time."""
    began, used = time.monotonic(), _processor_seconds()
    result = project.json(*words)[-1]
    return Timed(time.monotonic() - began, result["boot_seconds"], _processor_seconds() - used)


def _processor_seconds() -> float:
    """Of our child processes; the hosts' are not ours."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def medians(rounds: list[dict[str, Timed]], command: str) -> dict[str, float]:
    """Of each part of a command; `least` is the smallest own part: what a quiet moment of the machine gave."""
    timed = [one[command] for one in rounds if command in one]
    parts = {
        name: statistics.median(getattr(one, name) for one in timed)
        for name in ("wall", "boot", "own", "controller")
    }
    return {**parts, "least": min(one.own for one in timed)}


def rounds_text(rounds: list[dict[str, Timed]], title: str) -> str:
    """The table of one series."""
    rows = []
    for command, limit in LIMITS.items():
        if not any(command in one for one in rounds):
            continue
        parts = medians(rounds, command)
        shown = [parts[name] for name in ("wall", "boot", "own", "least", "controller")]
        rows.append((command, *(f"{figure:.2f} s" for figure in (*shown, limit))))
    return table((title, "median", "boot", "own", "least own", "controller", "limit of own"), rows)


def ratio_text(one: list[dict[str, Timed]], many: list[dict[str, Timed]]) -> str:
    """How many times as long a fleet takes: without the boots, and of that the controller's part."""
    lines = []
    for command in LIMITS:
        if not (any(command in round_ for round_ in one) and any(command in round_ for round_ in many)):
            continue
        first, fleet = medians(one, command), medians(many, command)
        own, controller = (fleet[part] / first[part] for part in ("own", "controller"))
        lines.append(f"{command}: {own:.2f} x one host without the boots, the controller {controller:.2f} x")
    return "\n".join([*lines, f"(limit {FLEET_LIMIT} x; all hosts share this machine's cores)"])


def help_seconds(rounds: int) -> float:
    """Median of some runs of --help."""
    seconds = []
    for _ in range(rounds):
        began = time.monotonic()
        subprocess.run([VPSDEPLOY, "--help"], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
