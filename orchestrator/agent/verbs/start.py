"""start: run a release in a pool that is not live."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import connections, draining, pools, releases, slots
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, ReleaseFailed
from orchestrator.agent.pools import Pool
from orchestrator.agent.settings import Settings


def start(call: Call) -> dict[str, Any]:
    """Start the pool's instances; a pool that still runs this very release is kept warm.

    With `instances` only the first ones start; asked again for more, those that run stay as they are.
    """
    colour, identifier = call.request.colour, call.request.release
    settings = releases.settings_of(call.app, identifier)
    ports, whole = _ports(call, settings, colour)
    old = _trimmed(call, colour, whole)
    if old and old.release == identifier and set(ports) <= set(old.ports):
        shown = call.systemd.show(
            [call.app.unit(port) for port in old.ports], ["ActiveState", "SubState", "NRestarts"]
        )
        if all((unit["ActiveState"], unit["SubState"]) == ("active", "running") for unit in shown.values()):
            return _keep(
                call, colour, old, [name for name, unit in shown.items() if unit["NRestarts"] != "0"]
            )
    if old and not (old.release == identifier and set(old.ports) <= set(ports)):
        _clear(call, colour, old)
    units = [call.app.unit(port) for port in ports]
    # Asked too, because whoever wrote the same lines before may have been killed before it reloaded.
    if slots.write(call.app, identifier, settings, ports) or call.systemd.outdated(units):
        call.systemd.reload()
    pools.write(call.app, colour, Pool(identifier, ports))
    call.systemd.forget_failures(units)
    call.systemd.start(units)
    call.record("start", old=old and old.release, new=identifier, result="started", colour=colour)
    return {"ports": list(ports), "warm": False}


def _ports(call: Call, settings: Settings, colour: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ports to start now, and all that the pool is to have: as asked for, or as the release wants.

    An older release may want more than nginx knows today: it gets as many as there are.
    """
    facts = call.app_facts()
    if facts["port"] != settings.port:
        why = f"the release listens from port {settings.port} on, the host is provisioned for {facts['port']}"
        raise HostNotReady(
            "the host is provisioned for other ports", why=why, next="vpsdeploy provision host"
        )
    if not call.layout.node(settings.node).exists():
        raise HostNotReady(f"Node {settings.node} is not installed", next="vpsdeploy provision host")
    size = call.request.count("size", settings.instances)
    now = call.request.count("instances", size)
    counts = (min(count, facts.get("instances_max") or facts["instances"]) for count in (now, max(now, size)))
    started, whole = (pools.ports_of(settings.port, colour, count) for count in counts)
    return started, whole


def _trimmed(call: Call, colour: str, whole: tuple[int, ...]) -> Pool | None:
    """The pool as it is. What it has beyond its size ends, after its open requests: it was larger when it drained."""
    old = pools.read(call.app)[colour]
    if not old or old.release != call.request.release or pools.is_served(call.app, colour):
        return old
    extra = [port for port in old.ports if port not in whole]
    if extra:
        connections.wait_for_none(call.layout.proc, extra, old.deadline)
        call.systemd.stop([call.app.unit(port) for port in extra])
        old = old._replace(ports=tuple(port for port in old.ports if port in whole))
        pools.write(call.app, colour, old)
    return old


def _keep(call: Call, colour: str, pool: Pool, restarted: list[str]) -> dict[str, Any]:
    if pool.state == pools.DRAINING:
        call.systemd.stop([f"{call.app.drain_unit}.service"])
        pools.write(call.app, colour, pool._replace(state=pools.RUNNING, deadline=0.0))
        call.record("start", old=pool.release, new=pool.release, result="kept warm", colour=colour)
    call.systemd.forget_failures(restarted)
    return {"ports": list(pool.ports), "warm": True}


def _clear(call: Call, colour: str, old: Pool) -> None:
    """Make room for another release in the pool.

    Raises: ReleaseFailed: users are on it.
    """
    if pools.is_served(call.app, colour):
        why = f"nginx sends requests to {colour}, which runs {old.release}"
        raise ReleaseFailed(f"the {colour} pool is live", why=why, state="nothing was changed")
    if old.state == pools.DRAINING:
        call.systemd.stop([f"{call.app.drain_unit}.service"])
        draining.finish(call, colour, old)
    else:
        draining.stop(call, colour, old, "stop")
