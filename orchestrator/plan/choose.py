"""Which kept release a rollback goes to. Pure."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import UsageError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import ReleaseFacts
from orchestrator.model.bundle import RELEASE_ID


def kept(facts: FleetFacts) -> tuple[ReleaseFacts, ...]:
    """Releases that every app host has, newest first."""
    everywhere = set.intersection(*({one.id for one in host.releases} for host in facts.apps))
    newest_first = sorted(facts.apps[0].releases, key=lambda one: one.id, reverse=True)
    return tuple(one for one in newest_first if one.id in everywhere)


def named(facts: FleetFacts, wanted: str) -> ReleaseFacts:
    """A kept release to go back to, by its id or the beginning of it.

    Raises: UsageError: none or several fit, or it is live already; lists the kept ones.
    """
    found = one(facts, wanted)
    if found.id == facts.live:
        raise _usage(f"release {found.id} is live already", facts)
    return found


def one(facts: FleetFacts, wanted: str) -> ReleaseFacts:
    """Any kept release, by its id or the beginning of it.

    Raises: UsageError: none or several fit; lists the kept ones.
    """
    fitting = [release for release in kept(facts) if release.id.startswith(wanted)]
    if len(fitting) != 1:
        what = f"no release {wanted!r}" if not fitting else f"{wanted!r} fits {len(fitting)} releases"
        raise _usage(what, facts)
    return fitting[0]


def previous(facts: FleetFacts, history: list[dict[str, Any]]) -> ReleaseFacts:
    """The release that was live before this one.

    Args:
        facts: Of all hosts.
        history: Lines of an app host, oldest first; a `confirm` names the release that became live.

    Raises: UsageError: no other release is kept.
    """
    by_id = {one.id: one for one in kept(facts) if one.id != facts.live}
    served = [str(line.get("to")) for line in history if line.get("verb") == "confirm"]
    before = [release for release in served if RELEASE_ID.fullmatch(release) and release in by_id]
    older = [release for release in by_id if release < facts.live]
    choice = before[-1] if before else next(iter(older), "")
    if not choice:
        raise _usage("there is no release to go back to", facts)
    return by_id[choice]


def _usage(what: str, facts: FleetFacts) -> UsageError:
    lines = [
        f"{one.id}  {one.subject}{'  (live)' if one.id == facts.live else ''}".rstrip() for one in kept(facts)
    ]
    return UsageError(
        what, why="kept on all app hosts:\n" + ("\n".join(lines) or "none"),
        state=f"nothing was changed; {facts.state()}", next="vpsdeploy releases",
    )  # fmt: skip
