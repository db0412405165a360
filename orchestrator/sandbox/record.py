"""What was made for a sandbox, written down before it is made: so that `down` finds it whatever happened in between."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from orchestrator.errors import SandboxError
from orchestrator.sandbox.state import StateDir


@dataclass(frozen=True, slots=True)
class HostRecord:
    """One host: its address, the image it is made from and its file systems in memory."""

    name: str
    address: str
    image: str
    tmpfs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One sandbox: its subnet, its Debian, where its stage was written, its hosts."""

    name: str
    debian: int
    subnet: str
    inventory_dir: str
    hosts: tuple[HostRecord, ...] = ()

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names in the order of the record."""
        return tuple(host.name for host in self.hosts)


def load(state: StateDir, name: str) -> Record | None:
    """Read a sandbox's record; None where there is none."""
    path = _path(state, name)
    try:
        found = json.loads(path.read_text("utf-8"))
        hosts = tuple(HostRecord(**host) for host in found.pop("hosts"))
        return Record(**found, hosts=hosts)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as broken:
        next_step = f"vpsdeploy sandbox down --name {name}"
        raise SandboxError(
            f"the record of sandbox {name} cannot be read", why=f"{path}: {broken}", next=next_step
        ) from broken


def save(state: StateDir, record: Record) -> None:
    """Write a record, whole or not at all."""
    path = _path(state, record.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(asdict(record), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def subnets(state: StateDir) -> tuple[str, ...]:
    """Subnets of all sandboxes, also of those whose hosts are stopped."""
    records = (load(state, name) for name in state.names())
    return tuple(record.subnet for record in records if record)


def _path(state: StateDir, name: str) -> Path:
    return state.sandbox(name) / "record.json"
