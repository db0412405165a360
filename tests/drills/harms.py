"""What goes wrong, and how it is put right again. A harm knows its hosts; when it strikes is the drill's to say."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from tests.drills.command import Command
from tests.drills.fleet import APPS, BALANCERS, Fleet

_AGENT = "[v]psdeploy/agent.pyz"


@dataclass(frozen=True)
class Harm:
    """Nothing goes wrong: what is released is harm enough."""

    @property
    def env(self) -> dict[str, str]:
        """Further variables of the command."""
        return {}

    @property
    def name(self) -> str:
        """For the table and for the test's title."""
        return "nothing"

    @property
    def cure(self) -> str:
        """What its owner has to put right before a command can work; empty where nothing."""
        return ""

    @property
    def unreachable(self) -> tuple[str, ...]:
        """Hosts that commands cannot reach until it is healed."""
        return ()

    @property
    def lost(self) -> tuple[str, ...]:
        """Hosts that stop serving."""
        return ()

    @property
    def lost_ports(self) -> tuple[int, ...]:
        """Ports of the lost app hosts that stop serving; empty where all do."""
        return ()

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Do it."""

    def heal(self, fleet: Fleet) -> None:
        """Put the cause right, as its owner would; never what vpsdeploy left."""


@dataclass(frozen=True)
class Killed(Harm):
    """The controller gets a signal."""

    number: signal.Signals = signal.SIGKILL

    @property
    def name(self) -> str:
        """With the signal's name, but for the usual one."""
        return (
            "kill -9 of the controller"
            if self.number is signal.SIGKILL
            else f"{self.number.name} to the controller"
        )

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Send it."""
        command.send(self.number)


@dataclass(frozen=True)
class Cut(Harm):
    """Packets between the controller and hosts are dropped, silently; or those of the hosts only: they hear."""

    hosts: tuple[str, ...] = (*BALANCERS, *APPS)
    seconds: float = 0.0
    answers_only: bool = False

    @property
    def name(self) -> str:
        """Which, and for how long."""
        if self.answers_only:
            return f"the answers of {self.hosts[0]} lost"
        where = (
            "the controller's network" if len(self.hosts) > 1 else f"the controller's way to {self.hosts[0]}"
        )
        return f"{where} cut" + (f" for {self.seconds:g} s" if self.seconds else "")

    @property
    def cure(self) -> str:
        """In words."""
        return "the network is back"

    @property
    def unreachable(self) -> tuple[str, ...]:
        """A short one is over before the command ends."""
        return () if self.seconds else self.hosts

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Cut; a short one mends by itself."""
        fleet.cut(self.hosts, answers_only=self.answers_only)
        if self.seconds:
            command.go_on()
            time.sleep(self.seconds)
            fleet.mend(self.hosts)

    def heal(self, fleet: Fleet) -> None:
        """Mend."""
        fleet.mend(self.hosts)


@dataclass(frozen=True)
class AgentKilled(Harm):
    """kill -9 of the agent on one host: of its session, and of the verb that runs."""

    host: str

    @property
    def name(self) -> str:
        """Where."""
        return f"agent killed on {self.host}"

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Kill what runs."""
        fleet.on(self.host, f"pkill -KILL -f '{_AGENT}'")


@dataclass(frozen=True)
class Rival(Harm):
    """A second controller releases at the same time."""

    @property
    def name(self) -> str:
        """What it does."""
        return "a second controller releases"

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Its release is refused, and told why and what to do."""
        rival = Command(fleet.project.path, ("release", "--bundle", str(fleet.bundle())))
        assert rival.wait() == 9, rival.describe()
        assert "another release is running" in rival.error["what"]
        assert rival.error["next"], rival.describe()


@dataclass(frozen=True)
class Skewed(Harm):
    """The controller's clock is wrong, so the hosts' are to it. Theirs is the machine's: containers share it."""

    seconds: int

    @property
    def name(self) -> str:
        """By how much."""
        return (
            f"the controller's clock {abs(self.seconds) // 3600} h {'fast' if self.seconds > 0 else 'slow'}"
        )

    @property
    def env(self) -> dict[str, str]:
        """Read by tests/drills/held.py."""
        return {"SKEW_SECONDS": str(self.seconds)}
