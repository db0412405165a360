"""A sandbox as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host of a sandbox. state: running, stopped or missing."""

    name: str
    address: str
    groups: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """A sandbox as it is now."""

    name: str
    debian: int
    subnet: str
    inventory: Path
    known_hosts: Path
    key_file: Path
    hosts: tuple[HostStatus, ...]

    @property
    def running(self) -> bool:
        """Whether every host runs."""
        return bool(self.hosts) and all(host.state == "running" for host in self.hosts)
