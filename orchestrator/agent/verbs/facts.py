"""facts: everything that a plan or a status needs to know about this host, in one answer."""

from __future__ import annotations

import os
import sys
from typing import Any

from orchestrator.agent import closing, durable, history, lease, migrations, pools, releases, routes, space
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.layout import AppLayout, Layout
from orchestrator.agent.systemd import number, uptime_seconds
from orchestrator.agent.version import PROTOCOL, VERSION

_SHOWN = ("ActiveState", "SubState", "MemoryCurrent", "NRestarts", "ActiveEnterTimestampMonotonic", "MainPID")


def facts(call: Call) -> dict[str, Any]:
    """The host's facts, and the app's where one is named."""
    answer = {
        **_software(),
        **_host(call.layout),
        "node_versions": _nodes(call.layout),
        "apps": _apps(call.layout),
        "integrity": _integrity(call.layout),
    }
    return {**answer, **(_app(call, call.app) if call.request.app else {})}


def _software() -> dict[str, Any]:
    names = os.uname()
    python = ".".join(str(part) for part in sys.version_info[:3])
    return {
        "version": VERSION, "protocol": PROTOCOL, "python": python, "arch": names.machine, "hostname": names.nodename,
        "time": timestamp(),
    }  # fmt: skip


def _host(layout: Layout) -> dict[str, Any]:
    release = dict(line.split("=", 1) for line in layout.os_release.read_text().splitlines() if "=" in line)
    memory = (layout.proc / "meminfo").read_text().split(None, 2)[1]
    disk_free_bytes, inodes_free = space.free(layout.state if layout.state.exists() else layout.root)
    provisioned = durable.read_json(layout.host_file) or {}
    return {
        "os": " ".join(release.get(name, "").strip('"') for name in ("ID", "VERSION_ID")),
        "roles": provisioned.get("roles", []), "stage": provisioned.get("stage"), "memory_bytes": int(memory) * 1024,
        "disk_free_bytes": disk_free_bytes, "inodes_free": inodes_free,
    }  # fmt: skip


def _nodes(layout: Layout) -> list[str]:
    found = (path.parent.parent.name.removeprefix("v") for path in layout.nodes.glob("v*/bin/node"))
    return sorted(found, key=lambda version: [int(part) for part in version.split(".") if part.isdigit()])


def _apps(layout: Layout) -> dict[str, Any]:
    read = {name: durable.read_json(layout.app(name).facts_file) for name in layout.app_names()}
    return {
        name: {key: fields.get(key) for key in ("port", "instances", "instances_max", "roles")}
        for name, fields in read.items()
    }


def _integrity(layout: Layout) -> dict[str, Any] | None:
    """What the nightly look at files found. None where this host does not look; `time` is empty before the first."""
    if not layout.integrity_timer.exists():
        return None
    found: dict[str, Any] | None = durable.read_json(layout.integrity_file)
    return found or {"time": "", "seconds": 0, "count": 0, "findings": []}


def _app(call: Call, app: AppLayout) -> dict[str, Any]:
    recorded = pools.read(app)
    return {
        "live": pools.live(app), "pending": durable.read_json(app.pending_file), "lock": lease.describe(app.lock_file),
        "sizes": routes.sizes(app), "out": routes.out(app),
        "pools": {colour: pool and pool._asdict() for colour, pool in recorded.items()},
        "releases": [releases.summary(app, identifier) for identifier in releases.identifiers(app)],
        "current": pools.current(app), "instances": _instances(call, recorded),
        "last": _last_change(app), "maintenance": closing.read(app),
        "migrations": migrations.told(app), "jobs": _jobs(call), "tls": _tls(call),
        "backup": _backup(call),
    }  # fmt: skip


def _tls(call: Call) -> dict[str, Any] | None:
    """None where the app has no HTTPS on this host: those hosts load nothing for it."""
    if not call.app.tls_file.exists():
        return None
    from orchestrator.agent import certificates

    return certificates.state(call)


def _backup(call: Call) -> dict[str, Any] | None:
    """None where no backups are set up: those hosts load nothing for it."""
    if not call.app.backup_file.exists():
        return None
    from orchestrator.agent.verbs import backup

    return backup.seen(call)


def _jobs(call: Call) -> dict[str, Any] | None:
    """None where no release with workers or cron entries was ever here: those hosts load nothing for it."""
    if not call.app.jobs_file.exists():
        return None
    from orchestrator.agent import job_facts

    return job_facts.of(call)


def _last_change(app: AppLayout) -> dict[str, Any] | None:
    """The last line of history that is about what users see; drains and starts are not.

    What a lost host did before this one took its name is not what this one was told.
    """
    found = history.last(app.history_file, 1, ("confirm", "return", "record"))
    return found[0] if found and found[0]["verb"] != "record" else None


def _instances(call: Call, recorded: dict[str, pools.Pool | None]) -> list[dict[str, Any]]:
    wanted = {
        call.app.unit(port): {"port": port, "pool": colour, "release": pool.release}
        for colour, pool in recorded.items() if pool for port in pool.ports
    }  # fmt: skip
    shown = call.systemd.show(list(wanted), _SHOWN)
    return [{"unit": unit, **fields, **_state(shown.get(unit, {}))} for unit, fields in wanted.items()]


def _state(shown: dict[str, str]) -> dict[str, Any]:
    return {
        "state": shown.get("ActiveState"), "sub_state": shown.get("SubState"),
        "memory_bytes": number(shown.get("MemoryCurrent", "")), "restarts": number(shown.get("NRestarts", "")),
        "uptime_seconds": uptime_seconds(shown),
    }  # fmt: skip
