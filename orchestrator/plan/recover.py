"""What a command that died left behind, and the steps that put it right. Pure.

Rule: if one load balancer has confirmed a flip, or every app host has been told that the new release is current, the
whole fleet had passed the gate, and the flip is carried to its end. Otherwise it is undone. A load balancer whose timer
ran out, or that is new and has confirmed nothing yet, follows those that have. A canary is a flip of a part of the
requests: the same rule holds for it. Where nothing tells, a person decides, by a rollback to a release that is named.
"""

from __future__ import annotations

from typing import Any

from orchestrator.errors import HostNotReady
from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import HostFacts
from orchestrator.model.pool import Colour
from orchestrator.model.step import Step
from orchestrator.plan import jobs
from orchestrator.plan.release import CONFIRM_SECONDS


def steps(facts: FleetFacts, drain_seconds: int, *, decided: bool = False) -> tuple[Step, ...]:
    """The repairs; empty where nothing was left behind.

    Args:
        facts: The fleet.
        drain_seconds: How long a pool that is not live may still answer.
        decided: Whether a person has named the release that is to be live next: until then any whole pool will do.
    Raises: HostNotReady: the load balancers disagree and nothing tells which of them is right.
    """
    live = resolve(facts, decided=decided)
    return (
        *_settle(facts, live),
        *_resize(facts, live),
        *_leave(facts),
        *_confirm_apps(facts, live),
        *_jobs(facts, live),
        *_drain(facts, live, drain_seconds),
    )


def resolve(facts: FleetFacts, *, decided: bool = False) -> Colour | None:
    """The colour that every load balancer is to route to (Args, Raises: steps)."""
    pending = next((host.pending for host in facts.loadbalancers if host.pending), None)
    settled = {host.live for host in facts.loadbalancers if not host.pending}
    if pending:
        return pending.target if _is_decided(facts, pending.target, settled) else pending.source
    if len(settled) == 1:
        return _of_new(facts) or settled.pop()
    return _by_current(facts) or _best(facts, decided=decided)


def _of_new(facts: FleetFacts) -> Colour | None:
    """Where no load balancer has ever been told anything, the app hosts know what is live: all of them are new."""
    if any(host.last for host in facts.loadbalancers):
        return None
    return next((colour for colour in Colour if _is_current(facts, colour)), None)


def _is_decided(facts: FleetFacts, target: Colour, settled: set[Colour | None]) -> bool:
    return target in settled or _is_current(facts, target)


def _is_current(facts: FleetFacts, colour: Colour) -> bool:
    """Whether a pool is what every app host was told last; one that never had anything was told nothing."""
    told = [host for host in facts.apps if host.current or any(host.pools.values())]
    return bool(told) and all(host.current and host.current == host.release_of(colour) for host in told)


def _is_complete(facts: FleetFacts, colour: Colour) -> bool:
    """Whether a pool runs on every app host that runs any: with one release, and not on its way out."""
    pools = [host.pools[colour] for host in facts.apps if any(host.pools.values())]
    return len({pool.release if pool and not pool.draining else "" for pool in pools} - {""}) == 1 and all(
        pools
    )


def _by_current(facts: FleetFacts) -> Colour | None:
    """Load balancers differ with no flip pending: one's timer ran out while another was confirmed."""
    for colour in Colour:
        if _is_current(facts, colour):
            return colour
    confirmed = {host.live for host in facts.loadbalancers if host.last.get("verb") == "confirm"}
    agreed = confirmed.pop() if len(confirmed) == 1 else None
    return agreed if agreed and _is_complete(facts, agreed) else None


def _best(facts: FleetFacts, *, decided: bool) -> Colour:
    """The pool that most hosts can serve from, once a person has named what is to follow it."""
    if decided:
        return max(Colour, key=lambda colour: (_is_complete(facts, colour), *_votes(facts, colour)))
    seen = ", ".join(f"{host.name} routes to {host.live or 'nothing'}" for host in facts.loadbalancers)
    kept = sorted({release for host in facts.apps for c in Colour if (release := host.release_of(c))})
    raise HostNotReady(
        "the load balancers disagree", why=seen, state="nothing was changed",
        next=f"decide what is to be live: vpsdeploy rollback {' or '.join(kept) or 'RELEASE'}",
    )  # fmt: skip


