"""What must be true of a host that is to carry databases and brokers: room in its memory, and nobody else's data."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_PART = 0.8
"""Of the host's memory, for all services together: the system, nginx and the app need some as well (our choice)."""

_SCALE = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

_DATA = {
    "postgresql": ("var/lib/postgresql/*/*/base/*", frozenset({"1", "4", "5", "pgsql_tmp"})),
    "mariadb": ("var/lib/mysql/*/", frozenset({"mysql", "performance_schema", "sys", "#tmp", "lost+found"})),
    "redis": ("var/lib/redis/*", frozenset[str]()),
    "rabbitmq": ("var/lib/rabbitmq/mnesia/*", frozenset[str]()),
    "nats": ("var/lib/nats/jetstream/*/streams/*", frozenset[str]()),
    "mongodb": ("var/lib/mongodb/*", frozenset[str]()),
    "kafka": ("var/lib/kafka/*", frozenset({"lost+found"})),
}
"""Where data lies, and what is there when nobody has put any in. A database of MariaDB's is a directory.

Source: PostgreSQL 15 to 17, initdb (template1, template0, postgres); MariaDB 10.11 and 11.8, mariadb-install-db;
Debian's redis-server and rabbitmq-server leave nothing there before they run.
"""

_POSTGRESQL = {"12": "15", "13": "17"}
"""Its major version in each Debian (equal to the role's; a test compares them)."""

_LEAST_MIB = {"rabbitmq": 256, "mongodb": 512, "kafka": 512}
"""Below which a service serves nobody: Erlang alone takes some 120 MiB, MongoDB's cache 256 at least, Java more.

Equal to the model's; a test compares them.
"""


def findings(services: Mapping[str, str], app: str, root: Path, debian: str) -> list[str]:
    """Everything that speaks against carrying these services here.

    Args:
        services: Memory by service: a size, or a share of the host's.
        app: Whose they are.
        root: Where the host's files are.
        debian: The host's release, such as 13.
    """
    taken = (text for name in services for text in _taken(name, app, root, debian))
    processor = _processor(root) if "mongodb" in services else []
    return [*_memory(services, root), *_least(services, root), *processor, *taken]


def memory_mib(services: Mapping[str, str], root: Path = Path("/")) -> dict[str, int]:
    """What each may use here (MiB)."""
    total = _total(root)
    return {name: _bytes(text, total) >> 20 for name, text in services.items()}


def disk_mib(root: Path = Path("/")) -> int:
    """Size of the disk that services keep their data on (MiB)."""
    figures = os.statvfs(root / "var/lib")
    return figures.f_blocks * figures.f_frsize >> 20


def _memory(services: Mapping[str, str], root: Path) -> list[str]:
    total = _total(root)
    asked = {name: _bytes(text, total) for name, text in services.items()}
    if sum(asked.values()) <= total * MOST_PART:
        return []
    parts = ", ".join(f"{name} {services[name]}" for name in asked)
    return [
        f"memory: {parts} come to {sum(asked.values()) >> 20} MiB, the host has {total >> 20} MiB, of which at most "
        f"{MOST_PART:.0%} may be theirs: lower services.{next(iter(asked))}.memory in vpsdeploy.yml, or put them "
        "on another host"
    ]


def _least(services: Mapping[str, str], root: Path) -> list[str]:
    given = memory_mib(services, root)
    return [
        f"memory: {name} gets {given[name]} MiB here ({services[name]}) and needs {least}: "
        f"write services.{name}.memory: {least}M in vpsdeploy.yml, or put it on a larger host"
        for name, least in _LEAST_MIB.items()
        if given.get(name, least) < least
    ]


def _processor(root: Path) -> list[str]:
    """Its makers build it for one kind of processor, and for no old one.

    Source: mongodb.com/docs/manual/administration/production-notes, Platform Support Notes (AVX since 5.0).
    """
    instead = "put it on another host (services.mongodb.host), or take a service that Debian has"
    machine = platform.machine()
    if machine != "x86_64":
        return [
            f"mongodb: its makers have packages for Debian on x86_64 only, this host is {machine}: {instead}"
        ]
    lines = (root / "proc/cpuinfo").read_text().splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    if "avx" in flags:
        return []
    return [
        f"mongodb needs a processor with AVX, this host's has none or hides it (ask your provider): {instead}"
    ]


def _taken(name: str, app: str, root: Path, debian: str) -> list[str]:
    """Another app's, or somebody's own: neither is ours to change."""
    ours = root / "etc/vpsdeploy/services" / f"{name}.json"
    if ours.exists():
        kept = json.loads(ours.read_text())
        owner = kept["app"]
        if owner == app:
            return _of_another_debian(kept, root, debian) if name == "postgresql" else []
        return [
            f"{name} on this host is the app {owner!r}'s, and a host carries each service for one app: "
            f"name another host in services.{name}.host of vpsdeploy.yml"
        ]
    pattern, empty = _DATA[name]
    found = sorted({str(path.parent) for path in root.glob(pattern) if path.name not in empty})
    if not found:
        return []
    return [
        f"{name} has data on this host that are not ours ({found[0]}): name another host in services.{name}.host of "
        "vpsdeploy.yml, or go on with your own: leave the service out and set its URL with `vpsdeploy env set`"
    ]


def _of_another_debian(kept: dict[str, Any], root: Path, debian: str) -> list[str]:
    """Debian itself was upgraded: its new PostgreSQL has a cluster of its own, and that one is empty."""
    before, now = str(kept.get("version", "")), _POSTGRESQL.get(debian)
    place = root / "var/lib/postgresql" / before / "main"
    if now in (None, before) or not (place / "PG_VERSION").exists():
        return []
    return [
        f"postgresql: the app's data are in version {before} (/{place.relative_to(root)}), and Debian {debian} has "
        f"{now}, which would begin with nothing: docs/runbooks/database-upgrade.md, Debian itself was upgraded"
    ]


def _bytes(text: str, total: int) -> int:
    if text.endswith("%"):
        return total * int(text[:-1]) // 100
    return int(text[:-1]) * _SCALE[text[-1]]


def _total(root: Path) -> int:
    """Source: proc(5), meminfo: the first line is MemTotal, in KiB."""
    return int((root / "proc/meminfo").read_text().split(None, 2)[1]) << 10
