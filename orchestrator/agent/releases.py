"""Releases on the disk. They are ordered by id, never by time of change."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import durable, settings
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.layout import AppLayout
from orchestrator.agent.request import RELEASE


def identifiers(app: AppLayout) -> list[str]:
    """Complete releases, oldest first."""
    if not app.releases.is_dir():
        return []
    return sorted(path.name for path in app.releases.iterdir() if RELEASE.fullmatch(path.name))


def summary(app: AppLayout, identifier: str) -> dict[str, Any]:
    """What `vpsdeploy releases` shows of a release: written when it was assembled, so that it is quick to read."""
    return {"id": identifier, **(durable.read_json(app.release(identifier) / "release.json") or {})}


def settings_of(app: AppLayout, identifier: str) -> settings.Settings:
    """The settings that a release runs with.

    Raises: ReleaseFailed: there is no such release.
    """
    raw = durable.read_json(app.release(identifier) / "settings.json")
    if raw is None:
        known = ", ".join(identifiers(app)) or "none"
        raise ReleaseFailed(f"release {identifier} is not on the host", why=f"releases here: {known}")
    return settings.parse(raw)


def environment(app: AppLayout, identifier: str, values: settings.Settings, port: int) -> dict[str, str]:
    """The environment of one process of a release."""
    ours = {
        "PORT": str(port),
        "VPSDEPLOY_RELEASE": identifier,
        "VPSDEPLOY_REVISION": str(summary(app, identifier).get("revision", "")),
    }
    # The main.ts that `nest generate app` writes reads process.env.port; PORT alone would leave it on port 3000.
    also = {"port": values.env.get("port", str(port))}
    return {"NODE_ENV": "production", **values.env, **ours, **also}
