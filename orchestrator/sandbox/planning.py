"""Decide what a sandbox should consist of, out of what is asked for and what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from orchestrator.errors import SandboxError
from orchestrator.sandbox import network
from orchestrator.sandbox.record import HostRecord, Record
from orchestrator.sandbox.spec import DEFAULT_DEBIAN, SandboxSpec, host_names


def stage_dir(spec: SandboxSpec, project_dir: Path) -> Path:
    """Where the stage's files go."""
    return (spec.inventory_dir or project_dir / "inventories" / spec.name).absolute()


def debian_of(spec: SandboxSpec, old: Record | None) -> int:
    """The Debian version of the sandbox.

    Raises: SandboxError: Its hosts run another one than is asked for.
    """
    if old and old.hosts and spec.debian not in (None, old.debian):
        why = f"its hosts run Debian {old.debian}, asked for is {spec.debian}"
        next_step = f"vpsdeploy sandbox down --name {spec.name}, or another --name"
        raise SandboxError(
            f"sandbox {spec.name} is of another Debian", why=why, state="nothing was changed", next=next_step
        )
    return spec.debian or (old.debian if old else DEFAULT_DEBIAN)


def wanted_names(spec: SandboxSpec, old: Record | None) -> tuple[str, ...]:
    """Names asked for; a number that is not given stays as it is."""
    before = old.host_names if old else ()
    loadbalancers = sum(name.startswith("lb-") for name in before)
    hosts = len(before) - loadbalancers
    return host_names(
        (hosts or 1) if spec.hosts is None else spec.hosts,
        loadbalancers if spec.loadbalancers is None else spec.loadbalancers,
    )


def extra_names(spec: SandboxSpec, old: Record | None) -> tuple[str, ...]:
    """Recorded hosts that are not asked for."""
    wanted = wanted_names(spec, old)
    return tuple(name for name in (old.host_names if old else ()) if name not in wanted)


def final_names(spec: SandboxSpec, old: Record | None) -> tuple[str, ...]:
    """Names that the sandbox has in the end: those asked for and those kept, in a fixed order."""
    kept = () if spec.remove_extra else extra_names(spec, old)
    return tuple(sorted((*wanted_names(spec, old), *kept), key=_order))


def hosts_of(
    spec: SandboxSpec, old: Record | None, existing: Collection[str], *, subnet: str, image: str
) -> tuple[HostRecord, ...]:
    """The hosts to be recorded before any is made.

    Args:
        spec: What is asked for.
        old: What was recorded before.
        existing: Names of hosts that have a container: they keep their image.
        subnet: The sandbox's.
        image: What the other hosts are made from.
    """
    known = {host.name: host for host in old.hosts} if old else {}

    def host_of(name: str) -> HostRecord:
        if name not in known:
            return HostRecord(name, network.address(subnet, name), image, dict(spec.tmpfs))
        return known[name] if name in existing else replace(known[name], image=image)

    return tuple(host_of(name) for name in final_names(spec, old))


def _order(name: str) -> tuple[str, int]:
    kind, _, number = name.rpartition("-")
    return kind, int(number)
