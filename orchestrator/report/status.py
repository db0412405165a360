"""What `vpsdeploy status` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from orchestrator.facts import migrations
from orchestrator.facts import services as services_facts
from orchestrator.facts import tls as tls_facts
from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import HostFacts
from orchestrator.model.service import ServiceHealth
from orchestrator.report import backup, jobs, lock, maintenance, membership, services, table, tls
from orchestrator.report import silent as missing
from orchestrator.report.silent import Silent

_HEAD = ("host", "instance", "pool", "release", "state", "memory", "uptime", "restarts")


def text(
    app: str, url: str, facts: FleetFacts, silent: Silent | None = None, found: Sequence[ServiceHealth] = ()
) -> str:
    """For people: what is live, which hosts do not answer, one line for each instance and each host's last change."""
    shown = facts.live or _no_live(facts)
    live = next((one for host in facts.apps for one in host.releases if one.id == facts.live), None)
    about = f"  {live.revision[:12]} {live.subject}".rstrip() if live else ""
    lines = [f"{app} on {facts.stage.name}: {url}", f"live: {shown}{about}"]
    lines += [*missing.lines(silent or {}), *_locks(facts), *tls_facts.missing(facts.tls)]
    lines += [*maintenance.banner(facts.maintenance), *migrations.crossed(facts, facts.live)]
    lines += [*(line for host in facts.loadbalancers if (line := _pending(facts, host))), ""]
    rows = [row for host in (*facts.apps, *facts.away) for row in _rows(host)]
    lines.append(table.render(_HEAD, rows) if rows else "no instance runs")
    last = [line for host in facts.hosts if (line := _last(host))]
    out = membership.out_lines(facts)
    about_hosts = (["", *out] if out else []) + (["", *last] if last else [])
    about_services = ["", services.text(found)] if found else []
    troubles = _troubles(facts, found)
    return "\n".join([*troubles, *lines, *_jobs(facts), *about_services, *about_hosts])


def _troubles(facts: FleetFacts, found: Sequence[ServiceHealth]) -> list[str]:
    """First, so that nobody overlooks them."""
    kept = {host.name: host.backup for host in facts.hosts if host.backup}
    told = [
        *services_facts.troubles(found),
        *services_facts.unprotected(found),
        *jobs.troubles(facts),
        *tls_facts.ending(facts.tls, datetime.now(UTC)),
        *backup.troubles(kept),
    ]
    return [f"warning: {text}" for text in told]


def _jobs(facts: FleetFacts) -> list[str]:
    """Workers and cron entries, where there are any."""
    workers = ["", jobs.workers_table(facts)] if any(host.jobs.processes for host in facts.apps) else []
    return workers + (["", jobs.cron_table(facts)] if any(host.jobs.entries for host in facts.apps) else [])


def _no_live(facts: FleetFacts) -> str:
    if not facts.loadbalancers:
        return "unknown: no load balancer answers"
    return "none" if facts.settled else "the load balancers disagree"


def fields(
    app: str, url: str, facts: FleetFacts, silent: Silent | None = None, found: Sequence[ServiceHealth] = ()
) -> dict[str, Any]:
    """For programs (kind "status")."""
    return {
        "app": app, "stage": facts.stage.name, "url": url, "live": facts.live or None,
        "settled": facts.settled, "warnings": migrations.crossed(facts, facts.live),
        "hosts": [_host(facts, host) for host in (*facts.hosts, *facts.away)],
        "out": membership.out_fields(facts),
        "services": services.fields(found),
        "unreachable": missing.fields(silent or {}),
    }  # fmt: skip


def _host(facts: FleetFacts, host: HostFacts) -> dict[str, Any]:
    place = next(one for one in facts.stage.hosts if one.name == host.name)
    return {
        "name": host.name,
        "address": place.address,
        "roles": sorted(place.groups),
        "live_pool": host.live,
        "pending": {"to": host.pending.target, "share": host.pending.share} if host.pending else None,
        "current": host.current or None,
        "pools": {colour.value: _pool(host, colour) for colour in host.pools},
        "instances": [asdict(one) for one in host.instances],
        "memory_bytes": host.memory_bytes,
        "disk_free_bytes": host.disk_free_bytes,
        "node_versions": list(host.node_versions),
        "lock": host.lock,
        "last": host.last or None,
        "maintenance": maintenance.of(host.maintenance),
        "jobs": jobs.fields(host.jobs),
        "tls": tls.of(host.tls),
        "backup": backup.of(host.backup),
    }


def _locks(facts: FleetFacts) -> list[str]:
    """One line where all hosts have the same lock; else one for each that has any."""
    held = {host.name: lock.holder(host.lock) for host in facts.hosts if host.lock}
    keys = {host.lock and str((host.lock["owner"], host.lock["message"])) for host in facts.hosts}
    if held and len(keys) == 1:
        return [f"locked by {next(iter(held.values()))}"]
    return [f"locked on {name} by {text}" for name, text in held.items()]


def _pool(host: HostFacts, colour: Any) -> dict[str, Any] | None:
    pool = host.pools[colour]
    return {"release": pool.release, "ports": list(pool.ports), "draining": pool.draining} if pool else None


def _rows(host: HostFacts) -> list[tuple[str, ...]]:
    return [
        (
            host.name, one.unit.removesuffix(".service"), _pool_note(host, one.pool), one.release,
            f"{one.state} ({one.sub_state})", table.mib(one.memory_bytes), table.duration(one.uptime_seconds),
            str(one.restarts),
        )
        for one in host.instances
    ]  # fmt: skip


def _pool_note(host: HostFacts, pool: str) -> str:
    draining = any(p and p.draining and colour.value == pool for colour, p in host.pools.items())
    mark = " draining" if draining else (" live" if pool and pool == host.live else "")
    return f"{pool}{mark}"


def _pending(facts: FleetFacts, host: HostFacts) -> str:
    """A change of the route that waits for its confirmation; empty where there is none."""
    if not host.pending:
        return ""
    new = next((r for one in facts.apps if (r := one.release_of(host.pending.target))), "nothing")
    return (
        f"not confirmed on {host.name}: {host.pending.share} % of the requests go to {host.pending.target} ({new}); "
        "it goes back by itself unless a release confirms it"
    )


def _last(host: HostFacts) -> str:
    """The last change of a host; empty where there was none."""
    if not host.last:
        return ""
    change = host.last
    to = f" {change['to']}" if change.get("to") else ""
    done = f"{change.get('verb')}{to} by {change.get('by')} at {change.get('time')}"
    return f"last on {host.name}: {done}: {change.get('result')}"
