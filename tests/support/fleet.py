"""A fleet in memory: the agent's verbs on hosts that are dictionaries, and failures at any step.

What it holds to is docs/internals.md; tests/e2e hold the real agent to the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent.main import VERBS
from orchestrator.errors import LockHeld, ReleaseFailed, UsageError
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import blocks
from orchestrator.transport.agent_protocol import BODIED
from tests.support.bodies import framed, tar_of, unframed, untar
from tests.support.bundles import CONTENT, LISTED, STORED

Json = dict[str, Any]
APP = "shop"
VERSION = "1+abc"


_METHODS = {
    "jobs": "do_jobs", "lock": "do_lock", "return": "return_", "maintenance": "do_maintenance", "migrated": "noted",
    "bans": "do_bans", "backup": "do_backup", "backup-keys": "backup_keys", "backup-list": "backup_list",
    "backup-verify": "backup_verify", "backup-prune": "backup_verify",
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


def tally(requests: int = 0, failed: int = 0, **latency: int) -> Json:
    """A pool's figures as the agent answers them; latency by class: c48=10 is ten requests of 97 ms."""
    classes = {name.removeprefix("c"): count for name, count in latency.items()}
    upstreams = {"10.0.0.1:4101": [requests, failed]} if requests else {}
    shown = [{"method": "GET", "path": "/", "status": 500, "id": "abc"}] if failed else []
    return {"requests": requests, "failed": failed, "aborted": 0, "latency": classes or {"20": requests},
            "upstreams": upstreams, "failures": shown}  # fmt: skip


def https(*domains: str, serial: str = "01", ends: str = "2099-01-01T00:00:00Z", issued: bool = True) -> Json:
    """What a load balancer with HTTPS says of it."""
    times = {"not_before": "2026-11-01T00:00:00Z", "not_after": ends}
    found = {"names": list(domains), "issuer": "CN=E7", "serial": serial, "fingerprint": serial * 32, **times}
    tried = {"at": 1.0, "time": "2026-11-01T00:00:00Z", "result": "issued" if issued else "astray", "why": ""}
    missing = [] if issued else list(domains)
    told = {"mode": "acme", "domains": list(domains), "missing": missing, "tried": tried}
    return {**told, "certificate": found if issued else None}


def kept(before: Json | None, *, made: bool = True, drilled: bool = False) -> Json:
    """What a host says of backups to one target, `disk`."""
    good = {"at": 1.0, "time": "2026-11-26T03:12:09Z", "snapshot": "6f06cbf8", "bytes": 10, "files": 2,
            "added_bytes": 10, "databases": {"shop": 5}}  # fmt: skip
    proof = {"at": 1.0, "time": "2026-11-26T05:02:47Z", "snapshot": "6f06cbf8", "seconds": 14.1, "age_seconds": 6638,
             "databases": [{"rows": 20}], "checks": 2}  # fmt: skip
    old = before["targets"]["disk"] if before else {"drilled": None}
    state = {"good": good if made else None, "drilled": proof if drilled else old["drilled"], "checked": None}
    troubles = [] if state["drilled"] else ["disk: unproven"]
    return {"targets": {"disk": state}, "last": None, "drill": None, "troubles": troubles}


