"""Security updates of databases and brokers, which the nights leave alone: somebody has to say when they may restart.

Each look comes a minute after the last one, and to ask apt takes it a second of processor time: it is asked again only
where packages, or the lists of what there is, have changed.
"""

from __future__ import annotations

from typing import Any

from orchestrator.agent import apt, durable, services
from orchestrator.agent.call import Call

_CHANGING = ("var/lib/apt/lists", "var/lib/dpkg/status")


def look(call: Call, *_: object) -> dict[str, str]:
    """What waits, by service."""
    carried = set(services.units(call).values())
    if not carried:
        return {}
    seen = [[name, _changed(call, name)] for name in _CHANGING] + [["services", sorted(carried)]]
    kept = call.layout.run / "alerts" / f"{call.app.name}.updates.json"
    told: dict[str, Any] = durable.read_json(kept) or {}
    if told.get("seen") != seen:
        told = {"seen": seen, "waiting": _waiting(call, carried)}
        kept.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        durable.write_json(kept, told)
    return {
        f"updates {kind}": f"security updates of {kind} wait, because they restart it: {', '.join(packages)} "
        "(vpsdeploy host patch --allow-outage, when users can do without it for some seconds)"
        for kind, packages in told["waiting"].items()
    }


def _changed(call: Call, name: str) -> int:
    path = call.layout.root / name
    return path.stat().st_mtime_ns if path.exists() else 0


def _waiting(call: Call, carried: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in apt.pending(call.systemd):
        if one.security and (kind := services.restarted_by(one.package, carried)):
            found.setdefault(kind, []).append(f"{one.package} {one.new}")
    return found
