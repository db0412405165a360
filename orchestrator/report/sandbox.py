"""A sandbox as text and as JSON fields."""

from __future__ import annotations

from typing import Any

from orchestrator.model.sandbox import SandboxStatus


def fields(status: SandboxStatus) -> dict[str, Any]:
    """The fields of kind "sandbox" (docs/json.md)."""
    return {
        "name": status.name,
        "debian": status.debian,
        "running": status.running,
        "inventory": str(status.inventory),
        "key_file": str(status.key_file),
        "hosts": [
            {"name": host.name, "address": host.address, "groups": list(host.groups), "state": host.state}
            for host in status.hosts
        ],
    }


def text(status: SandboxStatus) -> str:
    """One line per host, then what to type to log in."""
    rows = [f"{h.name:<8} {h.address:<15} {h.state:<8} {', '.join(h.groups)}" for h in status.hosts]
    head = f"sandbox {status.name}, Debian {status.debian}, inventory {status.inventory}"
    login = f"log in: ssh -i {status.key_file} root@{status.hosts[0].address}" if status.hosts else ""
    return "\n".join([head, *rows, login]).rstrip()
