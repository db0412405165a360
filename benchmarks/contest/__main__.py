"""`make bench-release`: what a release drops, takes and sends; ours and the peers', with one app on like hosts.

python -m benchmarks.contest [--releases 50] [--requests 1000000] [--peer-releases 10] [--peers capistrano,pm2,ansible]
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.contest import figures, peers, stages
from benchmarks.contest.app import EXAMPLE, App
from benchmarks.contest.box import Box
from benchmarks.contest.contender import Contender
from benchmarks.contest.measure import Sizes, control, measure
from benchmarks.contest.ours import Vpsdeploy
from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox
from tests.support.vps import VPSDEPLOY

NAME = "bench-contest"
ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "bench"
PEERS = ("capistrano", "pm2", "ansible")
_LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", ".vpsdeploy", "inventories")


def main() -> None:
    """Measure, print the tables, save the figures; exit 1 where we dropped a request."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the hosts are removed then, too
    wanted = [name for name in asked.peers.split(",") if name]
    try:
        results, controlled = _run(wanted, asked)
    finally:
        if not asked.keep:
            sandbox.down(NAME)
    (WORK / "figures.json").write_text(json.dumps({"control": controlled, "results": results}, indent=1))
    print(_text(results, controlled))
    wrong = figures.verdict(results[0], controlled)
    sys.exit("\n".join(wrong) if wrong else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--releases", type=int, default=50, help="of ours under load (count)")
    parser.add_argument("--requests", type=int, default=1_000_000, help="at least, during ours (count)")
    parser.add_argument("--peer-releases", type=int, default=10, help="of each peer under load (count)")
    parser.add_argument("--peers", default=",".join(PEERS), help="which peers; empty for none")
    parser.add_argument("--quiet", type=int, default=5, help="releases without a load, for times (count)")
    parser.add_argument("--limit-seconds", type=float, default=7200, help="longest load of a contender")
    parser.add_argument("--keep", action="store_true", help="leave the hosts, for the next run")
    return parser.parse_args()


def _run(wanted: list[str], asked: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, int]]:
    WORK.mkdir(parents=True, exist_ok=True)
    status = sandbox.up(
        SandboxSpec(name=NAME, hosts=len(wanted) + 1 + bool(wanted), loadbalancers=0), WORK, print
    )
    app = _app()
    first, *others = stages.boxes(status, WORK)
    ours, *rivals = _contenders(app, first, others, wanted)
    _show("setting up", ours)
    ours.set_up()
    results = [measure(ours, Sizes(asked.quiet, asked.releases, asked.requests, asked.limit_seconds))]
    controlled = control(ours)
    print(_text(results, controlled), flush=True)
    share = asked.requests * asked.peer_releases // max(1, asked.releases)
    for rival in rivals:
        _show("setting up", rival)
        rival.set_up()
        results.append(measure(rival, Sizes(asked.quiet, asked.peer_releases, share, asked.limit_seconds)))
        print(figures.dropped_table(results[-1:]), flush=True)
    return results, controlled


def _app() -> App:
    """Built once a checkout: what differs from release to release is one line of what was built."""
    project, bundle = WORK / "source", WORK / "built.bundle"
    if not bundle.exists():
        shutil.copytree(EXAMPLE, project, dirs_exist_ok=True, ignore=_LEFT_OUT)
        subprocess.run([VPSDEPLOY, "build", "--output", bundle, "--project", project], check=True)
    return App(bundle, WORK)


def _contenders(app: App, first: Box, others: list[Box], wanted: list[str]) -> list[Contender]:
    """Ours first; every host provisioned by our roles, all at once."""
    hosts = dict(zip([*wanted, "control"], others, strict=False)) if wanted else {}
    projects = {
        name: stages.project(WORK / name, box, 1 if name == "pm2" else 2) for name, box in hosts.items()
    }
    ours = stages.project(WORK / "vpsdeploy", first, 2)
    jobs = [(ours, first), *((projects[name], hosts[name]) for name in hosts)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: stages.provision(*job), jobs))
    found: list[Contender] = [Vpsdeploy(ours, first, app)]
    if not wanted:
        return found
    steered = [hosts[name] for name in wanted if name != "ansible"]
    peers.set_up_control(hosts["control"], steered, app, WORK)
    make = {
        "capistrano": lambda box: peers.Capistrano(box, hosts["control"], app),
        "pm2": lambda box: peers.Pm2(box, hosts["control"], app),
        "ansible": lambda box: peers.Ansible(box, app, WORK),
    }
    return [*found, *(make[name](hosts[name]) for name in wanted)]


def _show(what: str, contender: Contender) -> None:
    print(f"{what}: {contender.name} on {contender.box.name}", flush=True)


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
