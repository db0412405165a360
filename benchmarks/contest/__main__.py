"""`make bench-release`: what a release drops, takes and sends; ours and the peers', with one app on like hosts.

python -m benchmarks.contest [--releases 50] [--requests 1000000] [--peer-releases 10] [--only vpsdeploy,pm2]
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.contest import figures, peers, stages
from benchmarks.contest.app import App
from benchmarks.contest.box import Box
from benchmarks.contest.contender import Contender
from benchmarks.contest.figures import OURS
from benchmarks.contest.measure import Sizes, control, measure
from benchmarks.contest.ours import Vpsdeploy
from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox

NAME = "bench-contest"
ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "bench"
PEERS = ("capistrano", "pm2", "ansible")


def main() -> None:
    """Measure, print the tables, save the figures; exit 1 where we dropped a request."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the hosts are removed then, too
    wanted = asked.only.split(",")
    if unknown := set(wanted) - {OURS, *PEERS}:
        sys.exit(f"--only knows {OURS}, {', '.join(PEERS)}; not {', '.join(sorted(unknown))}")
    try:
        results, controlled = _run(wanted, asked)
    finally:
        if not asked.keep:
            sandbox.down(NAME)
    print(_text(results, controlled))
    wrong = figures.verdict(results, controlled)
    sys.exit("\n".join(wrong) if wrong else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--releases", type=int, default=50, help="of ours under load (count)")
    parser.add_argument("--requests", type=int, default=1_000_000, help="at least, during ours (count)")
    parser.add_argument("--peer-releases", type=int, default=10, help="of each peer under load (count)")
    parser.add_argument("--only", default=",".join((OURS, *PEERS)), help="which contenders")
    parser.add_argument("--quiet", type=int, default=5, help="releases without a load, for times (count)")
    parser.add_argument("--limit-seconds", type=float, default=7200, help="longest load of a contender")
    parser.add_argument("--keep", action="store_true", help="leave the hosts, for the next run")
    return parser.parse_args()


def _run(wanted: list[str], asked: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, int]]:
    WORK.mkdir(parents=True, exist_ok=True)
    status = sandbox.up(SandboxSpec(name=NAME, hosts=len(PEERS) + 2, loadbalancers=0), WORK, print)
    hosts = dict(zip((OURS, *PEERS, "control"), stages.boxes(status, WORK), strict=True))
    results, controlled = [], {}
    for contender in _contenders(App(WORK), hosts, wanted):
        print(f"setting up {contender.name} on {contender.box.name}", flush=True)
        contender.set_up()
        releases = asked.releases if isinstance(contender, Vpsdeploy) else asked.peer_releases
        requests = asked.requests * releases // asked.releases
        results.append(measure(contender, Sizes(asked.quiet, releases, requests, asked.limit_seconds)))
        if isinstance(contender, Vpsdeploy):
            controlled = control(contender)
        print(_text(results[-1:], controlled), flush=True)
        (WORK / "figures.json").write_text(json.dumps({"control": controlled, "results": results}, indent=1))
    return results, controlled


def _contenders(app: App, hosts: dict[str, Box], wanted: list[str]) -> list[Contender]:
    """Every host provisioned by our roles, two at a time: the machine has few cores."""
    used = {*wanted, "control"} if set(wanted) & set(PEERS) else {*wanted}
    projects = {name: stages.project(WORK / name, hosts[name], 1 if name == "pm2" else 2) for name in used}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: stages.provision(projects[name], hosts[name]), sorted(used)))
    if "control" in used:
        steered = [hosts[name] for name in wanted if name in ("capistrano", "pm2")]
        peers.set_up_control(hosts["control"], steered, app, WORK)
    make: dict[str, Callable[[Box], Contender]] = {
        OURS: lambda box: Vpsdeploy(projects[OURS], box, app),
        "capistrano": lambda box: peers.Capistrano(box, hosts["control"], app),
        "pm2": lambda box: peers.Pm2(box, hosts["control"], app),
        "ansible": lambda box: peers.Ansible(box, app, WORK),
    }
    return [make[name](hosts[name]) for name in wanted]


def _text(results: list[dict[str, Any]], controlled: dict[str, int]) -> str:
    seen = "\n".join(f"control: {title}: {failed:,} dropped" for title, failed in controlled.items())
    failures = "\n".join(
        f"{result['name']}: {count:,} x {reason}"
        for result in results
        for reason, count in result["failures"].items()
    )
    parts = [figures.dropped_table(results), figures.cost_table(results), seen, failures]
    return "\n\n".join(part for part in parts if part)


if __name__ == "__main__":
    main()
