"""Debian's updates: which wait for this host, and installing them. Asked through apt-get alone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.programs import Finished
from orchestrator.agent.systemd import Systemd

UNIT = "vpsdeploy-upgrade"
"""Runs an upgrade: it goes on where we are killed midway, as an upgrade of systemd or Python may do to us."""

_SECURITY = re.compile(r"(^|[ ,])Debian-Security:")
_INSTALL = re.compile(r"Inst (\S+) \[(\S+)\] \((\S+) ([^\[)]*)")
"""What would be upgraded, as `apt-get --simulate` prints it: name, version that is there, version that comes, where
from by label. What is new has no version in brackets: it comes with what needs it.
Source: apt, cmdline/apt-get.cc and apt-pkg/algorithms.cc."""

_APT = ("apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0")
_PLAIN = ("env", "LC_ALL=C.UTF-8")
_STRICT = ("-o", "APT::Update::Error-Mode=any")
"""A mirror that does not answer is a mere warning to apt otherwise: it keeps the old lists, in which nothing waits.
Source: apt-get(8), update --error-on=any; apt 2.1 and later."""

_KEEP_FILES = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
_TAIL_LINES = 15
_LOCK_WAIT_SECONDS = 120.0
_LOCK_PAUSE_SECONDS = 3.0


class Upgrade(NamedTuple):
    """One package that has a newer version.

    Attributes:
        package: Name, with the architecture where it is a foreign one.
        old: Version that is installed.
        new: Version that comes.
        security: Whether it comes from Debian's security archive.
    """

    package: str
    old: str
    new: str
    security: bool

    def told(self) -> dict[str, Any]:
        """For the controller."""
        return {"package": self.package, "from": self.old, "to": self.new, "security": self.security}


def refresh(systemd: Systemd) -> None:
    """Fetch the package lists; waits for another apt.

    Raises: HostNotReady: the mirror cannot be reached, or apt's configuration is wrong.
    """
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while (done := systemd.program([*_PLAIN, *_APT, *_STRICT, "update"])).code != 0:
        if "Could not get lock" not in done.errors or time.monotonic() > deadline:
            raise HostNotReady(
                "the package lists cannot be fetched", why=_tail(done), state="nothing was upgraded",
                next="see that the host reaches its package mirror (/etc/apt/sources.list.d)",
            )  # fmt: skip
        time.sleep(_LOCK_PAUSE_SECONDS)


def pending(systemd: Systemd) -> tuple[Upgrade, ...]:
    """Every package that has a newer version, by name.

    Raises: HostNotReady: apt cannot tell.
    """
    done = systemd.program([*_APT, "-o", "Debug::NoLocking=1", "--simulate", "--with-new-pkgs", "upgrade"])
    if done.code != 0:
        raise HostNotReady("apt cannot say what is to be upgraded", why=_tail(done))
    return tuple(sorted(parse(done.output)))


def parse(simulated: str) -> Iterator[Upgrade]:
    """The upgrades in the output of a simulation."""
    for found in map(_INSTALL.match, simulated.splitlines()):
        if found:
            package, old, new, origins = found.groups()
            yield Upgrade(package, old, new, bool(_SECURITY.search(origins)))


def install(systemd: Systemd, wanted: Sequence[Upgrade]) -> None:
    """Bring packages to these versions, in one transaction; what an interrupted dpkg left is finished first.

    Raises: HostNotReady: an upgrade runs already, or apt failed; its last lines are in the error.
    """
    if systemd.active(f"{UNIT}.service"):
        raise HostNotReady(
            "an upgrade is running", why=f"{UNIT}.service of an earlier command has not ended",
            state="nothing else was begun", next=f"wait for it (journalctl -u {UNIT}), then run the command again",
        )  # fmt: skip
    names = [f"{one.package}={one.new}" for one in wanted]
    apt = [*_APT, *_KEEP_FILES, "--no-install-recommends", "--only-upgrade", "install", *names]
    # A package that is broken must not keep its own mended version away. Two dollars: systemd fills in what has one.
    script = 'dpkg --configure --pending; exec "$$@"'
    options = ["--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LC_ALL=C.UTF-8"]
    done = systemd.run_to_end(UNIT, ["/bin/sh", "-c", script, "sh", *apt], options)
    if done.code != 0:
        raise HostNotReady(
            "the updates cannot be installed", why=_tail(done), state="what dpkg had done stays",
            next="put that right on the host (apt-get --fix-broken install), then run the command again",
        )  # fmt: skip


def _tail(done: Finished) -> str:
    said = done.errors.strip() or done.output.strip() or f"it ended with {done.code} and said nothing"
    return "\n".join(said.splitlines()[-_TAIL_LINES:])
