"""What `vpsdeploy host drain`, `host join` and `host list` show."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Host
from orchestrator.model.membership import Moved
from orchestrator.report import release, table

_HEAD = ("host", "address", "roles", "state", "release", "instances")


def text(moved: Moved) -> str:
    """For people."""
    lines = [f"warning: {warning}" for warning in moved.warnings]
    if moved.cut_connections:
        lines.append(f"warning: {moved.cut_connections} connections were cut when their time was over")
    if moved.joined:
        lines.append(f"{moved.host} is in: it serves {moved.release or 'what the others do'}")
    else:
        lines += [
            f"{moved.host} is out: it gets no requests",
            f"back again: vpsdeploy host join {moved.host}",
        ]
    return "\n".join([*lines, *([release.proof_line(moved.proof)] if moved.proof else [])])


def fields(moved: Moved) -> dict[str, Any]:
    """For programs (kinds "host_drain" and "host_join")."""
    return {
        "host": moved.host,
        "joined": moved.joined,
        "release": moved.release or None,
        "seconds": round(moved.seconds, 3),
        "cut_connections": moved.cut_connections,
        "steps": release.step_fields(moved.steps),
        "proof": asdict(moved.proof) if moved.proof else None,
        "warnings": list(moved.warnings),
    }


def list_text(facts: FleetFacts) -> str:
    """One line for each host."""
    rows = [tuple(str(value) for value in _row(facts, host)) for host in facts.stage.hosts]
    return table.render(_HEAD, rows)


def list_fields(facts: FleetFacts) -> dict[str, Any]:
    """For programs (kind "hosts")."""
    keys = ("name", *_HEAD[1:])
    rows = (dict(zip(keys, _row(facts, host), strict=True)) for host in facts.stage.hosts)
    return {"hosts": [{**row, "roles": row["roles"].split("+")} for row in rows], "out": out_fields(facts)}


def out_fields(facts: FleetFacts) -> list[dict[str, Any]]:
    """App hosts that are out."""
    return [
        {
            "name": name, "by": mark.get("by"), "since": mark.get("since"), "dead": bool(mark.get("dead")),
            "answers": facts.of(name) is not None,
        }
        for name, mark in facts.out.items()
    ]  # fmt: skip


def out_lines(facts: FleetFacts) -> list[str]:
    """The same for people, with how each comes back."""
    return [
        f"out: {one['name']}, since {one['since']} by {one['by']}"
        + ("" if one["answers"] else ", does not answer")
        + f"; back again: vpsdeploy host join {one['name']}"
        for one in out_fields(facts)
    ]


def _row(facts: FleetFacts, host: Host) -> tuple[Any, ...]:
    seen = facts.of(host.name)
    pool = seen.pools[facts.colour] if seen and facts.colour else None
    roles = "+".join(sorted(host.groups))
    size = len(pool.ports) if pool else 0
    return (host.name, host.address, roles, _state(facts, host), pool.release if pool else "", size)


def _state(facts: FleetFacts, host: Host) -> str:
    if host.name in facts.out:
        return "out" if facts.of(host.name) else "out, does not answer"
    return "in"
