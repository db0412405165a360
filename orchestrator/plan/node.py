"""Which Node.js a release runs on: the newest version that every app host has and the project accepts. Pure."""

from __future__ import annotations

from orchestrator.errors import HostNotReady
from orchestrator.facts.fleet import FleetFacts

LTS = "lts"

_MAJOR_OF_ABI = {108: 18, 115: 20, 120: 21, 127: 22, 131: 23, 137: 24, 141: 25, 147: 26}
"""process.versions.modules and the line that has it. Source: nodejs/node doc/abi_version_registry.json."""


def lts_lines(schedule: dict[str, dict[str, str]], today: str) -> frozenset[int]:
    """The lines that are in LTS on a day, by the schedule that the role `nodejs` installs by.

    Args:
        schedule: roles/nodejs/files/schedule.json: {"v24": {"lts": "2025-10-28", "end": "2028-04-30", ...}}.
        today: ISO date.
    """
    lines = {int(line.removeprefix("v")): dates for line, dates in schedule.items()}
    return frozenset(n for n, dates in lines.items() if dates.get("lts", "9999") <= today <= dates["end"])


def choose(request: str, lts: frozenset[int], facts: FleetFacts, abi: int = 0) -> str:
    """Choose a version.

    Args:
        request: The bundle's: "lts", "24", "24.21" or "24.21.0".
        lts: Major numbers of the lines in LTS today (see `lts_lines`).
        facts: Of all hosts.
        abi: What the bundle's native modules were compiled for; 0: there are none, or they run under every Node.

    Returns: A full version.
    Raises: HostNotReady: no version is on all app hosts and fits.
    """
    installed = [{v for v in host.node_versions if _fits(v, request, lts)} for host in facts.apps]
    fitting = set.intersection(*installed)
    loading = {version for version in fitting if _loads(version, abi)}
    if loading:
        return max(loading, key=_parts)
    if fitting:
        raise _other_abi(abi, fitting, facts)
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


def _loads(version: str, abi: int) -> bool:
    """A line that is newer than our list has none of the ABIs in it."""
    major = _parts(version)[0]
    if abi in _MAJOR_OF_ABI:
        return major == _MAJOR_OF_ABI[abi]
    return not abi or major not in _MAJOR_OF_ABI.values()


def _other_abi(abi: int, fitting: set[str], facts: FleetFacts) -> HostNotReady:
    line = _MAJOR_OF_ABI.get(abi)
    built = f"Node.js {line}" if line else "another Node.js"
    there = ", ".join(sorted(fitting, key=_parts))
    return HostNotReady(
        "the bundle holds native modules for another Node.js",
        host=", ".join(host.name for host in facts.apps),
        why=f"they were compiled for {built} (ABI {abi}); a release would run on {there}",
        state=f"nothing was changed; {facts.state()}",
        next=f"build with Node.js {there.split('.')[0]}"
        + (f', or set node: "{line}" in vpsdeploy.yml and run vpsdeploy provision host' if line else ""),
    )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
