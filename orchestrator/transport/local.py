"""The controller itself: who runs us, and whether the process that took a lock still lives."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_START_TIME_FIELD = 22
"""Field number of starttime in /proc/<pid>/stat. Source: proc(5)."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock.

    Attributes:
        user: Login name.
        host: The controller's host name.
        pid: Process on the controller.
        pid_started: Its start in clock ticks since boot, as text: tells a reused pid apart.
        machine_id: Of the controller; /etc/machine-id with the boot's id, so that a reboot ends every process.
    """

    user: str
    host: str
    pid: int
    pid_started: str
    machine_id: str

    @property
    def by(self) -> str:
        """For people and for the history: user@controller."""
        return f"{self.user}@{self.host}"

    def as_dict(self) -> dict[str, Any]:
        """As the protocol wants it."""
        return asdict(self)


def this_process(proc: Path = Path("/proc")) -> Owner:
    """The owner that a lock of this process names."""
    return Owner(_user(), socket.gethostname(), os.getpid(), _started(proc, os.getpid()), _machine(proc))


def is_dead(owner: dict[str, Any], me: Owner, proc: Path = Path("/proc")) -> bool:
    """Whether a lock's owner ran on this machine and is gone; False where that cannot be known from here."""
    machine, _, boot = str(owner.get("machine_id", "")).partition("/")
    my_machine, _, my_boot = me.machine_id.partition("/")
    if not machine or machine != my_machine or owner.get("host") != me.host:
        return False
    started = _started(proc, int(owner.get("pid", 0)))
    return boot != my_boot or not started or started != owner.get("pid_started")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a CI container whose uid has no name
        return f"uid{os.getuid()}"


def _started(proc: Path, pid: int) -> str:
    try:
        text = (proc / str(pid) / "stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[_START_TIME_FIELD - 3]  # the name in parentheses may hold spaces


def _machine(proc: Path) -> str:
    machine = _read(Path("/etc/machine-id")) or socket.gethostname()
    return f"{machine}/{_read(proc / 'sys/kernel/random/boot_id')}"


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
