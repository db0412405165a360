"""What nginx on this host looks at beside the flip's marker: the sizes of the pools, and the app host that is out.

Each is an empty or small file whose name says it all: `instances/<app>_<colour>_<count>`, `without/<host>`.
"""

from __future__ import annotations

from typing import Any

from orchestrator.agent import durable, plain
from orchestrator.agent.layout import AppLayout


def sizes(app: AppLayout) -> dict[str, int]:
    """Instances that each pool has on an app host, as far as it was told (count by colour)."""
    names = (path.name.rsplit("_", 2) for path in app.sizes.glob(f"{app.name}_*_*"))
    return {colour: int(size) for _, colour, size in names if size.isdigit()}


def set_size(app: AppLayout, colour: str, instances: int) -> None:
    """Say how many instances a pool has. The new file first: there is no moment without any."""
    wanted = app.sizes / f"{app.name}_{colour}_{instances}"
    if list(app.sizes.glob(f"{app.name}_{colour}_*")) == [wanted]:
        return
    with plain.deciding(app):
        app.sizes.mkdir(mode=0o755, exist_ok=True)
        durable.write(wanted, b"")
        for other in app.sizes.glob(f"{app.name}_{colour}_*"):
            if other != wanted:
                durable.remove(other)


def out(app: AppLayout) -> dict[str, dict[str, Any]]:
    """App hosts that nginx sends nothing to, with who took them out and when."""
    found = {path.name: durable.read_json(path) for path in app.without.glob("[!.]*")}
    return {name: mark for name, mark in sorted(found.items()) if isinstance(mark, dict)}


def take_out(app: AppLayout, host: str, mark: dict[str, Any]) -> None:
    """Send nothing to an app host from the next request on."""
    with plain.deciding(app):
        app.without.mkdir(mode=0o755, exist_ok=True)
        durable.write_json(app.without / host, mark, 0o644)


def bring_back(app: AppLayout, host: str) -> None:
    """Send requests to an app host again."""
    with plain.deciding(app):
        durable.remove(app.without / host)
