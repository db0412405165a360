"""What a host says about its updates: parse(answer) -> HostUpdates. Pure."""

from __future__ import annotations

from typing import Any

from orchestrator.model.patch import HostUpdates, Upgrade


def parse(name: str, answer: dict[str, Any]) -> HostUpdates:
    """The answer of the verb `updates`."""
    return HostUpdates(
        name=name, pending=upgrades(answer["pending"]), reboot_required=bool(answer["reboot_required"]),
        reboot_for=tuple(answer["reboot_for"]), stale=tuple(answer["stale"]), boot=str(answer["boot"]),
        state=str(answer["state"]),
        behind=tuple(answer["behind"]),
    )  # fmt: skip


def upgrades(told: list[dict[str, Any]]) -> tuple[Upgrade, ...]:
    """Packages with their versions."""
    return tuple(
        Upgrade(one["package"], one["from"], one["to"], bool(one["security"]), str(one["restarts"]))
        for one in told
    )
