"""What all hosts of a stage say together: which release is live, and whether they agree. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.facts.host import HostFacts
from orchestrator.model.fleet import Stage
from orchestrator.model.maintenance import Balancer
from orchestrator.model.pool import Colour
from orchestrator.model.tls import TlsBalancer


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """What the hosts of a stage say, in the order of the inventory.

    Attributes:
        stage: All its hosts.
        hosts: Those that take part: load balancers, and app hosts that are not out.
        away: App hosts that are out and answered all the same.
    """

    stage: Stage
    hosts: tuple[HostFacts, ...]
    away: tuple[HostFacts, ...] = ()

    @property
    def apps(self) -> tuple[HostFacts, ...]:
        """Hosts that run instances for users: those of the group `app` that are not out."""
        return self._of({host.name for host in self.stage.app_hosts} - self.out.keys())

    @property
    def out(self) -> dict[str, dict[str, Any]]:
        """App hosts that a load balancer sends nothing to, with who took them out and when."""
        marks = [mark for host in self.loadbalancers for mark in host.out.items()]
        names = {host.name for host in self.stage.app_hosts}
        return {name: mark for name, mark in marks if name in names}

    def of(self, name: str) -> HostFacts | None:
        """What one host says, whether it takes part or not; None where it did not answer."""
        return next((host for host in (*self.away, *self.hosts) if host.name == name), None)

    @property
    def loadbalancers(self) -> tuple[HostFacts, ...]:
        """Hosts that run nginx."""
        return self._of({host.name for host in self.stage.loadbalancers})

    @property
    def maintenance(self) -> tuple[Balancer, ...]:
        """What each load balancer answers instead of the app."""
        return tuple(Balancer(host.name, host.maintenance) for host in self.loadbalancers)

    @property
    def tls(self) -> tuple[TlsBalancer, ...]:
        """The app's certificate on each load balancer."""
        return tuple(TlsBalancer(host.name, host.tls) for host in self.loadbalancers)

    def _of(self, names: set[str]) -> tuple[HostFacts, ...]:
        return tuple(host for host in self.hosts if host.name in names)

    @property
    def colour(self) -> Colour | None:
        """The colour that every load balancer routes to; None where they differ or have no route."""
        colours = {host.live for host in self.loadbalancers}
        return colours.pop() if len(colours) == 1 else None

    @property
    def live(self) -> str:
        """The release that users see; empty before the first one and where the hosts disagree.

        A host that was added and never released to has none: it serves nobody.
        """
        releases = self._releases()
        return releases.pop() if len(releases) == 1 else ""

    def _releases(self) -> set[str]:
        return {host.release_of(self.colour) for host in self.apps} - {""}

    @property
    def settled(self) -> bool:
        """Whether all load balancers agree and no flip waits for its confirmation."""
        return len({host.live for host in self.loadbalancers}) == 1 and not any(h.pending for h in self.hosts)

    def state(self) -> str:
        """One clause for an error's state: what users see."""
        if not self.settled:
            return "the load balancers disagree: see `vpsdeploy status`"
        if not self.live:
            mixed = "the app hosts run different releases: see `vpsdeploy status`"
            return mixed if self._releases() else "no release is live"
        idle = [host.name for host in self.apps if not host.release_of(self.colour)]
        idle += [f"{name} (out)" for name in self.out]
        return f"live is {self.live} on " + (f"all hosts but {', '.join(idle)}" if idle else "all hosts")


def gathered(stage: Stage, answered: tuple[HostFacts, ...]) -> FleetFacts:
    """The facts of the hosts that answered, with those that are out set apart."""
    out = FleetFacts(stage, answered).out
    balancers = {host.name for host in stage.loadbalancers}
    members = tuple(host for host in answered if host.name in balancers or host.name not in out)
    return FleetFacts(stage, members, tuple(host for host in answered if host not in members))
