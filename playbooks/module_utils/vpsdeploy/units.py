"""systemd units: enabled, started, and reloaded or restarted when a file that they read has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy.host import Host

OWED = Path("/run/vpsdeploy/owed")
"""Reloads that are owed: written before the files change, removed when done, so that a lost connection in between
cannot swallow one. Gone after a reboot, as is the need."""

_PROPERTIES = (
    "Id,LoadState,UnitFileState,ActiveState,NeedDaemonReload,ConditionResult,ConditionTimestampMonotonic"
)
_READ_BY_SYSTEMD = ("/etc/systemd/system/", "/etc/systemd/system.conf.d/")
_RUNNING = ("active", "activating", "reloading")


def owe(host: Host, units: list[dict[str, Any]], paths: list[str]) -> list[Path]:
    """Note which units must be reloaded or restarted for these changed paths; the notes that are new."""
    if host.check_mode:
        return []
    notes = []
    for unit in units:
        action = _action(unit, paths)
        note = OWED / unit["name"]
        if action and not note.exists():
            OWED.mkdir(parents=True, exist_ok=True)
            note.write_text(action)
            notes.append(note)
    return notes


def apply(host: Host, units: list[dict[str, Any]], paths: list[str]) -> None:
    """Bring the units to the state asked for.

    A unit whose own conditions keep it from running here (time synchronisation in a container) counts as started:
    it is enabled, systemd was asked, and it says no.
    """
    unit_files = any(path.startswith(_READ_BY_SYSTEMD) for path in paths)
    states = _show(host, [unit["name"] for unit in units])
    if unit_files or any(state["NeedDaemonReload"] == "yes" for state in states.values()):
        host.changed("systemd: daemon-reload")
        if not host.check_mode:
            host.run(["systemctl", "daemon-reload"])
            states = _show(host, [unit["name"] for unit in units])
    for unit in units:
        _enable(host, unit, states[unit["name"]])
        _start(host, unit, states[unit["name"]], _action(unit, paths))


def _show(host: Host, names: list[str]) -> dict[str, dict[str, str]]:
    """The properties of all units in one call, by the name asked for."""
    if not names:
        return {}
    text = host.run(["systemctl", "show", f"--property={_PROPERTIES}", "--", *names])
    blocks = [block for block in text.split("\n\n") if block.strip()]
    states = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    return dict(zip(names, states, strict=True))


def _enable(host: Host, unit: dict[str, Any], state: dict[str, str]) -> None:
    if unit["enabled"] is None:
        return
    is_enabled = state.get("UnitFileState") in ("enabled", "enabled-runtime", "alias", "static", "indirect")
    if unit["enabled"] != is_enabled:
        verb = "enable" if unit["enabled"] else "disable"
        host.changed(f"{unit['name']}: {verb}")
        if not host.check_mode:
            host.run(["systemctl", "--quiet", verb, unit["name"]])


def _start(host: Host, unit: dict[str, Any], state: dict[str, str], action: str) -> None:
    name, wanted = unit["name"], unit["state"]
    note = OWED / name
    owed = action or (note.read_text() if note.exists() else "")
    running = state["ActiveState"] in _RUNNING
    refused = state["ConditionResult"] == "no" and state["ConditionTimestampMonotonic"] != "0"
    if wanted == "stopped":
        if running:
            _do(host, "stop", name)
    elif wanted == "started" and not running and not (refused and not owed):
        _do(host, "start", name)
    elif owed and running:
        _do(host, owed, name)
    if not host.check_mode:
        note.unlink(missing_ok=True)


def _do(host: Host, verb: str, name: str) -> None:
    host.changed(f"{name}: {verb}")
    if not host.check_mode:
        host.run(["systemctl", verb, name], timeout_seconds=120)


def _action(unit: dict[str, Any], paths: list[str]) -> str:
    """The verb that these changed paths ask of the unit; a path that ends in a slash stands for all below it."""

    def hit(patterns: list[str]) -> bool:
        return any(
            path == pattern or (pattern.endswith("/") and path.startswith(pattern))
            for path in paths
            for pattern in patterns
        )

    if hit(unit["restart_on"]) and not _serves(unit):
        return "restart"
    return "reload" if hit(unit["reload_on"]) else ""


def _serves(unit: dict[str, Any]) -> bool:
    """Whether users would notice a restart."""
    pattern = unit.get("serving", "").lstrip("/")
    return bool(pattern) and any(Path("/").glob(pattern))
