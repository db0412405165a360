"""How many instances a pool starts with on each host. Pure.

`instances` in vpsdeploy.yml is the wish; each release records the wish that it was made with. `vpsdeploy scale` starts
another number, and what runs is the only record of that: a live pool whose size is not its release's wish was scaled.
It stays so through releases, rollbacks and provisioning, until somebody changes the wish or scales again.
"""

from __future__ import annotations

from orchestrator.config import AppConfig
from orchestrator.errors import UsageError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import ReleaseFacts

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def running(facts: FleetFacts) -> int:
    """Instances of the live pool on an app host (count); 0 where nothing is live."""
    pools = (host.pools[facts.colour] for host in facts.apps) if facts.colour else ()
    return max((len(pool.ports) for pool in pools if pool and pool.release == facts.live), default=0)


def scaled(facts: FleetFacts) -> int:
    """To how many instances the fleet was scaled (count for each host); 0 where it runs what its release wished."""
    wish, size = _wish(facts), running(facts)
    return size if wish and size != wish else 0


def of_release(config: AppConfig, facts: FleetFacts) -> int:
    """For a new release: what it was scaled to, unless vpsdeploy.yml says another number than the live release did."""
    stays = scaled(facts) if config.instances == _wish(facts) else 0
    return _possible(facts, stays or config.instances)


def of_kept(facts: FleetFacts, wish: int) -> int:
    """For a rollback: what it was scaled to (the load is today's), else what the release itself wished."""
    return _possible(facts, scaled(facts) or wish)


def check(config: AppConfig, facts: FleetFacts, instances: int) -> None:
    """Whether a fleet can be scaled so.

    Raises: UsageError: beyond what nginx was provisioned for, or beyond memory; nothing was touched.
    """
    state = f"nothing was changed; {facts.state()}"
    if most(facts) and instances > most(facts):
        raise UsageError(
            f"{instances} instances are too many", why=f"the hosts were provisioned for {most(facts)}", state=state,
            next=f"set instances_max: {instances} in vpsdeploy.yml, then vpsdeploy provision host (reloads nginx once)",
        )  # fmt: skip
    one, both = bytes_of(config.limits.memory), instances + running(facts)
    for host in facts.apps:
        if both * one > host.memory_bytes:
            raise UsageError(
                f"{instances} instances do not fit into the memory of {host.name}",
                why=f"it has {host.memory_bytes >> 20} MiB; {running(facts)} instances run and {instances} start "
                f"beside them, each of up to {config.limits.memory} (limits.memory)",
                state=state,
                next="fewer instances, a lower limits.memory, or one more host: docs/runbooks/scale-out.md",
            )  # fmt: skip


def hints(config: AppConfig, facts: FleetFacts, instances: int) -> tuple[str, ...]:
    """What somebody who scales should know about vpsdeploy.yml, one sentence each."""
    wish = _wish(facts)
    if config.instances not in (wish, instances):
        return (
            f"vpsdeploy.yml says instances: {config.instances}, the live release was made with {wish}: "
            f"the next release will run {config.instances} again",
        )
    if config.instances != instances:
        return (f"it stays so until `instances: {config.instances}` in vpsdeploy.yml is changed",)
    return ()


def notes(config: AppConfig, facts: FleetFacts) -> tuple[str, ...]:
    """What a release says where it does not start `instances` instances on all hosts, one sentence each."""
    count = of_release(config, facts)
    size = (f"{count} instances on each host, as it was scaled to; vpsdeploy.yml says {config.instances}",)
    out = (
        f"{name} is out and not released to; it gets the release with vpsdeploy host join {name}"
        for name in facts.out
    )
    return (*(size if count != config.instances else ()), *out)


def bytes_of(memory: str) -> int:
    """A size of vpsdeploy.yml in bytes: 512M."""
    unit = memory[-1] if memory[-1] in _UNITS else ""
    return int(memory.removesuffix(unit)) * _UNITS.get(unit, 1)


def most(facts: FleetFacts) -> int:
    """The largest size that every host was provisioned for (count); 0 where none says."""
    return min((host.instances_max for host in facts.hosts if host.instances_max), default=0)


def live_release(facts: FleetFacts) -> ReleaseFacts | None:
    """The live release as a host keeps it."""
    return next((one for host in facts.apps for one in host.releases if one.id == facts.live), None)


def _wish(facts: FleetFacts) -> int:
    live = live_release(facts)
    return live.instances if live else 0


def _possible(facts: FleetFacts, wanted: int) -> int:
    return min(wanted, most(facts) or wanted)
