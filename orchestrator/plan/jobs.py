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
    having: set[str] | None = None,
) -> tuple[Step, ...]:
    """The jobs of a release take the place of those that run; nothing where there are neither.

    What may run only once leaves the hosts that lose it first: only when it has ended there does it start elsewhere.

    Args:
        facts: Of all hosts.
        release: Whose jobs.
        jobs: Its `workers` and `cron`.
        check_seconds: How long new workers are watched; 0: not at all.
        having: App hosts that the release is on; None for all.
    """
    apps = [host for host in facts.apps if having is None or host.name in having]
    wanted = shares([host.name for host in apps], jobs)
    hosts = tuple(host.name for host in apps if any(wanted[host.name].values()) or host.jobs.release)
    if not hosts:
        return ()
    single = [name for name, job in (jobs.get("workers") or {}).items() if job.get("exclusive")]
    leaving = {
        host.name: request
        for host in apps
        if (request := _leave(host.jobs, wanted[host.name], single, _all_cron(wanted)))
    }
    first = Step("let workers and cron entries end that move", VERB, tuple(leaving), {"on": leaving})
    title = (
        "change workers and cron entries over"
        if any(any(share.values()) for share in wanted.values())
        else ("stop the workers and cron entries")
    )
    common = {"release": release, "alone": single, "check_seconds": check_seconds}
    by_host = {name: {**common, **wanted[name]} for name in hosts}
    return (*((first,) if leaving else ()), Step(title, VERB, hosts, {"on": by_host}))


def settle(facts: FleetFacts, live: str) -> tuple[Step, ...]:
    """The jobs of the live release run where they belong; nothing where they do.

    New workers are not waited for: one that does not stay up must not keep the release from being made that mends it.
    """
    jobs = next((one.jobs for host in facts.apps for one in host.releases if one.id == live), None)
    having = [host for host in facts.apps if any(one.id == live for one in host.releases)]
    wanted = shares([host.name for host in having], jobs or {})
    if jobs is None or all(_is_settled(host, live, wanted[host.name]) for host in having):
        return ()
    return steps(facts, live, jobs, check_seconds=0.0, having=set(wanted))


def back(before: FleetFacts, now: Mapping[str, JobsFacts], single: list[str]) -> tuple[Step, ...]:
    """The jobs that ran before a release run again, on the hosts that they ran on.

    Args:
        before: Facts from before the first step.
        now: What hosts run by now, where that is known.
        single: Workers of which only one may run in the fleet, of either release.
    """
    old = {host.name: _share(host.jobs) for host in before.apps}
    elsewhere = _all_cron(old)
    leaving = {
        name: request
        for name, seen in now.items()
        if name in old and (request := _leave(seen, old[name], single, elsewhere))
    }
    by_host = {
        host.name: {"release": host.jobs.release, "alone": single, **old[host.name]} for host in before.apps
    }
    first = Step("let workers and cron entries end that move", VERB, tuple(leaving), {"on": leaving})
    return (
        *((first,) if leaving else ()),
        Step("start the old workers and cron entries", VERB, tuple(by_host), {"on": by_host}),
    )


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


def _all_cron(wanted: Mapping[str, Share]) -> set[str]:
    return {name for share in wanted.values() for name in share["cron"]}


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
