"""The fleet that the drills run on: two load balancers, three app hosts; each drill leaves it as it found it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.sandbox.lifecycle import Lifecycle
from orchestrator.sandbox.machine import Machine
from orchestrator.workflows import sandbox
from tests.support.node_apps import bundle
from tests.support.vps import Project

CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 6}", "limits: {memory: 128M}",
    "release: {drain_seconds: 8, watch_seconds: 0}",
)  # fmt: skip
BALANCERS, APPS = ("lb-1", "lb-2"), ("web-1", "web-2", "web-3")
GOOD_SECONDS = 90
"""How long the fleet may take to be quiet after a drill: a drain, or a timer of 60 s that flips back."""

_SAMPLES = 8
STATE = "/var/lib/vpsdeploy/shop"
# Drops everything, or only SSH from and to one address; "input" and "output" are the host's own chains.
_CUT = """
table inet drill {{
  chain in {{ type filter hook input priority -300; policy {policy}; {rule_in} }}
  chain out {{ type filter hook output priority -300; policy {policy}; {rule_out} }}
}}
"""

_MEND = "add table inet drill; delete table inet drill"  # so that it is no error where there is none


@dataclass
class Fleet:
    """The hosts, as a drill sees and treats them."""

    project: Project
    addresses: Mapping[str, str]
    released: int = field(default=0)

    @property
    def balancers(self) -> dict[str, str]:
        """Addresses of the load balancers."""
        return {name: self.addresses[name] for name in BALANCERS}

    @property
    def controller(self) -> str:
        """The address that we have in the sandbox's network."""
        return f"{self.addresses['lb-1'].rpartition('.')[0]}.1"

    def bundle(self, behaviour: str = "good") -> Path:
        """A bundle that nobody has released yet."""
        self.released += 1
        return bundle(self.project.path, f"r{self.released}-{time.time_ns()}", behaviour)

    def on(self, host: str, script: str) -> str:
        """Run a script on a host as root, past SSH; it has to succeed."""
        done = sandbox.run(self.project.name, host, ("sh", "-euc", script), timeout_seconds=120)
        assert done.ok, f"{host}: {script}: {done.tail()}"
        return done.stdout

    def cut(self, hosts: Iterable[str], *, answers_only: bool = False, everything: bool = False) -> None:
        """Drop what the controller and a host send each other by SSH, or the host's part only; or all that it sends."""
        for host in hosts:
            text = _CUT.format(
                policy="drop" if everything else "accept",
                rule_in=""
                if everything or answers_only
                else f"ip saddr {self.controller} tcp dport 22 drop;",
                rule_out="" if everything else f"ip daddr {self.controller} tcp sport 22 drop;",
            )
            self._filter(host, text)

    def mend(self, hosts: Iterable[str]) -> None:
        """Let it pass again."""
        for host in hosts:
            self._filter(host, _MEND)

    def cut_power(self, host: str) -> None:
        """As a power cut: not a packet leaves the host any more, not even to say that its connections are closed."""
        self.cut([host], everything=True)
        sandbox.power_off(self.project.name, host, hard=True)

    def power_on(self, host: str) -> None:
        """Start a host that is off, and wait until it has booted.

        podman starts it in the network that it had, where the packets are still dropped.
        """
        one = Lifecycle(Machine()).host(self.project.name, host)
        one.start()
        self.mend([host])
        one.wait_until_booted(fresh=False)

    def is_pending(self) -> bool:
        """Whether a load balancer has a flip that nobody has confirmed."""
        return any(self.on(host, f"ls {STATE}").split().count("pending.json") for host in BALANCERS)

    def wait_until_settled(self, seconds: float = GOOD_SECONDS) -> None:
        """Until no flip waits for its confirmation: the timers are the hosts' own."""
        deadline = time.monotonic() + seconds
        while self.is_pending():
            assert time.monotonic() < deadline, f"a flip is pending for more than {seconds} s"
            time.sleep(0.5)

    def status(self) -> dict[str, Any]:
        """What `vpsdeploy status` says."""
        return self.project.json("status")[-1]

    def routes(self) -> set[str]:
        """The colours that the load balancers route to, from their disks."""
        marker = "/var/lib/vpsdeploy/routes/shop/green"
        return {self.on(host, f"test -e {marker} && echo green || echo blue").strip() for host in BALANCERS}

    def seen_by_users(self) -> set[str]:
        """The releases that answer, asked through each load balancer several times."""
        return {_release(address) for address in self.balancers.values() for _ in range(_SAMPLES)}

    def assert_good(self) -> str:
        """Quiet and whole: one release, live and current, in the only pool, nothing locked. Returns: the release."""
        deadline = time.monotonic() + GOOD_SECONDS
        while problems := self._problems(found := self.status()):
            assert time.monotonic() < deadline, "\n".join(problems)
            time.sleep(1)
        live = str(found["live"])
        assert self.seen_by_users() == {live}
        return live

    def _problems(self, found: dict[str, Any]) -> list[str]:
        live = found["live"]
        problems = [] if live and found["settled"] else [f"live is {live}, settled: {found['settled']}"]
        for host in found["hosts"]:
            if host["lock"]:
                problems.append(f"{host['name']}: locked by {host['lock']['message']}")
            if host["name"] in APPS:
                problems += _app_problems(host, live)
        return problems

    def _filter(self, host: str, text: str) -> None:
        """Change a host's packet filter by its own nft: this machine's may be too old for what is there."""
        self.on(host, f"nft -f - <<'END'\n{text}\nEND")


def _app_problems(host: dict[str, Any], live: str | None) -> list[str]:
    """What is wrong with an app host where `live` is to be the only release."""
    pools = [pool for pool in host["pools"].values() if pool]
    wrong = [f"runs {pool['release']}" for pool in pools if pool["release"] != live]
    wrong += ["drains" for pool in pools if pool["draining"]] + ([] if pools else ["runs nothing"])
    wrong += [f"{one['unit']} is {one['state']}" for one in host["instances"] if one["state"] != "active"]
    wrong += [] if host["current"] == live else [f"current is {host['current']}"]
    return [f"{host['name']}: {text}" for text in wrong]


def _release(address: str) -> str:
    with closing(http.client.HTTPConnection(address, timeout=15)) as connection:
        connection.request("GET", "/")
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, f"{address} answers {answer.status}: {said[:300]!r}"
        return str(json.loads(said)["release"])
