"""Where workers and cron entries run, and the steps that change them over. Pure.

Each worker runs on every app host. One with `concurrency: 1` and each cron entry run on one: the host that
vpsdeploy.yml names, or the first app host of the inventory that takes part. The rule needs nothing but the inventory,
so that every command, on whichever controller, comes to the same host; what a host runs stands on its own disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import HostFacts
from orchestrator.facts.jobs import JobsFacts
from orchestrator.model.step import Step

CHECK_SECONDS = 3.0
"""How long a new worker must stay up before the release is believed in (our choice: more than an app's boot)."""

VERB = "jobs"

Share = dict[str, Any]
"""What one host runs: `workers` (count by name) and `cron` (names)."""


def shares(names: list[str], jobs: Mapping[str, Any]) -> dict[str, Share]:
    """What each of some app hosts runs.

    Args:
        names: In the order of the inventory.
        jobs: `workers` and `cron` of a release's settings, or a host's summary of them.
    """
    found: dict[str, Share] = {name: {"workers": {}, "cron": []} for name in names}
    for worker, job in (jobs.get("workers") or {}).items():
        for name in names[:1] if job.get("exclusive") else names:
            found[name]["workers"][worker] = 1 if job.get("exclusive") else int(job.get("instances") or 1)
    for entry, job in (jobs.get("cron") or {}).items():
        chosen = job.get("host") if job.get("host") in names else names[0]
        found[chosen]["cron"].append(entry)
    return found


def steps(
    facts: FleetFacts,
    release: str,
    jobs: Mapping[str, Any],
    check_seconds: float = CHECK_SECONDS,
    apps: tuple[HostFacts, ...] | None = None,
    gone: tuple[HostFacts, ...] = (),
) -> tuple[Step, ...]:
    """The jobs of a release take the place of those that run; nothing where there are neither.

    What may run only once leaves the hosts that lose it first: only when it has ended there does it start elsewhere.

    Args:
        facts: Of all hosts.
        release: Whose jobs.
        jobs: Its `workers` and `cron`.
        check_seconds: How long new workers are watched; 0: not at all.
        apps: Hosts that may run jobs, in the order of the inventory; default: the app hosts that take part.
        gone: Hosts that are to run none any more.
    """
    apps = facts.apps if apps is None else apps
    wanted = shares([host.name for host in apps], jobs) | {host.name: _nothing() for host in gone}
    involved = [host for host in (*gone, *apps) if any(wanted[host.name].values()) or host.jobs.release]
    if not involved:
        return ()
    single = [name for name, job in (jobs.get("workers") or {}).items() if job.get("exclusive")]
    leaving = _leaving({host.name: host.jobs for host in involved}, wanted, single)
    by_host = {host.name: {"alone": single, "check_seconds": check_seconds} for host in involved}
    for name, request in by_host.items():
        request |= {"release": release if any(wanted[name].values()) else "", **wanted[name]}
    runs = any(any(share.values()) for share in wanted.values())
    title = "change workers and cron entries over" if runs else "stop the workers and cron entries"
    return (*leaving, Step(title, VERB, tuple(by_host), {"on": by_host}))


def settle(
    facts: FleetFacts, live: str, apps: tuple[HostFacts, ...] | None = None, gone: tuple[HostFacts, ...] = ()
) -> tuple[Step, ...]:
    """The jobs of the live release run where they belong; nothing where they do.

    New workers are not waited for: one that does not stay up must not keep the release from being made that mends it.

    Args:
        facts: Of all hosts.
        live: The release that users see.
        apps: As for `steps`; those that lack the release are left out.
        gone: As for `steps`.
    """
    apps = facts.apps if apps is None else apps
    having = tuple(host for host in apps if any(one.id == live for one in host.releases))
    jobs = next((one.jobs for host in having for one in host.releases if one.id == live), None)
    if jobs is None:
        return ()
    wanted = shares([host.name for host in having], jobs) | {host.name: _nothing() for host in gone}
    if all(_is_settled(host, live, wanted[host.name]) for host in (*having, *gone)):
        return ()
    return steps(facts, live, jobs, 0.0, having, gone)


def back(before: FleetFacts, now: Mapping[str, JobsFacts], single: list[str]) -> tuple[Step, ...]:
    """The jobs that ran before a release run again, on the hosts that they ran on.

    Args:
        before: Facts from before the first step.
        now: What hosts run by now, where that is known.
        single: Workers of which only one may run in the fleet, of either release.
    """
    old = {host.name: _share(host.jobs) for host in before.apps}
    leaving = _leaving({name: seen for name, seen in now.items() if name in old}, old, single)
    by_host = {
        host.name: {"release": host.jobs.release, "alone": single, **old[host.name]} for host in before.apps
    }
    return (*leaving, Step("start the old workers and cron entries", VERB, tuple(by_host), {"on": by_host}))


def single_of(facts: FleetFacts, *releases: str) -> list[str]:
    """Workers of which only one may run in the fleet, by any of some kept releases."""
    jobs = [one.jobs for host in facts.apps for one in host.releases if one.id in releases]
    return sorted({
        name for one in jobs for name, job in (one.get("workers") or {}).items() if job.get("exclusive")
    })  # fmt: skip


def _is_settled(host: HostFacts, live: str, share: Share) -> bool:
    seen = host.jobs
    if not any(share.values()):
        return not (seen.workers or seen.cron)
    same = (seen.workers, sorted(seen.cron)) == (share["workers"], sorted(share["cron"]))
    return seen.release == live and same and seen.is_whole


def _share(seen: JobsFacts) -> Share:
    return {"workers": dict(seen.workers), "cron": list(seen.cron)}


def _nothing() -> Share:
    return {"workers": {}, "cron": []}


def _leaving(
    seen: Mapping[str, JobsFacts], wanted: Mapping[str, Share], single: list[str]
) -> tuple[Step, ...]:
    """What moves ends first, on the hosts that lose it."""
    kept = {name for share in wanted.values() for name in share["cron"]}
    found = {name: _leave(jobs, wanted[name], single, kept) for name, jobs in seen.items()}
    on = {name: request for name, request in found.items() if request}
    return (Step("let workers and cron entries end that move", VERB, tuple(on), {"on": on}),) if on else ()


def _leave(seen: JobsFacts, share: Share, single: list[str], kept: set[str]) -> dict[str, Any] | None:
    """What a host runs until others may start what it loses; None where it loses nothing that may run only once."""
    alive = {one.worker for one in seen.processes} | seen.workers.keys()
    alone = sorted(name for name in alive if name in single and not share["workers"].get(name))
    finish = sorted(name for name in seen.cron if name in kept and name not in share["cron"])
    if not (alone or finish):
        return None
    workers = {name: count for name, count in seen.workers.items() if name not in alone}
    cron = [name for name in seen.cron if name not in finish]
    return {"release": seen.release, "workers": workers, "cron": cron, "alone": alone, "finish": finish}
