"""Which hosts are patched in which order, and what users would lose by it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.errors import UsageError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Host
from orchestrator.model.patch import HostUpdates, Upgrade
from orchestrator.model.service import Service
from orchestrator.plan import membership


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        check: Only say what would be done.
        everything: All updates, not only those of security.
        reboot: Restart each host, also where nothing asks for it.
        no_reboot: Restart none, also where something asks for it.
        allow_outage: Restart a host, or a database on it, also where users notice.
        wait_seconds: How long to wait for a lock that somebody else holds.
    """

    check: bool = False
    everything: bool = False
    reboot: bool = False
    no_reboot: bool = False
    allow_outage: bool = False
    wait_seconds: float = 0


def order(hosts: Iterable[Host]) -> tuple[Host, ...]:
    """App hosts first, then load balancers: by then an update has shown what it does where users did not see it."""
    return tuple(sorted(hosts, key=lambda host: host.is_loadbalancer))


def has_work(seen: HostUpdates, wish: Wish, app: str) -> bool:
    """Whether anything is to be done on a host."""
    asked = seen.reboot_required or any(_is_renewed(unit, app) for unit in seen.stale)
    restart = wish.reboot or (not wish.no_reboot and asked) or (wish.allow_outage and seen.behind)
    return len(seen.wanted(everything=wish.everything)) > len(held(seen, wish)) or bool(restart)


def held(seen: HostUpdates, wish: Wish) -> tuple[Upgrade, ...]:
    """Upgrades that are left out: each would restart a database or broker, and nothing is to be restarted."""
    if not _holds(wish):
        return ()
    return tuple(one for one in seen.wanted(everything=wish.everything) if one.restarts)


def request(wish: Wish) -> dict[str, bool]:
    """What the agent is asked: which updates, and whether the app's databases and brokers may be restarted."""
    return {"all": wish.everything, "hold": _holds(wish), "renew": wish.allow_outage}


def reboots(seen: HostUpdates, wish: Wish) -> bool:
    """Whether a host is restarted, by what it says once its updates are installed."""
    return wish.reboot or (seen.reboot_required and not wish.no_reboot)


def drains(facts: FleetFacts, host: Host) -> bool:
    """Whether the host is taken out first: it serves, and another can meanwhile."""
    return membership.is_in(facts, host) and bool(_others(facts, host))


def check_outage(
    facts: FleetFacts, hosts: Iterable[Host], wish: Wish, app: str, services: Iterable[Service] = ()
) -> None:
    """Whether the hosts can be restarted without an outage, or one is allowed, or nothing is restarted.

    Args:
        facts: Of all hosts.
        hosts: Those that are meant.
        wish: What is allowed.
        app: Whose users would notice.
        services: Its databases and brokers, which no other host can carry meanwhile.
    Raises: UsageError: the first host that cannot; nothing was touched.
    """
    if wish.allow_outage or wish.no_reboot:
        return
    carried = tuple(services)
    for host in hosts:
        kinds = ", ".join(one.kind for one in carried if one.host == host.name)
        if why := _outage(facts, host, app, kinds):
            but = f", nor {kinds}: updates of {kinds} go on waiting" if kinds else ""
            raise UsageError(
                f"{host.name} cannot be restarted without an outage", why=why,
                state=f"nothing was upgraded; {facts.state()}",
                next=f"vpsdeploy host patch --no-reboot installs the updates and restarts no host{but}\n"
                "vpsdeploy host patch --allow-outage restarts it too: the app is away for some seconds",
            )  # fmt: skip


def left(hosts: Iterable[Host], done: Mapping[str, object]) -> tuple[str, ...]:
    """Names of the hosts that were not reached."""
    return tuple(host.name for host in hosts if host.name not in done)


def _holds(wish: Wish) -> bool:
    return wish.no_reboot and not wish.allow_outage


def _is_renewed(unit: str, app: str) -> bool:
    """Whether a unit that runs replaced files is started anew by this; others wait for a reboot."""
    return unit == "nginx.service" or unit.startswith((f"{app}@", f"{app}-worker-"))


def _outage(facts: FleetFacts, host: Host, app: str, kinds: str) -> str:
    """What users of this app or another would lose; empty where nothing."""
    seen = facts.of(host.name)
    others = sorted(set(seen.apps) - {app}) if seen else []
    if others:
        return f"it also runs {', '.join(others)}, which this project cannot take elsewhere"
    if kinds and facts.live:
        return f"it carries {kinds}, which every instance uses"
    if membership.is_in(facts, host) and not _others(facts, host):
        return "it is the only app host that serves"
    if host.is_loadbalancer and len(facts.stage.loadbalancers) == 1 and facts.live:
        return "it is the only load balancer"
    return ""


def _others(facts: FleetFacts, host: Host) -> tuple[str, ...]:
    serving = (one for one in facts.apps if one.release_of(facts.colour) == facts.live)
    return tuple(one.name for one in serving if one.name != host.name)
