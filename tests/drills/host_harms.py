"""What goes wrong on one host: its power, its services, its disk, its names, its instances."""

from __future__ import annotations

from dataclasses import dataclass

from tests.drills.command import Command
from tests.drills.fleet import BALANCERS, Fleet
from tests.drills.harms import Harm

STORE = "/srv/shop/store"


@dataclass(frozen=True)
class PowerCut(Harm):
    """A host loses its power and comes back later."""

    host: str

    @property
    def name(self) -> str:
        """Where."""
        return f"{'load balancer' if self.host in BALANCERS else 'app host'} {self.host} powered off"

    @property
    def lost(self) -> tuple[str, ...]:
        """The host itself."""
        return (self.host,)

    @property
    def unreachable(self) -> tuple[str, ...]:
        """Until it is up again."""
        return (self.host,)

    @property
    def cure(self) -> str:
        """In words."""
        return "the host is up again"

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Cut it."""
        fleet.cut_power(self.host)

    def heal(self, fleet: Fleet) -> None:
        """Give it back."""
        fleet.power_on(self.host)


@dataclass(frozen=True)
class Rebooted(PowerCut):
    """A host loses its power and gets it back at once, while the command runs on."""

    @property
    def unreachable(self) -> tuple[str, ...]:
        """It is back before the command ends."""
        return ()

    @property
    def name(self) -> str:
        """Where."""
        return f"{self.host} rebooted"

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Off and on."""
        fleet.cut_power(self.host)
        fleet.power_on(self.host)

    def heal(self, fleet: Fleet) -> None:
        """It is back."""


@dataclass(frozen=True)
class Stopped(Harm):
    """A service of a host is stopped."""

    host: str
    unit: str

    @property
    def name(self) -> str:
        """Which and where."""
        return f"{'sshd' if self.unit == 'ssh' else self.unit} stopped on {self.host}"

    @property
    def lost(self) -> tuple[str, ...]:
        """Without nginx a load balancer serves nobody."""
        return (self.host,) if self.unit == "nginx" else ()

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Stop it."""
        fleet.on(self.host, f"systemctl stop {self.unit}")

    def heal(self, fleet: Fleet) -> None:
        """Start it."""
        fleet.on(self.host, f"systemctl start {self.unit}")


@dataclass(frozen=True)
class Full(Harm):
    """The file system of a directory is full.

    The sandbox's hosts share the machine's disk, which nobody wants to fill: the directory gets a small file system of
    its own, in memory, with all that is in it; the errors are the kernel's own (ENOSPC). Healing copies what it has
    become back to the disk.
    """

    host: str
    path: str
    title: str

    @property
    def name(self) -> str:
        """What and where."""
        return f"disk full on {self.host}: {self.title}"

    @property
    def cure(self) -> str:
        """In words."""
        return "making room"

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Put the small file system in place, with nothing left."""
        size = f"$(( $(du -sk {self.path} | cut -f1) + 512 ))k"
        mount = f"mount -t tmpfs -o size={size},mode=0755 full /run/full; cp -a {self.path}/. /run/full/"
        fill = f"dd if=/dev/zero of={self.path}/filler bs=1k 2>/dev/null || true"
        place = f"mount --bind /run/full {self.path}; umount /run/full"
        fleet.on(self.host, f"mkdir -p /run/full; {mount}; {place}; {fill}")

    def heal(self, fleet: Fleet) -> None:
        """Make room, and bring everything back to the disk."""
        take = f"mkdir -p /run/full; mount --bind {self.path} /run/full; umount -l {self.path}"
        gone = 'while read -r f; do [ -e "/run/full/$f" ] || [ -L "/run/full/$f" ] || rm -rf "$f"; done'
        put = f"cp -a /run/full/. {self.path}/; cd {self.path}; find . -mindepth 1 | {gone}"
        fleet.on(self.host, f"rm {self.path}/filler; {take}; {put}; umount -l /run/full")


@dataclass(frozen=True)
class Corrupted(Harm):
    """A file of the store has other content than its name says, and the same length."""

    host: str

    @property
    def name(self) -> str:
        """Where."""
        return f"a corrupted store file on {self.host}"

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Turn the bytes of what every release of the drills shares: its package.json, which is "{}"."""
        digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        file = f"{STORE}/{digest[:2]}/{digest[2:]}"
        fleet.on(self.host, f"test $(stat -c %s {file}) = 2; printf '[]' > {file}")


@dataclass(frozen=True)
class Blinded(Harm):
    """No host resolves a name any more."""

    @property
    def name(self) -> str:
        """For all hosts."""
        return "DNS gone on every host"

    def strike(self, fleet: Fleet, command: Command) -> None:
        """A name server that does not exist (an address for documentation, RFC 5737)."""
        for host in fleet.addresses:
            fleet.on(host, "cp /etc/resolv.conf /run/resolv; echo nameserver 192.0.2.1 > /etc/resolv.conf")

    def heal(self, fleet: Fleet) -> None:
        """As it was."""
        for host in fleet.addresses:
            fleet.on(host, "cat /run/resolv > /etc/resolv.conf")


@dataclass(frozen=True)
class InstanceKilled(Harm):
    """kill -9 of one instance, as the kernel does it where memory runs out.

    The machines of CI have no memory controller (MemoryMax is not enforced there), so the kernel's part is played.
    """

    host: str
    new: bool

    @property
    def name(self) -> str:
        """Which."""
        return f"{'a new' if self.new else 'a live'} instance on {self.host} killed, as for memory"

    def strike(self, fleet: Fleet, command: Command) -> None:
        """Of the pool that is live by its marker, or of the other."""
        green = "green" in fleet.routes()
        port = 4101 if green != self.new else 4001
        fleet.on(self.host, f"systemctl kill --signal=KILL shop@{port}.service")

    @property
    def lost(self) -> tuple[str, ...]:
        """A live instance serves; a new one not yet."""
        return () if self.new else (self.host,)

    @property
    def lost_ports(self) -> tuple[int, ...]:
        """Its own: of either colour."""
        return (4001, 4101)
