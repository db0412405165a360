"""What one instance runs: its slot and its unit's drop-in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.agent import durable, envfile, releases
from orchestrator.agent.layout import AppLayout
from orchestrator.agent.settings import Settings

_HIGH_SHARE = 0.8
"""Part of MemoryMax from which the kernel slows the instance down instead of killing it."""


def write(app: AppLayout, identifier: str, values: Settings, ports: Sequence[int]) -> bool:
    """Point slots at a release. Returns: whether systemd has to read its units again."""
    changed = [_write_slot(app, identifier, values, port) for port in ports]
    durable.sync_filesystems(app.slots, app.host.units)
    return any(changed)


def limit_lines(values: Settings) -> list[str]:
    """The release's limits as properties of a unit."""
    lines = [f"TimeoutStopSec={values.stop_timeout_seconds}"]
    if values.memory_bytes:
        lines += [f"MemoryMax={values.memory_bytes}", f"MemoryHigh={int(values.memory_bytes * _HIGH_SHARE)}"]
    if values.cpu:
        lines += [f"CPUQuota={values.cpu}"]
    return lines


def drop_in_text(app: AppLayout, values: Settings) -> str:
    """The drop-in: the same for each slot of a release."""
    program = f"/srv/{app.name}/slots/%i/release/node/bin/node"
    exec_lines = ["ExecStart=", f"ExecStart={program} --enable-source-maps {values.entry}"]
    return "\n".join(["# Written by vpsdeploy-agent.", "[Service]", *exec_lines, *limit_lines(values), ""])


def _write_slot(app: AppLayout, identifier: str, values: Settings, port: int) -> bool:
    slot, drop_in = app.slot(port), app.drop_in(port)
    slot.mkdir(mode=0o755, parents=True, exist_ok=True)
    variables = releases.environment(app, identifier, values, port)
    durable.write(slot / "env", envfile.encode(variables), 0o600, sync=False)
    durable.link(slot / "release", f"../../releases/{identifier}", sync=False)
    return _write_if_other(drop_in, drop_in_text(app, values).encode())


def _write_if_other(path: Path, content: bytes) -> bool:
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(mode=0o755, exist_ok=True)
    durable.write(path, content, sync=False)
    return True
