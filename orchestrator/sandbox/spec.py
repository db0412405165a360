"""What is asked for and what there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.model.fleet import GROUP_APP, GROUP_LOADBALANCER
from orchestrator.model.sandbox import HostStatus, SandboxStatus

__all__ = ["HostStatus", "SandboxSpec", "SandboxStatus", "check_name", "groups_of", "host_names"]

SUITES: Mapping[int, str] = {12: "bookworm", 13: "trixie"}
DEFAULT_DEBIAN = 13
DEFAULT_NAME = "sandbox"
MAX_HOSTS, MAX_LOADBALANCERS = 100, 20
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """One sandbox as it is asked for.

    Attributes:
        name: The sandbox and its stage; several stand side by side.
        hosts: App hosts; None keeps what there is (1 where there is nothing).
        loadbalancers: Hosts of their own for nginx; with 0 the first app host is the load balancer. None keeps what
            there is.
        debian: 12 or 13; None keeps what there is (13 where there is nothing).
        remove_extra: Remove hosts beyond the numbers asked for. Otherwise they are kept: a number never destroys.
        tmpfs: Path to size ("64m") of small file systems in memory, on hosts made from now on (to test full disks).
        inventory_dir: Where the stage's files go; None is inventories/<name> of the project.
    """

    name: str = DEFAULT_NAME
    hosts: int | None = None
    loadbalancers: int | None = None
    debian: int | None = None
    remove_extra: bool = False
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    inventory_dir: Path | None = None

    def check(self) -> None:
        """Refuse what cannot be made.

        Raises: UsageError: Saying the value seen and what is allowed.
        """
        check_name(self.name)
        _within("hosts", self.hosts, 1, MAX_HOSTS)
        _within("loadbalancers", self.loadbalancers, 0, MAX_LOADBALANCERS)
        if self.debian is not None and self.debian not in SUITES:
            raise UsageError(
                f"Debian {self.debian} is not supported in the sandbox", next="--debian 12 or --debian 13"
            )


def check_name(name: str) -> None:
    """Refuse a name that cannot be a folder, a label and part of a container's name.

    Raises: UsageError
    """
    if not _NAME.fullmatch(name):
        why = "allowed: a letter, then letters, digits and hyphens, all lower case, at most 31"
        raise UsageError(f'"{name}" cannot name a sandbox', why=why)


def host_names(hosts: int, loadbalancers: int) -> tuple[str, ...]:
    """lb-1..M, then web-1..N."""
    return (*(f"lb-{n}" for n in range(1, loadbalancers + 1)), *(f"web-{n}" for n in range(1, hosts + 1)))


def groups_of(name: str, all_names: tuple[str, ...]) -> tuple[str, ...]:
    """The inventory groups of one host: without hosts of their own, the first app host is the load balancer too."""
    if name.startswith("lb-"):
        return (GROUP_LOADBALANCER,)
    alone = not any(other.startswith("lb-") for other in all_names)
    return (GROUP_APP, GROUP_LOADBALANCER) if alone and name == "web-1" else (GROUP_APP,)


def _within(what: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise UsageError(f"{value} {what} cannot be made", why=f"allowed: {low} to {high}")
