"""What a release carries besides its files: env, limits, ports, health (docs/internals.md, Release settings). Pure."""

from __future__ import annotations

from typing import Any

from orchestrator.config import AppConfig

STOP_TIMEOUT_SECONDS = 30
"""How long an instance has after SIGTERM before it is killed (the unit's own default)."""


def of(config: AppConfig, entry: str, node: str) -> dict[str, Any]:
    """The settings of a release of this configuration."""
    return {
        "node": node,
        "entry": entry,
        "env": dict(config.env),
        "instances": config.instances,
        "port": config.port,
        "health": {
            "path": config.health.path,
            "timeout_seconds": config.health.timeout_seconds,
            "interval_seconds": config.health.interval_seconds,
        },
        "limits": {"memory": config.limits.memory, "cpu": config.limits.cpu},
        "stop_timeout_seconds": STOP_TIMEOUT_SECONDS,
        "shared": list(config.shared),
    }
