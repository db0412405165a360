"""Which Node.js a release runs on: the newest version that every app host has and the project accepts. Pure."""

from __future__ import annotations

from orchestrator.errors import HostNotReady
from orchestrator.facts.fleet import FleetFacts

LTS = "lts"


def lts_lines(schedule: dict[str, dict[str, str]], today: str) -> frozenset[int]:
    """The lines that are in LTS on a day, by the schedule that the role `nodejs` installs by.

    Args:
        schedule: roles/nodejs/files/schedule.json: {"v24": {"lts": "2025-10-28", "end": "2028-04-30", ...}}.
        today: ISO date.
    """
    lines = {int(line.removeprefix("v")): dates for line, dates in schedule.items()}
    return frozenset(n for n, dates in lines.items() if dates.get("lts", "9999") <= today <= dates["end"])


def choose(request: str, lts: frozenset[int], facts: FleetFacts) -> str:
    """Choose a version.

    Args:
        request: The bundle's: "lts", "24", "24.21" or "24.21.0".
        lts: Major numbers of the lines in LTS today (see `lts_lines`).
        facts: Of all hosts.

    Returns: A full version.
    Raises: HostNotReady: no version is on all app hosts and fits.
    """
    installed = [{v for v in host.node_versions if _fits(v, request, lts)} for host in facts.apps]
    fitting = set.intersection(*installed)
    if fitting:
        return max(fitting, key=_parts)
    raise HostNotReady(
        f"Node.js {request} is not installed",
        host=", ".join(host.name for host, found in zip(facts.apps, installed, strict=True) if not found),
        why="; ".join(f"{host.name} has {', '.join(host.node_versions) or 'none'}" for host in facts.apps),
        state=f"nothing was changed; {facts.state()}",
        next="vpsdeploy provision host",
    )


def _fits(version: str, request: str, lts: frozenset[int]) -> bool:
    if request == LTS:
        return _parts(version)[0] in lts
    return version == request or version.startswith(f"{request}.")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
