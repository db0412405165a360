"""The steps that take an app host out of all load balancers, and those that bring one back. Pure.

A host that is out runs nothing and is not asked by releases, so a fleet is never mixed; what it missed it gets from
another host when it joins.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.errors import HostNotReady, UsageError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import HostFacts
from orchestrator.model.fleet import Host
from orchestrator.model.step import Step
from orchestrator.plan import jobs, release, size

_ONE_AT_A_TIME = "nginx can do without one app host at a time, and without more only when it is provisioned"


def check_drain(facts: FleetFacts, host: Host, *, dead: bool) -> None:
    """Whether the host can be taken out.

    Raises: UsageError: nothing was touched.
    """
    state = f"nothing was changed; {facts.state()}"
    others = [name for name in facts.out if name != host.name]
    if not [other for other in facts.apps if other.name != host.name]:
        raise UsageError(
            f"{host.name} cannot be taken out", why="no other app host would be left", state=state,
            next=f"vpsdeploy host join {others[0]}" if others else "add a host: docs/runbooks/scale-out.md",
        )  # fmt: skip
    if others:
        raise UsageError(
            f"{host.name} cannot be taken out", why=f"{others[0]} is out already; {_ONE_AT_A_TIME}", state=state,
            next=f"vpsdeploy host join {others[0]}\nor, if it is lost for good: take {others[0]} out of "
            f"{facts.stage.path}, then vpsdeploy provision host",
        )  # fmt: skip
    if dead and facts.of(host.name):
        raise UsageError(
            f"{host.name} is not dead",
            why="its agent answers",
            state=state,
            next=f"vpsdeploy host drain {host.name}",
        )


def drain(facts: FleetFacts, host: Host, drain_seconds: int, *, dead: bool) -> tuple[Step, ...]:
    """The steps behind the lock: its workers and cron entries go elsewhere, then its requests; then its instances end.

    Jobs go first: what a command leaves that dies in between is a host that is in, which the next one repairs.
    """
    seen = facts.of(host.name)
    rest = tuple(one for one in facts.apps if one.name != host.name)
    moved = jobs.settle(facts, facts.live, rest, (seen,) if seen else ()) if facts.live else ()
    retire = Step(
        "wait for its open requests, stop its instances", "retire", (host.name,), {"timeout_seconds": drain_seconds}
    )  # fmt: skip
    unlock = Step("give the lock back", "unlock", locked(facts, host, dead=dead), tidy=True)
    return (*moved, leave(facts, host, dead=dead), *(() if dead else (retire,)), unlock)


def leave(facts: FleetFacts, host: Host, *, dead: bool) -> Step:
    """Take the host out of every load balancer."""
    balancers = tuple(one.name for one in facts.loadbalancers)
    return Step(
        f"send nothing to {host.name} any more", "leave", balancers, {"host": host.name, "dead": dead}
    )


def locked(facts: FleetFacts, host: Host, *, dead: bool = False) -> tuple[str, ...]:
    """Hosts whose locks are needed, in the order in which they are taken."""
    return tuple(sorted({one.name for one in facts.hosts} | (set() if dead else {host.name})))


def is_in(facts: FleetFacts, host: Host) -> bool:
    """Whether the host serves users already, with the release that they see."""
    seen = facts.of(host.name)
    serves = seen is not None and facts.live and seen.release_of(facts.colour) == facts.live
    return bool(serves) and host.name not in facts.out


def source(facts: FleetFacts, host: Host) -> str:
    """An app host that has the live release and can hand it over.

    Raises: UsageError: nothing is live.
    """
    found = [
        one.name for one in facts.apps if one.name != host.name and one.release_of(facts.colour) == facts.live
    ]
    if not facts.live or not found:
        raise UsageError(
            f"{host.name} cannot join", why="no release is live on another app host",
            state=f"nothing was changed; {facts.state()}", next="vpsdeploy release",
        )  # fmt: skip
    return found[0]


def lacks_release(facts: FleetFacts, host: Host) -> bool:
    """Whether the live release has to be sent to the host."""
    seen = facts.of(host.name)
    return seen is None or facts.live not in {one.id for one in seen.releases}


def join(
    facts: FleetFacts, host: Host, health: dict[str, Any], handed: dict[str, Any] | None
) -> tuple[Step, ...]:
    """The steps behind the lock.

    Args:
        facts: Of all hosts, with the one that joins.
        host: The one.
        health: How the live release is asked whether it can serve.
        handed: Manifest and settings of the live release, where the host lacks it.

    Raises: HostNotReady: no colour is live.
    """
    live, colour = facts.live, facts.colour
    if colour is None:
        raise HostNotReady(
            "the load balancers disagree", state="nothing was changed", next="vpsdeploy status"
        )
    only, pool = (host.name,), {"colour": colour.value}
    balancers = tuple(one.name for one in facts.loadbalancers)
    out_everywhere = all(host.name in one.out for one in facts.loadbalancers)
    start = {**pool, "release": live, "size": size.running(facts)}
    return (
        *(() if out_everywhere else (leave(facts, host, dead=False),)),
        *_clean(facts, host),
        *_send(only, live, handed),
        Step(f"start the {colour} pool on {host.name}", "start", only, start),
        Step("wait until it is healthy", "gate", only, {**pool, **health}),
        Step(f"send requests to {host.name}", "join", balancers, {"host": host.name}),
        Step("confirm", "confirm", only, {**pool, "release": live}),
        *jobs.settle(facts, live, _apps_with(facts, host)),
        Step("give the lock back", "unlock", locked(facts, host), tidy=True),
    )  # fmt: skip


def _apps_with(facts: FleetFacts, host: Host) -> tuple[HostFacts, ...]:
    """The app hosts with the one that joins, in the order of the inventory, when it has what it was sent."""
    seen, live = facts.of(host.name), size.live_release(facts)
    if seen is None or live is None:
        return facts.apps
    others = tuple(one for one in facts.apps if one.name != host.name)
    whole = (*others, replace(seen, releases=(*(r for r in seen.releases if r.id != live.id), live)))
    order = [one.name for one in facts.stage.hosts]
    return tuple(sorted(whole, key=lambda one: order.index(one.name)))


def _clean(facts: FleetFacts, host: Host) -> tuple[Step, ...]:
    """What a host that was away still runs ends first; instances of the live release may stay."""
    seen = facts.of(host.name)
    pools = seen.pools.items() if seen else ()
    stale = [c for c, pool in pools if pool and (c, pool.release) != (facts.colour, facts.live)]
    retire = Step("stop what it ran before", "retire", (host.name,), {"timeout_seconds": 0})
    return (retire,) if stale else ()


def _send(only: tuple[str, ...], live: str, handed: dict[str, Any] | None) -> tuple[Step, ...]:
    if handed is None:
        return ()
    manifest = handed["manifest"]
    assemble = {"release": live, "manifest_digest": manifest["digest"], "settings": handed["settings"]}
    return (
        Step("compare files", "offer", only, {"manifest": manifest}),
        Step("send missing files", "receive", only),
        *release.install(manifest, handed["settings"], only),
        Step(f"assemble {live}", "assemble", only, assemble),
    )
