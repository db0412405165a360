"""What `vpsdeploy bans` shows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.model.ban import ADDED, Ban, Seen
from orchestrator.report import table

_WEB = "80, 443"


def text(seen: Seen, now: float) -> str:
    """Everybody who is kept out, a line for each client and reason; for people."""
    lines = [_rows(seen.bans, now)] if seen.bans else ["nobody is banned"]
    lines += [
        f"warning: fail2ban does not run on {name}: nobody is banned there by itself"
        for name in seen.unwatched
    ]
    lines += [f"warning: {name} could not be asked: {why}" for name, why in seen.silent]
    if seen.bans:
        lines.append("Banned by mistake? vpsdeploy bans lift ADDRESS")
    return "\n".join(lines)


def lifted_text(seen: Seen, address: str) -> str:
    """For people."""
    if not seen.bans:
        return f"{address} was not banned on {', '.join(seen.hosts)}"
    return "\n".join(
        f"lifted {address}: {reason} on {', '.join(hosts)}"
        for (address, reason), hosts in _grouped(seen.bans).items()
    )


def added_text(seen: Seen, now: float) -> str:
    """For people."""
    first = seen.bans[0]
    return f"{first.address} is banned on {', '.join(seen.hosts)}, {_left(first.until, now)}"


def fields(seen: Seen) -> dict[str, Any]:
    """For programs (kinds "bans", "bans_lifted", "bans_added")."""
    return {
        "stage": seen.stage, "hosts": list(seen.hosts), "bans": [asdict(ban) for ban in seen.bans],
        "unwatched": list(seen.unwatched), "silent": dict(seen.silent),
    }  # fmt: skip


def _rows(bans: Sequence[Ban], now: float) -> str:
    by_host: dict[tuple[str, str], list[Ban]] = {}
    for ban in bans:
        by_host.setdefault((ban.address, ban.source), []).append(ban)
    rows = []
    for (address, source), same in by_host.items():
        ends = [ban.until for ban in same if ban.until is not None]
        end = max(ends) if len(ends) == len(same) else None
        first = same[0]
        ports = _WEB if all(ban.ports == "web" for ban in same) else "all"
        why = f"{source} by {first.by}" if source == ADDED and first.by else source
        since = table.duration(max(0.0, now - min(ban.since for ban in same)))
        rows.append(
            (address, why, f"{since} ago", _left(end, now), ports, ", ".join(ban.host for ban in same))
        )
    return table.render(("address", "why", "since", "end", "ports", "on"), rows)


def _grouped(bans: Sequence[Ban]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for ban in bans:
        found.setdefault((ban.address, ban.source), []).append(ban.host)
    return found


def _left(until: float | None, now: float) -> str:
    return "until it is lifted" if until is None else f"{table.duration(max(0.0, until - now))} left"


def now() -> float:
    """The controller's clock (seconds since the epoch)."""
    return time.time()
