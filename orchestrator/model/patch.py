"""What a host has to bring into force of Debian's updates, and what `vpsdeploy host patch` did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upgrade:
    """One package that has a newer version.

    Attributes:
        package: Debian's name.
        old: Version that is, or was, installed.
        new: Version that comes, or came.
        security: Whether it comes from Debian's security archive.
        restarts: The database or broker of the app that its package restarts; empty where none.
    """

    package: str
    old: str
    new: str
    security: bool
    restarts: str = ""


@dataclass(frozen=True, slots=True)
class HostUpdates:
    """What one host says.

    Attributes:
        name: Inventory name.
        pending: Packages that have a newer version.
        reboot_required: Whether an upgrade asked for a reboot.
        reboot_for: Packages that did.
        stale: Units that still run files which an upgrade has replaced.
        behind: Databases and brokers of the app among those units.
        boot: Names the run of the host since its last boot.
        state: systemd's own word for the whole host: running, degraded, starting …
    """

    name: str
    pending: tuple[Upgrade, ...]
    reboot_required: bool
    reboot_for: tuple[str, ...]
    stale: tuple[str, ...]
    boot: str
    state: str
    behind: tuple[str, ...] = ()

    def wanted(self, *, everything: bool) -> tuple[Upgrade, ...]:
        """The upgrades that are meant: security updates, or all."""
        return tuple(one for one in self.pending if one.security or everything)


@dataclass(frozen=True, slots=True)
class HostPatched:
    """What was done on one host.

    Attributes:
        name: Inventory name.
        upgraded: Packages that were brought to a newer version.
        drained: Whether it was taken out for it, and has joined again.
        restarted: Databases and brokers of the app on it that were.
        rebooted: Whether it was restarted.
        reboot_required: Whether it still waits for a reboot.
        stale: Units that still run replaced files.
        seconds: All of it.
    """

    name: str
    upgraded: tuple[Upgrade, ...]
    drained: bool
    restarted: tuple[str, ...]
    rebooted: bool
    reboot_required: bool
    stale: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Patched:
    """The result of `vpsdeploy host patch`.

    Attributes:
        stage: Its name.
        check: Whether nothing was to be changed.
        everything: Whether all updates were meant, not only those of security.
        seen: What each host said at the beginning, in the order of the inventory.
        hosts: Those that something was done on, in that order.
        held: By host the upgrades that were left out: they would restart one of those under the app.
        seconds: All of it.
        warnings: One sentence each.
    """

    stage: str
    check: bool
    everything: bool
    seen: tuple[HostUpdates, ...]
    hosts: tuple[HostPatched, ...]
    held: Mapping[str, tuple[Upgrade, ...]]
    seconds: float
    warnings: tuple[str, ...] = ()