def _votes(facts: FleetFacts, colour: Colour) -> tuple[int, int]:
    """How many app hosts run the pool, and how many load balancers route to it."""
    return sum(_runs(host, colour) for host in facts.apps), sum(h.live == colour for h in facts.loadbalancers)


def _settle(facts: FleetFacts, live: Colour | None) -> tuple[Step, ...]:
    back = tuple(h.name for h in facts.loadbalancers if h.pending and h.pending.target != live)
    on = tuple(h.name for h in facts.loadbalancers if h.pending and h.pending.target == live)
    differ = tuple(h.name for h in facts.loadbalancers if not _is_going_back(h, live) and h.live != live)
    undo = (Step("undo a flip that was not confirmed", "return", back),) if back else ()
    if live is None or not (on or differ):
        return undo
    release = next((release for host in facts.apps if (release := host.release_of(live))), "")
    flip = Step(f"flip to {live}", "flip", differ, _flip_to(facts, live))
    confirm = {"colour": live.value, "release": release, "route_only": True}  # `current`: _confirm_apps
    both = tuple(dict.fromkeys((*on, *differ)))
    return (*undo, *((flip,) if differ else ()), Step("confirm a flip", "confirm", both, confirm))


def _is_going_back(host: HostFacts, live: Colour | None) -> bool:
    """Whether undoing its flip is all that a load balancer needs."""
    return host.pending is not None and host.pending.target != live


def _flip_to(facts: FleetFacts, live: Colour) -> dict[str, Any]:
    size = _size(facts, live)
    return {
        "colour": live.value, "confirm_seconds": CONFIRM_SECONDS, **({"instances": size} if size else {}),
    }  # fmt: skip


def _size(facts: FleetFacts, colour: Colour) -> int:
    return max((len(pool.ports) for host in facts.apps if (pool := host.pools[colour])), default=0)


def _resize(facts: FleetFacts, live: Colour | None) -> tuple[Step, ...]:
    """Load balancers that route to the live pool and know another size of it: one that was added."""
    size = _size(facts, live) if live else 0
    wrong = tuple(
        host.name for host in facts.loadbalancers
        if live and size and host.live == live and (host.sizes.get(live) or host.provisioned_instances or size) != size
    )  # fmt: skip
    return (
        (Step(f"tell the size of the {live} pool", "flip", wrong, _flip_to(facts, live)),)
        if live and wrong
        else ()
    )


def _leave(facts: FleetFacts) -> tuple[Step, ...]:
    """An app host that is out of some load balancers is taken out of all: nobody promised that it can serve."""
    return tuple(
        Step(f"take {name} out of all load balancers", "leave", lacking, {"host": name, "dead": bool(mark.get("dead"))})
        for name, mark in facts.out.items()
        if (lacking := tuple(host.name for host in facts.loadbalancers if name not in host.out))
    )  # fmt: skip


def _confirm_apps(facts: FleetFacts, live: Colour | None) -> tuple[Step, ...]:
    """`current` follows what is live."""
    by_release: dict[str, list[str]] = {}
    for host in facts.apps:
        release = host.release_of(live)
        if live and release and host.current != release:
            by_release.setdefault(release, []).append(host.name)
    return tuple(
        Step(
            "name the live release current",
            "confirm",
            tuple(names),
            {"colour": live.value, "release": release},
        )
        for release, names in by_release.items()
        if live
    )


def _jobs(facts: FleetFacts, live: Colour | None) -> tuple[Step, ...]:
    """Workers and cron entries follow what is live, where all app hosts that serve agree on it."""
    releases = {release for host in facts.apps if (release := host.release_of(live))}
    return jobs.settle(facts, releases.pop()) if live and len(releases) == 1 else ()


def _drain(facts: FleetFacts, live: Colour | None, drain_seconds: int) -> tuple[Step, ...]:
    """Pools that run and are not live. Drained, not stopped: one of them may have served a moment ago."""
    idle = {c: tuple(h.name for h in facts.apps if c != live and _runs(h, c)) for c in Colour}
    return tuple(
        Step(f"drain the {c} pool", "drain", hosts, {"colour": c.value, "timeout_seconds": drain_seconds})
        for c, hosts in idle.items()
        if hosts
    )


def _runs(host: HostFacts, colour: Colour) -> bool:
    pool = host.pools[colour]
    return pool is not None and not pool.draining
