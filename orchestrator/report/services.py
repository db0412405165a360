"""How databases and brokers are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.model.service import UNPROTECTED, ServiceHealth
from orchestrator.report import table

_HEAD = ("service", "host", "state", "version", "memory", "connections", "data")


def text(found: Sequence[ServiceHealth]) -> str:
    """A line each, and what waits for a restart."""
    lines = [table.render(_HEAD, [_row(one) for one in found])]
    lines += [
        f"{one.kind} on {one.host}: {', '.join(one.waits)} will be as configured after its next start"
        for one in found
        if one.waits
    ]
    return "\n".join(lines)


def fields(found: Iterable[ServiceHealth]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {
            "service": one.kind, "host": one.host, "running": one.running, "version": one.version or None,
            "memory_bytes": one.memory_bytes, "connections": one.connections, "connections_max": one.connections_max,
            "data_bytes": one.data_bytes, "waits": list(one.waits), "why": one.why,
            "backed_up": one.kind not in UNPROTECTED,
        }
        for one in found
    ]  # fmt: skip


def _row(one: ServiceHealth) -> tuple[str, ...]:
    if not one.running:
        return (one.kind, one.host, "down", "-", table.mib(one.memory_bytes), "-", "-")
    open_ = "-" if one.connections is None else str(one.connections)
    connections = f"{open_} of {one.connections_max}" if one.connections_max else open_
    return (
        one.kind, one.host, "running", one.version, table.mib(one.memory_bytes), connections, table.mib(one.data_bytes)
    )  # fmt: skip
