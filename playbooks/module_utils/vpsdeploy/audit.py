"""Compare this host with what its last converge asked for: every module call again, in check mode, in one process."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy import (
    accounts,
    entries,
    files,
    guard,
    kernel,
    packages,
    preflight,
    record,
    units,
)
from ansible.module_utils.vpsdeploy.host import Host, HostError
from ansible.module_utils.vpsdeploy.node_versions import NodeError

_SOURCE_SECONDS = 5
"""Longest silence of Node's source: where it cannot be reached, what is installed will do (our choice)."""

_OURSELVES = "/usr/local/bin/vpsdeploy-agent"
"""Whose start needs no check here: the agent audits."""

Records = dict[str, dict[str, Any]]


def run(directory: Path = record.DIRECTORY) -> dict[str, Any]:
    """Audit the host.

    Args:
        directory: Where the records are.
    Returns: `fingerprint`: of the last converge of the whole host, which begins with its preflight; empty where there
        was none. `recorded`: its calls that left a record. `differences`: what is not as they asked, one text each.
        `withheld`: settings that they asked for and that this host has no say in.
    """
    fingerprint, records = _last_converge(directory)
    found: list[str] = []
    withheld: list[str] = []
    for check in (_preflight, _node, _apply):
        host = Host(check_mode=True)
        try:
            found += check(records, host)
        except (HostError, NodeError, OSError) as error:
            found.append(str(error))
        withheld += host.withheld
    found += [f"the change of {name} waits for its confirmation" for name in guard.all_pending()]
    return {
        "fingerprint": fingerprint, "recorded": sorted(records), "differences": found, "withheld": withheld,
    }  # fmt: skip


def _last_converge(directory: Path) -> tuple[str, Records]:
    found = {path.stem: json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))}
    fingerprint = found["preflight"]["fingerprint"] if "preflight" in found else ""
    return fingerprint, {name: kept for name, kept in found.items() if kept["fingerprint"] == fingerprint}


def _of(records: Records, kind: str) -> list[dict[str, Any]]:
    return [kept["wanted"] for kept in records.values() if kept["kind"] == kind]


def _preflight(records: Records, _: Host) -> list[str]:
    return [finding for wanted in _of(records, "preflight") for finding in preflight.findings(wanted)]


def _node(records: Records, host: Host) -> list[str]:
    from ansible.module_utils.vpsdeploy import node

    for wanted in _of(records, "node"):
        node.converge({**wanted, "timeout_seconds": _SOURCE_SECONDS}, host)
    return host.changes


def _apply(records: Records, host: Host) -> list[str]:
    """All calls together: one question to dpkg and one to systemd."""
    calls = _of(records, "apply")
    packages.apply(host, [name for call in calls for name in call["packages"]], 0)
    accounts.apply(host, [account for call in calls for account in call["accounts"]])
    accounts.lock(host, [name for call in calls for name in call.get("locked", [])])
    for call in calls:
        kernel.apply(host, call.get("kernel_settings", {}))
        host.withheld += call.get("withheld", [])
    differing = [path for call in calls for path in _differing(call["paths"])]
    refused = [text for call in calls for text in _refusal(host, call["check"])]
    units.apply(host, [unit for call in calls for unit in call["units"]], [])
    return [*host.changes, *differing, *refused]


def _differing(paths: dict[str, dict[str, Any]]) -> Iterable[str]:
    return (path for path, wanted in paths.items() if record.described(entries.read(Path(path))) != wanted)


def _refusal(host: Host, check: list[str]) -> list[str]:
    if not check or check[0] == _OURSELVES:
        return []
    return [f"`{' '.join(check)}` fails"] if host.attempt(check, umask=files.CHECK_UMASK).returncode else []