class FakeHost:
    """One host: what its disk says."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.live: str | None = "blue" if host.is_loadbalancer else None
        self.pools: dict[str, Json | None] = {"blue": None, "green": None}
        self.pending: Json | None = None
        self.lock: Json | None = None
        self.releases: list[str] = []
        self.settings: dict[str, Json] = {}
        self.store: set[str] = set()
        self.damaged: set[str] = set()
        self.current = ""
        self.history: list[Json] = []
        self.hooks: list[Json] = []
        self.jobs: Json = {}
        self.stamps: Json = {}
        self.maintenance: Json | None = None
        self.tls: Json | None = None
        self.backup: Json | None = None
        self.database = b"PGDMP" + b"rows" * 100_000
        self.backup_files: dict[str, Any] = {}
        self.authority = ""
        self.migrations: dict[str, Json] = {}
        self.migrated: list[str] = []
        self.sizes: dict[str, int] = {}
        self.out: dict[str, Json] = {}
        self.before: Json = tally()
        self.after: Json = tally()
        self.looks: Json = {}
        self.bans: list[Json] = []
        self.passwords: dict[str, str] = {}
        self.carried: set[str] = set()
        self.ailing: Json = {}
        self.trusted = ""
        self.pending_updates: list[Json] = []
        self.reboot_required = False
        self.stale: list[str] = []
        self.states: list[str] = []
        self.boots = 0

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

    def _release(self, identifier: str) -> Json:
        settings = self.settings.get(identifier, {})
        jobs = {kind: settings[kind] for kind in ("workers", "cron") if settings.get(kind)}
        return {"id": identifier, "node": "24.21.0", "instances": settings.get("instances", 0), "jobs": jobs}

    def _jobs(self) -> Json | None:
        if not self.jobs:
            return None
        up = {
            "state": "active",
            "sub_state": "running",
            "memory_bytes": 1,
            "restarts": 0,
            "uptime_seconds": 1.0,
        }
        processes = [
            {"unit": "x", "worker": name, "number": n + 1, "release": self.jobs["release"], "wanted": True, **up}
            for name, count in self.jobs["workers"].items() for n in range(count)
        ]  # fmt: skip
        timer = {"schedule": "@daily", "timezone": "UTC", "armed": True, "running": False}
        times = {"next_at": None, "missed_at": None, "last": None}
        entries = [{"name": name, **timer, **times} for name in self.jobs["cron"]]
        return {**self.jobs, "processes": processes, "entries": entries}

    def do_jobs(self, request: Json) -> Json:
        """Other workers and entries run at once, and what leaves is handed over."""
        assert not request["release"] or request["release"] in self.releases
        old, self.jobs = self.jobs, {key: request[key] for key in ("release", "workers", "cron")}
        left = [name for name in old.get("cron", ()) if name not in request["cron"]]
        self.stamps |= {name: known["stamp"] for name, known in request.get("handover", {}).items()}
        return {"handover": {name: {"stamp": 7, "run": {}} for name in left}}

    def do_lock(self, request: Json) -> Json:
        """Take the lock unless another owner has it; a person's lock is nobody else's, dead or not."""
        before, manual = self.lock, bool(request.get("manual"))
        is_same = before and before["owner"] == request["owner"] and bool(before.get("manual")) == manual
        dead = before and not before.get("manual") and before["owner"] == request.get("dead_owner")
        if before and not (is_same or dead):
            raise LockHeld("another release is running", host=self.host.name, why=before["message"])
        self.lock = {"owner": request["owner"], "message": request["message"]}
        self.lock |= {"manual": True} if manual else {}
        return {"token": f"token-{self.host.name}", "again": bool(is_same and manual)}

    def unlock(self, request: Json) -> Json:
        """Give it back, and keep the story that comes with it."""
        before, owned = self.lock, request.get("token") == f"token-{self.host.name}"
        if before and before.get("manual") and not (owned or request["force"]):
            raise LockHeld("the app is locked", host=self.host.name, why=before["message"])
        if entry := request.get("entry"):
            line = {"verb": entry["command"], "summary": True, "change": request["change"]}
            self.history.append(line | {key: entry[key] for key in ("from", "to", "result", "figures")})
        self.lock = None
        return {"released": before is not None, "was": before}

    def is_locked_by(self, request: Json) -> bool:
        """Whether a verb that changes something comes from who holds the lock."""
        return self.lock is not None and request.get("token") == f"token-{self.host.name}"

    def renew(self, _: Json) -> Json:
        """A lease in memory never runs out."""
        return {}

    def offer(self, listed: bytes) -> Json:
        """Say which entries of a list the store lacks, a range for each."""
        stored = [json.loads(line)[1] for line in listed.splitlines()]
        missing = [[n, 1] for n, one in enumerate(stored) if one and one not in self.store]
        return {"missing": missing, "parts": [], "files": len(missing), "bytes": 0}

    def receive(self, sent: bytes) -> Json:
        """Keep what arrives."""
        arrived = untar(sent)
        self.store |= set(arrived)
        return {"stored": len(arrived), "bytes": sum(map(len, arrived.values())), "damaged": 0}

    def assemble(self, request: Json) -> Json:
        """Keep the release; a store that was damaged says so first."""
        if self.damaged:
            self.store -= self.damaged
            count, self.damaged = len(self.damaged), set()
            return {"release": None, "damaged": count}
        self.releases.append(request["release"])
        self.settings[request["release"]] = request.get("settings") or self._made_of(request)
        return {"release": request["release"]}

    def _made_of(self, request: Json) -> Json:
        """Another release's settings, with an environment of its own."""
        left = ("env", "secrets", "migrate")
        kept = {key: value for key, value in self.settings[request["made_of"]].items() if key not in left}
        return {**kept, **{key: request[key] for key in left if key in request}}

    def migrate(self, request: Json) -> Json:
        """Once for each release."""
        release, settings = request["release"], self.settings[request["release"]]
        if release not in self.migrated:
            self.migrated.append(release)
            self._note(release, "succeeded", settings["migrate"]["irreversible"])
        return {"ran": True, "seconds": 0.1}

    def noted(self, request: Json) -> Json:
        """Remember that another host migrates (the verb `migrated`)."""
        self._note(request["release"], "noted", request["irreversible"])
        return {}

    def _note(self, release: str, state: str, irreversible: bool) -> None:
        line = {
            "release": release,
            "state": state,
            "irreversible": irreversible,
            "time": "2026-11-01T00:00:00Z",
        }
        self.migrations[release] = line

    def certificate(self, request: Json) -> Json:
        """A new one where it is missing or asked for; `authority` says why there is none."""
        assert self.tls
        if self.tls["certificate"] and not request["renew"]:
            return {"state": self.tls, "names": self.tls["domains"], "changed": False, "notices": []}
        if self.authority:
            return {"state": self.tls, "names": [], "changed": False, "notices": [self.authority]}
        self.tls = https(*self.tls["domains"], serial="02")
        return {"state": self.tls, "names": self.tls["domains"], "changed": True, "notices": []}

    def do_maintenance(self, request: Json) -> Json:
        """As asked for, from now on."""
        before = self.maintenance
        kept = {"message", "allow", "retry_after_seconds"}
        stamp = {"since": "2026-11-01T00:00:00Z", "by": request.get("on_behalf_of", "test@here")}
        asked = {key: value for key, value in request.items() if key in kept}
        self.maintenance = {**asked, **stamp} if request["on"] else None
        return {"maintenance": self.maintenance, "before": before, "changed": before != self.maintenance}

    def backup_keys(self, request: Json) -> Json:
        """Keep them; what was there before is gone."""
        changed, self.backup_files = self.backup_files != request["keys"], request["keys"]
        return {"changed": changed}

    def do_backup(self, _: Json) -> Json:
        """One more, at every target."""
        assert self.backup_files, "a host without keys"
        self.backup = kept(self.backup)
        return {"last": {"result": "done"}, "backup": self.backup}

    def drill(self, _: Json) -> Json:
        """Each target's newest backup is proven."""
        assert self.backup
        self.backup = kept(self.backup, drilled=True)
        return {"drill": {"result": "done"}, "backup": self.backup}

    def db_load(self, request: Json, content: bytes) -> Json:
        """It takes the place of what is there, if one insists."""
        if not request["force"]:
            raise UsageError("the database shop is in use", host=self.host.name)
        self.database = content
        return {
            "restored": ["database shop: 2 tables, 2000 rows"],
            "kept": ["shop as it was before: /x.dump"],
        }

    def backup_list(self, _: Json) -> Json:
        """One for each that was made."""
        found = [{"id": "6f06cbf8", "time": "2026-11-26T03:12:12.1Z", "paths": [], "tags": []}]
        known = self.backup or kept(None, made=False)
        targets = {name: {"snapshots": found if one["good"] else [], "problem": ""}
                   for name, one in known["targets"].items()}  # fmt: skip
        return {"targets": targets, "backup": known}

    def backup_verify(self, _: Json) -> Json:
        """Nothing is ever damaged in memory."""
        return {"verified": ["disk"], "part": "", "backup": self.backup}

    def restore(self, request: Json) -> Json:
        """What was asked for is back."""
        return {"target": "disk", "snapshot": "6f06cbf8", "backup_time": "2026-11-26T03:12:09Z", "seconds": 2.8,
                "restored": [f"table {request['table']}"], "kept": []}  # fmt: skip

    def service(self, request: Json) -> Json:
        """The app's login; the password is remembered as the host would see it."""
        name, password = request["service"], request["password"].reveal()
        changed = [] if self.passwords.get(name) == password else [f"user {APP}"]
        self.passwords[name] = password
        return {"changed": changed, "certificate": ""}

    def services(self, _: Json) -> Json:
        """Every service that somebody can log in to runs."""
        told = {"running": True, "version": "17.7", "memory_bytes": 1 << 20, "connections": 3, "connections_max": 120,
                "data_bytes": 1 << 20, "waits": [], "why": ""}  # fmt: skip
        certificate = f"certificate of {self.host.name}\n"
        found = [{"service": name, "certificate": certificate, **told} for name in sorted(self.carried)]
        return {"services": [{**one, **self.ailing} for one in found]}

    def trust(self, request: Json) -> Json:
        """Remember whom to believe."""
        changed, self.trusted = self.trusted != request["certificates"], request["certificates"]
        return {"changed": changed}

    def do_bans(self, _: Json) -> Json:
        """Who is kept out."""
        return {"bans": self.bans, "watched": True}

    def ban(self, request: Json) -> Json:
        """One more, since 1000."""
        until = 1000.0 + request["seconds"] if request["seconds"] else None
        made = {"address": request["address"], "source": "added", "since": 1000.0, "until": until, "ports": "all",
                "times": 1, "origin": "", "by": "test@here"}  # fmt: skip
        self.bans.append(made)
        return {"bans": [made]}

    def lift(self, request: Json) -> Json:
        """One less."""
        ended = [one for one in self.bans if one["address"] == request["address"]]
        self.bans = [one for one in self.bans if one not in ended]
        return {"lifted": ended}

    def start(self, request: Json) -> Json:
        """Put the pool on record."""
        first = 4001 if request["colour"] == "blue" else 4101
        wish = self.settings.get(request["release"], {}).get("instances", 1)
        count = request.get("instances", request.get("size", wish))
        ports = list(range(first, first + count))
        self.pools[request["colour"]] = {"release": request["release"], "ports": ports, "state": "running"}
        return {"ports": ports}

    def gate(self, _: Json) -> Json:
        """Healthy at once."""
        return {"instances": [{"port": 4101, "seconds": 0.1, "attempts": 1, "boot_seconds": 0.3}]}

    def flip(self, request: Json) -> Json:
        """Route to the pool, or a share of the requests, until the timer says otherwise."""
        if "instances" in request:
            self.sizes[request["colour"]] = request["instances"]
        if self.live != request["colour"]:
            share = request.get("share", 100)
            self.pending = {"from": self.live, "to": request["colour"], "share": share}
            self.live = request["colour"] if share == 100 else self.live
        return {}

    def hold(self, request: Json) -> Json:
        """A timer in memory only says whether there is one."""
        if not self.pending or self.pending["to"] != request["colour"]:
            raise ReleaseFailed("the flip was taken back", host=self.host.name)
        return {"held_seconds": request["confirm_seconds"]}

    def traffic(self, request: Json) -> Json:
        """The same figures at every look, of whichever pool is new."""
        new = self.pending["to"] if self.pending else ""
        groups = {colour: {"users": tally(), "probe": tally()} for colour in ("blue", "green")}
        after = {**groups, **({new: {"users": self.after, "probe": tally()}} if new else {})}
        old = "blue" if new == "green" else "green"
        before = {**groups, old: {"users": self.before, "probe": tally()}}
        told = {"mark": {"inode": 1, "offset": 2}, "pending": new or None, "after": after}
        return told if request.get("mark") else {**told, "before": before}

    def instances(self, request: Json) -> Json:
        """One healthy instance, unless a test says otherwise."""
        healthy = {"unit": f"{APP}@4101.service", "port": 4101, "state": "active", "sub_state": "running",
                   "restarts": 0, "unhealthy": "", "why": ""}  # fmt: skip
        pool = self.pools[request["colour"]] or {}
        return {"release": pool.get("release"), "instances": [{**healthy, **self.looks}]}

    def confirm(self, request: Json) -> Json:
        """Stay; remember the release."""
        if self.host.is_loadbalancer and self.live != request["colour"]:
            raise ReleaseFailed("the flip cannot be confirmed", host=self.host.name)
        self.pending = None
        if self.host.is_app and not request.get("route_only") and self.host.name not in self.out:
            self.current = request["release"]
        self.history.append({"verb": "confirm", "to": request["release"], "change": request.get("change")})
        return {}

    def return_(self, request: Json) -> Json:
        """Back to where a flip came from."""
        pending, self.pending = self.pending, None
        if pending:
            self.live = pending["from"]
            self.history.append(
                {"verb": "return", "to": pending["from"], "figures": {"why": request.get("why")}}
            )
        return {"returned": bool(pending)}

    def drain(self, request: Json) -> Json:
        """In memory nobody is connected: the pool ends at once. The live one is refused."""
        if self.live == request["colour"]:
            raise ReleaseFailed("the pool is live", host=self.host.name)
        self.pools[request["colour"]] = None
        return {"scheduled": True}

    def stop(self, request: Json) -> Json:
        """End a pool that nobody is on."""
        return self.drain(request)

    def hook(self, request: Json) -> Json:
        """Remember that it ran; `false` fails."""
        self.hooks.append(request)
        if request["command"] == "false":
            raise ReleaseFailed("a hook failed", host=self.host.name, why="false: it ended with exit code 1")
        return {"release": request.get("release", self.current), "seconds": 0.0}

    def leave(self, request: Json) -> Json:
        """Do without an app host; one at a time."""
        if self.out.keys() - {request["host"]}:
            raise ReleaseFailed("another is out already", host=self.host.name)
        self.out.setdefault(
            request["host"], {"by": "test@here", "since": "now", "dead": request.get("dead", False)}
        )
        return {"out": self.out}

    def join(self, request: Json) -> Json:
        """Take it back."""
        self.out.pop(request["host"], None)
        return {"out": self.out}

    def retire(self, _: Json) -> Json:
        """In memory nobody is connected: every pool ends at once."""
        self.pools = {"blue": None, "green": None}
        return {"cut_connections": 0}

    def describe(self, request: Json) -> Json:
        """What another host needs to assemble a release."""
        manifest = {"digest": "d" * 64, "files": 1}
        return {"manifest": manifest, "settings": self.settings[request["release"]]}

    def updates(self, _: Json) -> Json:
        """What waits; a host that restarts is back at once, in a new boot."""
        state = self.states.pop(0) if self.states else "running"
        standing = {
            "reboot_required": self.reboot_required,
            "reboot_for": [],
            "stale": self.stale,
            "state": state,
        }
        return {"pending": self.pending_updates, "boot": f"boot-{self.boots}", **standing}

    def upgrade(self, request: Json) -> Json:
        """Install at once; a new kernel asks for a reboot."""
        wanted = [one for one in self.pending_updates if one["security"] or request["all"]]
        self.pending_updates = [one for one in self.pending_updates if one not in wanted]
        self.reboot_required |= any(one["package"].startswith("linux-image") for one in wanted)
        self.history.append({"verb": "upgrade"})
        return {**self.updates({}), "upgraded": wanted, "nginx_renewed": False}

    def reboot(self, _: Json) -> Json:
        """In memory it takes no time."""
        before = f"boot-{self.boots}"
        self.boots += 1
        self.reboot_required, self.stale = False, []
        return {"boot": before}

    def prune(self, _: Json) -> Json:
        """Keep everything."""
        return {"removed": []}

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
