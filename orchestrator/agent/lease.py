"""The app's lock on this host: who changes it.

Two kinds. A release's lock has a lease: it runs out unless verbs keep renewing it, so that a dead controller holds
nothing. A person's lock (`manual`) has none: it outlives the command that took it and every reboot, and nothing but
`unlock` ends it.

When a lease was renewed last is the modification time of the lock file: renewing costs no write.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import durable
from orchestrator.agent.failures import LockHeld

Json = dict[str, Any]


class Wish(NamedTuple):
    """Who wants the lock, why and how long.

    Attributes:
        owner: Process of a controller: user, host, pid and more; of a manual lock only user and host matter.
        message: What for.
        lease_seconds: How long it outlives its last renewal; without meaning for a manual lock.
        manual: Whether a person holds it until `unlock`.
    """

    owner: Json
    message: str
    lease_seconds: float
    manual: bool = False


def read(path: Path) -> Json | None:
    """The lock as it is on disk, also one whose lease has run out; None where nobody holds it."""
    lock = durable.read_json(path)
    return lock if isinstance(lock, dict) else None


def describe(path: Path) -> Json | None:
    """The lock as others may see it: everything but the token."""
    lock = read(path)
    if lock is None:
        return None
    try:
        renewed = path.stat().st_mtime
    except FileNotFoundError:  # given back since it was read
        return None
    manual = lock.get("manual", False)
    left = renewed + lock["lease_seconds"] - time.time()
    shown = {name: lock[name] for name in ("owner", "message", "taken_at", "lease_seconds")}
    return {
        **shown,
        "manual": manual,
        "age_seconds": round(time.time() - lock["taken_at"], 1),
        "lease_left_seconds": None if manual else round(left, 1),
    }


def is_stale(shown: Json, dead: Json | None) -> bool:
    """Whether nobody holds a lock any more: its lease has run out, or its owner is known to be gone."""
    return not shown["manual"] and (shown["lease_left_seconds"] <= 0 or shown["owner"] == dead)


def take(path: Path, wish: Wish, dead: Json | None = None) -> tuple[str, Json | None]:
    """Take the lock; the same owner gets the same token again.

    From `dead`, an owner that the caller knows to be gone, it is taken over; not from who was quicker.

    Returns: The token, and the lock that was there before: taken over as it was stale, or the same person's.
    Raises: LockHeld: somebody else holds it.
    """
    check_free(path, wish, dead)
    shown = describe(path)
    mine = read(path) if is_ours(path, wish) else None
    if mine and not wish.manual:
        os.utime(path)
        return mine["token"], None
    fresh: Json = {"token": os.urandom(16).hex(), "taken_at": time.time()}
    kept = {name: mine[name] for name in fresh} if mine else fresh
    durable.write_json(path, {**kept, **wish._asdict()})
    return kept["token"], shown


def check_free(path: Path, wish: Wish, dead: Json | None = None) -> None:
    """Whether the lock can be taken.

    Raises: LockHeld: somebody else holds it.
    """
    shown = describe(path)
    if shown and not is_ours(path, wish) and not is_stale(shown, dead):
        raise held_by(shown)


def is_ours(path: Path, wish: Wish) -> bool:
    """Whether the one who asks holds the lock: a process is known by all of its marks, a person by name."""
    lock = read(path)
    if lock is None or lock.get("manual", False) != wish.manual:
        return False
    return person(lock["owner"]) == person(wish.owner) if wish.manual else bool(lock["owner"] == wish.owner)


def renew(path: Path, token: str) -> None:
    """Prove that the caller holds the lock, and renew its lease.

    Raises: LockHeld: nobody holds it, or somebody else.
    """
    lock = read(path)
    if lock is None:
        raise LockHeld("the lock is not held", why="it was released, or another controller took it over")
    if lock["token"] != token:  # no secret from those who may call us: who has no token can unlock by force
        raise held_by(describe(path) or {})
    os.utime(path)


def person(owner: Json) -> str:
    """Who an owner is, for people: user@controller."""
    return f"{owner.get('user', '?')}@{owner.get('host', '?')}"


def held_by(shown: Json) -> LockHeld:
    """The error for one who does not hold the lock."""
    who, message = person(shown.get("owner", {})), shown.get("message", "")
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(shown.get("taken_at", 0)))
    why = f"{who} holds the lock since {since} ({shown.get('age_seconds', 0):.0f} s): {message}"
    if shown.get("manual"):
        advice = (
            f"vpsdeploy unlock, if you are {who}; otherwise ask, or end it with: vpsdeploy unlock --force"
        )
        return LockHeld("the app is locked", why=why, next=advice, **shown)
    return LockHeld(
        "another release is running",
        why=why,
        next="wait until it has ended, or let the command wait with --wait SECONDS",
        **shown,
    )
