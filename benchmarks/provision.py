"""How long provisioning takes, against its floor and its limits.

python -m benchmarks.provision [--hosts 10] [--rounds 5] [--firsts 3]
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import floor
from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox

NAME = "bench-provision"
VPSDEPLOY = Path(sys.executable).with_name("vpsdeploy")


def main() -> None:
    """Measure and print a table; the hosts are removed at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10, help="hosts of the large run (count)")
    parser.add_argument("--rounds", type=int, default=5, help="runs that a median is taken of (count)")
    parser.add_argument(
        "--firsts", type=int, default=3, help="bare hosts, each with a twin for the floor (count)"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the hosts are removed then, too
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        (project / "vpsdeploy.yml").write_text("app: shop\n")
        try:
            _measure(project, options.hosts, options.rounds, options.firsts)
        finally:
            sandbox.down(NAME)


def _measure(project: Path, hosts: int, rounds: int, firsts: int) -> None:
    pairs = []
    for number in range(firsts):
        if number:
            sandbox.down(NAME)
        sandbox.up(SandboxSpec(name=NAME, hosts=2, loadbalancers=0), project)
        pairs.append((_provision(project, "web-1")["seconds"], floor.seconds(NAME, "web-1", "web-2")))
    ratios = [first / plain for first, plain in pairs]
    first, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    said = f"{statistics.median(ratios):.2f} x the floor of {plain:.1f} s, median of {each}"
    _show("first provision, one host", first, f"{said} (limit 1.6)")
    one = _median([_provision(project, "web-1") for _ in range(rounds)])
    _show("second provision, one host", one, "limit 8 s, goal 3 s")
    again = [_provision(project, "web-1", "--full") for _ in range(rounds)]
    full = _median(again)
    calls = again[-1]["hosts"][0]["module_calls"]
    _show("the same with --full", full, f"{calls} module calls (limit 24, goal 8)")
    sandbox.up(SandboxSpec(name=NAME, hosts=hosts, loadbalancers=0), project)
    _provision(project)
    all_of_them = _median([_provision(project) for _ in range(rounds)])
    _show(f"second provision, {hosts} hosts", all_of_them, f"{all_of_them / one:.2f} x one host (limit 3)")
    all_full = _median([_provision(project, "--full") for _ in range(rounds)])
    _show("the same with --full", all_full, f"{all_full / full:.2f} x one host")


def _provision(project: Path, *words: str) -> dict[str, Any]:
    """The result; its `seconds` are the wall clock of the whole command."""
    began = time.monotonic()
    done = subprocess.run(
        [VPSDEPLOY, "provision", "host", *words, "--json"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "seconds": time.monotonic() - began}


def _median(results: list[dict[str, Any]]) -> float:
    return statistics.median(float(result["seconds"]) for result in results)


def _show(title: str, seconds: float, against: str) -> None:
    print(f"{title:<32} {seconds:7.1f} s   {against}", flush=True)


if __name__ == "__main__":
    main()
