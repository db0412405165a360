"""A fleet in memory: the agent's verbs on hosts that are dictionaries, and failures at any step.

What it holds to is docs/internals.md; tests/e2e hold the real agent to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from orchestrator.agent.main import VERBS
from orchestrator.errors import LockHeld
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import blocks
from orchestrator.transport.agent_protocol import BODIED
from tests.support.bodies import framed, tar_of, unframed
from tests.support.bundles import CONTENT, LISTED, STORED
from tests.support.fake_releases import Releases
from tests.support.fake_routes import Routes
from tests.support.fake_state import APP as APP
from tests.support.fake_state import VERSION as VERSION
from tests.support.fake_state import Json
from tests.support.fake_state import https as https
from tests.support.fake_state import kept as kept
from tests.support.fake_state import tally as tally
from tests.support.fake_upkeep import Upkeep

_METHODS = {
    "jobs": "do_jobs", "lock": "do_lock", "return": "return_", "maintenance": "do_maintenance", "migrated": "noted",
    "bans": "do_bans", "backup": "do_backup", "backup-keys": "backup_keys", "backup-list": "backup_list",
    "backup-verify": "backup_verify", "backup-prune": "backup_verify", "receivers": "do_receivers",
}  # fmt: skip
"""Verbs whose names a method cannot have, or an attribute has."""


def stage(*names: str, balancers: Iterable[str] = ()) -> Stage:
    """A stage of app hosts; load balancers are hosts of their own, or the first app host."""
    lbs = tuple(balancers)
    both = frozenset({"app", "loadbalancer"})
    apps = tuple(
        Host(name, f"10.0.0.{n}", groups=both if not lbs and n == 1 else frozenset({"app"}))
        for n, name in enumerate(names, 1)
    )
    rest = tuple(
        Host(name, f"10.0.1.{n}", groups=frozenset({"loadbalancer"})) for n, name in enumerate(lbs, 1)
    )
    return Stage("production", Path("hosts.yml"), Path("known_hosts"), (*apps, *rest))


class FakeHost(Releases, Routes, Upkeep):
    """One host: what its disk says."""

    def facts(self, _: Json) -> Json:
        """Everything, as the agent says it."""
        return {
            "version": VERSION, "arch": "x86_64", "memory_bytes": 1 << 32, "disk_free_bytes": 1 << 34,
            "inodes_free": 1 << 20, "node_versions": ["24.21.0"], "apps": {APP: {"instances_max": 4}},
            "live": self.live, "sizes": self.sizes, "out": self.out,
            "pools": self.pools, "pending": self.pending, "lock": self.lock, "current": self.current or None,
            "releases": [self._release(one) for one in self.releases], "jobs": self._jobs(), "instances": [],
            "last": self.history[-1] if self.history else None, "maintenance": self.maintenance,
            "tls": self.tls, "backup": self.backup,
            "migrations": list(self.migrations.values()),
        }  # fmt: skip

    def answer(self, verb: str, request: Json) -> Json:
        """Carry out any verb without a body."""
        if verb == "history":
            return {"lines": self.history}
        name = _METHODS.get(verb, verb)
        act: Callable[[Json], Json] = getattr(self, name)
        return act(request)


def _cut(stream: bytes) -> Iterator[bytes]:
    """In pieces that end anywhere."""
    for begin in range(0, len(stream), 1000):
        yield stream[begin : begin + 1000]


class FakeFleet:
    """The hosts of a stage, as a workflow sees them.

    Args:
        of: The stage.
        fail: Called before each verb with (host, verb): raises to make it fail.
    """

    def __init__(self, of: Stage, fail: Callable[[str, str], None] | None = None) -> None:
        self.hosts = {host.name: FakeHost(host) for host in of.hosts}
        self.fail = fail
        self.calls: list[tuple[str, str]] = []
        self.sent = b""

    def open(self, host: str) -> None:
        """Always reachable."""

    def forget(self, host: str) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        """Nothing is open."""

    def call(
        self, host: str, verb: str, request: Json, *, body: Iterable[bytes] = (), on_event: object = None
    ) -> Json:
        """One verb on one host."""
        self.calls.append((host, verb))
        if self.fail:
            self.fail(host, verb)
        if VERBS[verb].token and not self.hosts[host].is_locked_by(request):
            raise LockHeld("the lock is not held", host=host, why="it was released, or was never taken")
        if verb in BODIED:
            content = unframed(body)
            if verb == "db-load":
                return self.hosts[host].db_load(request, content)
            self.sent += content if verb == "receive" else b""
            act = self.hosts[host].offer if verb == "offer" else self.hosts[host].receive
            return act(content)
        return self.hosts[host].answer(verb, request)

    def read(self, host: str, verb: str, request: Json) -> Iterator[bytes]:
        """The list of the release's only file, or the file."""
        self.calls.append((host, verb))
        if self.fail:
            self.fail(host, verb)
        if verb == "db-dump":
            yield from _cut(framed(self.hosts[host].database).removesuffix(blocks.END))
            return
        content = tar_of({STORED: CONTENT}) if "missing" in request else LISTED
        yield framed(content).removesuffix(blocks.END)

    def summary(self) -> set[tuple[str | None, str]]:
        """(live colour, its pool's release) over load balancers and app hosts that are in: one pair when whole."""
        out = {name for host in self.hosts.values() for name in host.out}
        lives = {host.live for host in self.hosts.values() if host.host.is_loadbalancer}
        apps = [host for name, host in self.hosts.items() if host.host.is_app and name not in out]
        return {
            (live, (host.pools[live or "blue"] or {}).get("release", "")) for live in lives for host in apps
        }
