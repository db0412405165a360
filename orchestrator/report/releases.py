"""What `vpsdeploy releases` shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import ReleaseFacts
from orchestrator.report import silent as missing
from orchestrator.report import table
from orchestrator.report.silent import Silent

_HEAD = ("release", "revision", "node", "by", "when", "hosts", "", "subject")


def text(facts: FleetFacts, silent: Silent | None = None) -> str:
    """A table, newest first, and the hosts that could not be asked."""
    rows = [_row(facts, one) for one in _all(facts)]
    shown = table.render(_HEAD, rows) if rows else "no release is kept yet"
    return "\n".join([shown, *missing.lines(silent or {})])


def fields(facts: FleetFacts, silent: Silent | None = None) -> dict[str, Any]:
    """For programs (kind "releases")."""
    return {
        "live": facts.live or None,
        "releases": [
            {**asdict(one), "live": one.id == facts.live, "hosts": _hosts(facts, one)} for one in _all(facts)
        ],
        "unreachable": missing.fields(silent or {}),
    }


def _all(facts: FleetFacts) -> list[ReleaseFacts]:
    """Every release that some app host keeps, newest first."""
    found = {one.id: one for host in facts.apps for one in host.releases}
    return [found[release] for release in sorted(found, reverse=True)]


def _hosts(facts: FleetFacts, release: ReleaseFacts) -> list[str]:
    return [host.name for host in facts.apps if release.id in {one.id for one in host.releases}]


def _row(facts: FleetFacts, one: ReleaseFacts) -> tuple[str, ...]:
    hosts = _hosts(facts, one)
    where = "all" if len(hosts) == len(facts.apps) else ",".join(hosts)
    mark = "live" if one.id == facts.live else ""
    return (one.id, one.revision[:12], one.node, one.by, one.created_at, where, mark, one.subject)
