"""What `vpsdeploy maintenance` shows, and the lines of others about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.model.maintenance import Balancer, Maintenance
from orchestrator.report import table

_STAYS = "Connections that are open stay: WebSockets, event streams, requests that were being answered."


def text(balancers: Sequence[Balancer], *, changed: bool, asked: bool) -> str:
    """For people.

    Args:
        balancers: All of the stage.
        changed: Whether the command changed one.
        asked: Whether the command was to change anything.
    """
    lines = banner(balancers) or ["maintenance is off"]
    if asked and not changed:
        lines.append("It was so before: nothing was changed.")
    if asked and any(one.maintenance for one in balancers):
        lines += [_STAYS, "Releases and rollbacks go on working. End it: vpsdeploy maintenance off"]
    return "\n".join(lines)


def banner(balancers: Sequence[Balancer]) -> list[str]:
    """Loud lines where it is on; none where it is off."""
    found = {one.name: one.maintenance for one in balancers if one.maintenance}
    groups: dict[Maintenance, list[str]] = {}
    for name, maintenance in found.items():
        groups.setdefault(maintenance, []).append(name)
    lines = [line for maintenance, names in groups.items() for line in _about(maintenance, names)]
    differ = [one.name for one in balancers if not one.maintenance]
    if found and (differ or len(groups) > 1):
        off = f"; it is OFF on {', '.join(differ)}" if differ else ""
        lines.append(f"THE LOAD BALANCERS DIFFER{off}: vpsdeploy maintenance on, or off, makes them agree")
    return lines


def _about(maintenance: Maintenance, names: list[str]) -> list[str]:
    seconds = table.duration(maintenance.retry_after_seconds)
    return [
        f"MAINTENANCE IS ON since {maintenance.since}, by {maintenance.by}, on {', '.join(names)}: users get 503",
        f"  message:      {maintenance.message}",
        f"  let through:  {', '.join(maintenance.allow) or 'nobody'}",
        f"  Retry-After:  {seconds}",
    ]


def fields(stage: str, balancers: Sequence[Balancer], *, changed: bool) -> dict[str, Any]:
    """For programs (kind "maintenance")."""
    return {
        "stage": stage,
        "on": any(one.maintenance for one in balancers),
        "changed": changed,
        "hosts": [{"name": one.name, "maintenance": of(one.maintenance)} for one in balancers],
    }


def of(maintenance: Maintenance | None) -> dict[str, Any] | None:
    """One load balancer's, for programs."""
    return {**asdict(maintenance), "allow": list(maintenance.allow)} if maintenance else None
