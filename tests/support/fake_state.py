"""A host in memory: what its disk says, and figures as the agent answers them."""

from __future__ import annotations

from typing import Any

from orchestrator.model.fleet import Host

Json = dict[str, Any]
APP = "shop"
VERSION = "1+abc"


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


class State:
    """What its disk says."""

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
        self.rebuilt: list[str] = []
        self.no_backup = False
        self.kept_release, self.bits_lost = "", False
        self.receivers: list[Json] = []
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
        self.behind: list[str] = []
        self.states: list[str] = []
        self.boots = 0
