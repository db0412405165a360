"""Which pools should run on this host, with what, and which of them is live."""

from __future__ import annotations

from typing import Any, NamedTuple

from orchestrator.agent import durable, history, plain
from orchestrator.agent.layout import AppLayout

_GREEN_OFFSET = 100
_LOOK_BACK = 10_000
"""Confirmations to look through for the one that made the current release live; the last one usually (count)."""
RUNNING, DRAINING = "running", "draining"


class Pool(NamedTuple):
    """One pool as pools.json has it; `deadline` is the end of its drain (seconds since the epoch, 0: no drain)."""

    release: str
    ports: tuple[int, ...]
    state: str = RUNNING
    deadline: float = 0.0


def ports_of(base: int, colour: str, instances: int) -> tuple[int, ...]:
    """The ports of a pool (the same rule as the controller's model/pool.py)."""
    first = base + 1 + (_GREEN_OFFSET if colour == "green" else 0)
    return tuple(range(first, first + instances))


def other(colour: str) -> str:
    """The other pool."""
    return "blue" if colour == "green" else "green"


def live(app: AppLayout) -> str | None:
    """The colour that nginx on this host sends requests to; None where it has no route for the app.

    A host that was a load balancer once may have kept its files: what it was provisioned as counts.
    """
    roles = (durable.read_json(app.facts_file) or {}).get("roles", ["loadbalancer"])
    if not app.routes.is_dir() or "loadbalancer" not in roles:
        return None
    return "green" if app.green_marker.exists() else "blue"


def is_routed(app: AppLayout, colour: str) -> bool:
    """Whether nginx on this host sends requests to a pool: all of them, or a canary's share."""
    pending = durable.read_json(app.pending_file) or {}
    return live(app) == colour or (app.routes.is_dir() and pending.get("to") == colour)


def make_live(app: AppLayout, colour: str) -> None:
    """Switch nginx to a pool: there is a marker, or there is none.

    It is put aside and not removed: the way back must need no room on a disk that is full by then.
    """
    marker, aside = app.green_marker, app.routes / ".green"
    with plain.deciding(app):
        if colour == "blue" and marker.exists():
            marker.replace(aside)
        elif colour == "green" and not marker.exists():
            if not aside.exists():
                aside.touch(mode=0o644)
            aside.replace(marker)
        durable.sync_directory(app.routes)


def read(app: AppLayout) -> dict[str, Pool | None]:
    """Both pools."""
    raw = durable.read_json(app.pools_file) or {}
    return {colour: _pool(raw.get(colour)) for colour in ("blue", "green")}


def write(app: AppLayout, colour: str, pool: Pool | None) -> None:
    """Put one pool on record, durably."""
    pools = {**read(app), colour: pool}
    durable.write_json(app.pools_file, {name: pool and pool._asdict() for name, pool in pools.items()})


def is_served(app: AppLayout, colour: str) -> bool:
    """Whether stopping a pool would hit users.

    A host without a route cannot know which pool is live; what was confirmed last is. Where there is a route, blue is
    live by default, so before a first confirm that alone says nothing.
    """
    pool, routed = read(app)[colour], live(app)
    if pool is None or not (routed is None or is_routed(app, colour)):
        return False
    if routed is None:
        return pool.state == RUNNING and pool.release == current(app)
    return colour == "green" or current(app) is not None or app.pending_file.exists()


def current(app: AppLayout) -> str | None:
    """The release that was confirmed last; None before the first."""
    return app.current.readlink().name if app.current.is_symlink() else None


def previous(app: AppLayout) -> str | None:
    """The release that was live before the current one: what a rollback goes back to."""
    now = current(app)
    confirmed = history.last(app.history_file, _LOOK_BACK, ("confirm",))
    older = [line.get("from") for line in confirmed if line.get("to") == now and line.get("from") != now]
    return older[-1] if older else None


def _pool(raw: Any) -> Pool | None:
    return Pool(raw["release"], tuple(raw["ports"]), raw["state"], raw.get("deadline", 0.0)) if raw else None
