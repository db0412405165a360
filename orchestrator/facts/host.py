"""What a host says about itself and one app: parse(answer) -> HostFacts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import InternalError
from orchestrator.facts import backup as backup_facts
from orchestrator.facts import jobs as jobs_facts
from orchestrator.facts import tls as tls_facts
from orchestrator.facts.jobs import JobsFacts
from orchestrator.model.backup import HostBackups
from orchestrator.model.integrity import Integrity
from orchestrator.model.maintenance import Maintenance
from orchestrator.model.pool import Colour
from orchestrator.model.tls import Tls

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """One pool on record: what should run.

    Attributes:
        release: Release id.
        ports: One for each instance.
        draining: Whether it is being stopped once its connections have ended.
    """

    release: str
    ports: tuple[int, ...]
    draining: bool


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """One unit of the app, as systemd sees it.

    Attributes:
        memory_bytes: None where systemd does not count.
        uptime_seconds: Since the unit became active; 0 where it is not.
        restarts: By systemd, since the last start (count).
    """

    unit: str
    port: int
    pool: str
    release: str
    state: str
    sub_state: str
    memory_bytes: int | None
    uptime_seconds: float
    restarts: int


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """One release kept on the host.

    Attributes:
        instances: That it was released with (count); 0 where the host does not say.
        health: Its own `health` settings; empty where the host does not say.
        jobs: Its `workers` and `cron`, as far as placing them needs.
    """

    id: str
    revision: str
    subject: str
    node: str
    by: str
    created_at: str
    bytes: int
    instances: int = 0
    health: Json = field(default_factory=dict)
    jobs: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """A flip that nobody has confirmed yet; `source` is None where nothing was live before.

    Attributes:
        share: Of the requests that the target gets, in percent; below 100 a canary.
    """

    source: Colour | None
    target: Colour
    share: int = 100


@dataclass(frozen=True, slots=True)
class MigrationFacts:
    """The migration of one release, as one host has it on record.

    Attributes:
        state: noted (to run on another host), begun, failed or succeeded.
        irreversible: Whether older releases cannot live with what it does.
        time: Of the state, ISO 8601, UTC.
    """

    release: str
    state: str
    irreversible: bool
    time: str


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The answer of the verb `facts` (docs/internals.md).

    Attributes:
        name: Inventory name.
        live: What this host's nginx sends requests to; None where it has no route for the app.
        sizes: Instances that this host's nginx sends requests to on each app host, by pool; as far as it was told.
        out: App hosts that this host's nginx sends nothing to, with who took them out, when, and whether dead.
        provisioned_instances: Size of a pool that the host was provisioned with (count); 0 where it does not say.
        instances_max: Largest size of a pool that the host was provisioned for (count); 0 where it does not say.
        lock: Who holds the app's lock; None where nobody does.
        last: Last line of the host's history; empty where there is none.
        provisioned: Whether the host knows the app.
        maintenance: What this host's nginx answers instead of the app; None where it does not.
        jobs: The app's workers and cron entries here.
        apps: All apps that the host is provisioned for, this one and others.
        tls: The app's certificate here; None where it has no HTTPS on this host.
        backup: The app's backups here; None where none are set up.
        integrity: What the host found when it looked at its files; None where it does not look.
    """

    name: str
    version: str
    arch: str
    memory_bytes: int
    disk_free_bytes: int
    inodes_free: int
    node_versions: tuple[str, ...]
    provisioned: bool
    live: Colour | None
    pools: dict[Colour, PoolFacts | None]
    pending: Pending | None
    lock: Json | None
    releases: tuple[ReleaseFacts, ...]
    current: str
    instances: tuple[InstanceFacts, ...]
    last: Json = field(default_factory=dict)
    maintenance: Maintenance | None = None
    migrations: tuple[MigrationFacts, ...] = ()
    jobs: JobsFacts = jobs_facts.NONE
    sizes: dict[Colour, int] = field(default_factory=dict)
    out: dict[str, Json] = field(default_factory=dict)
    apps: tuple[str, ...] = ()
    provisioned_instances: int = 0
    instances_max: int = 0
    tls: Tls | None = None
    backup: HostBackups | None = None
    integrity: Integrity | None = None

    def release_of(self, colour: Colour | None) -> str:
        """The release that a pool has on record; empty where it has none."""
        pool = self.pools[colour] if colour else None
        return pool.release if pool else ""


