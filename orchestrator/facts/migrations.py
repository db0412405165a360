"""What the hosts together know of the migrations of their app. Pure."""

from __future__ import annotations

from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import MigrationFacts

_LEAST_KNOWN_FIRST = ("noted", "begun", "failed", "succeeded")
"""Only the host that ran it knows how it ended; the others have noted that it was to run."""


def known(facts: FleetFacts) -> dict[str, MigrationFacts]:
    """The migration of each release that had one, by the release, as the host has it that knows most."""
    found: dict[str, MigrationFacts] = {}
    for one in (migration for host in (*facts.hosts, *facts.away) for migration in host.migrations):
        held = found.get(one.release)
        if held is None or _LEAST_KNOWN_FIRST.index(one.state) > _LEAST_KNOWN_FIRST.index(held.state):
            found[one.release] = one
    return found


def irreversible_after(facts: FleetFacts, release: str) -> tuple[MigrationFacts, ...]:
    """Irreversible migrations of newer releases, oldest first: also one that failed may have done its part."""
    return tuple(one for name, one in sorted(known(facts).items()) if one.irreversible and name > release)


def crossed(facts: FleetFacts, release: str) -> list[str]:
    """Loud lines where a release is live that is older than an irreversible migration."""
    later = irreversible_after(facts, release) if release else ()
    return [
        f"CAREFUL: {release} runs on a database that the migration of {one.release} has changed ({one.state} at "
        f"{one.time}), which is marked irreversible: it may not be able to live with it"
        for one in later
    ]