def parse(name: str, app: str, answer: Json) -> HostFacts:
    """Read an answer.

    Raises: InternalError: a field is missing or of the wrong type: the agent broke the protocol.
    """
    try:
        return _parse(name, app, answer)
    except (KeyError, TypeError, ValueError) as error:
        raise InternalError("the agent's facts cannot be read", host=name, why=repr(error)) from error


def _parse(name: str, app: str, answer: Json) -> HostFacts:
    pending = answer["pending"]
    return HostFacts(
        name=name,
        version=str(answer["version"]),
        arch=str(answer["arch"]),
        memory_bytes=int(answer["memory_bytes"]),
        disk_free_bytes=int(answer["disk_free_bytes"]),
        inodes_free=int(answer["inodes_free"]),
        node_versions=tuple(answer["node_versions"]),
        provisioned=app in answer["apps"],
        live=_colour(answer["live"]),
        pools={colour: _pool((answer["pools"] or {}).get(colour.value)) for colour in Colour},
        pending=_pending(pending) if pending else None,
        lock=answer["lock"],
        releases=tuple(_release(one) for one in answer["releases"]),
        current=str(answer["current"] or ""),
        instances=tuple(_instance(one) for one in answer["instances"]),
        last=answer["last"] or {},
        maintenance=maintenance(answer.get("maintenance")),
        migrations=tuple(_migration(one) for one in answer.get("migrations", ())),
        jobs=jobs_facts.parse(answer.get("jobs")),
        sizes={Colour(name): int(size) for name, size in (answer.get("sizes") or {}).items()},
        out=dict(answer.get("out") or {}),
        apps=tuple(sorted(answer["apps"])),
        provisioned_instances=_count(answer, app, "instances"),
        instances_max=_count(answer, app, "instances_max"),
        tls=tls_facts.parse(answer.get("tls")),
        backup=backup_facts.parse(answer.get("backup")),
        integrity=_integrity(answer.get("integrity")),
    )


def maintenance(raw: Json | None) -> Maintenance | None:
    """What the verbs `facts` and `maintenance` say of it."""
    if not raw:
        return None
    allow, seconds = tuple(raw["allow"]), int(raw["retry_after_seconds"])
    return Maintenance(str(raw["message"]), allow, seconds, str(raw["since"]), str(raw["by"]))


def _integrity(raw: Json | None) -> Integrity | None:
    return Integrity(str(raw["time"]), int(raw["count"]), tuple(map(str, raw["findings"]))) if raw else None


def _count(answer: Json, app: str, name: str) -> int:
    return int((answer["apps"].get(app) or {}).get(name) or 0)


def _colour(value: str | None) -> Colour | None:
    return Colour(value) if value else None


def _pending(raw: Json) -> Pending:
    return Pending(_colour(raw["from"]), Colour(raw["to"]), int(raw.get("share", 100)))


def _pool(raw: Json | None) -> PoolFacts | None:
    return PoolFacts(raw["release"], tuple(raw["ports"]), raw["state"] == "draining") if raw else None


def _release(raw: Json) -> ReleaseFacts:
    texts = {
        key: str(raw.get(key) or "") for key in ("id", "revision", "subject", "node", "by", "created_at")
    }
    size, instances = (int(raw.get(key) or 0) for key in ("bytes", "instances"))
    health, jobs = raw.get("health") or {}, raw.get("jobs") or {}
    return ReleaseFacts(bytes=size, instances=instances, health=health, jobs=jobs, **texts)


def _migration(raw: Json) -> MigrationFacts:
    return MigrationFacts(str(raw["release"]), str(raw["state"]), bool(raw["irreversible"]), str(raw["time"]))


def _instance(raw: Json) -> InstanceFacts:
    memory = raw["memory_bytes"]
    return InstanceFacts(
        unit=str(raw["unit"]),
        port=int(raw["port"]),
        pool=str(raw["pool"] or ""),
        release=str(raw["release"] or ""),
        state=str(raw["state"]),
        sub_state=str(raw["sub_state"]),
        memory_bytes=None if memory is None else int(memory),
        uptime_seconds=float(raw["uptime_seconds"] or 0),
        restarts=int(raw["restarts"] or 0),
    )
