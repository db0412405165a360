"""The app's lock on this host: who releases. It runs out unless verbs keep renewing it.

When the lease was renewed last is the modification time of the lock file: renewing costs no write.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.failures import LockHeld


def read(path: Path) -> dict[str, Any] | None:
    """The lock as it is on disk, also one whose lease has run out; None where nobody holds it."""
    lock = durable.read_json(path)
    return lock if isinstance(lock, dict) else None


def describe(path: Path) -> dict[str, Any] | None:
    """The lock as others may see it: everything but the token."""
    lock = read(path)
    if lock is None:
        return None
    try:
        renewed = path.stat().st_mtime
    except FileNotFoundError:  # given back since it was read
        return None
    left = renewed + lock["lease_seconds"] - time.time()
    shown = {name: lock[name] for name in ("owner", "message", "taken_at", "lease_seconds")}
    return {
        **shown,
        "age_seconds": round(time.time() - lock["taken_at"], 1),
        "lease_left_seconds": round(left, 1),
    }


def take(
    path: Path, owner: dict[str, Any], message: str, lease_seconds: float, dead: dict[str, Any] | None = None
) -> tuple[str, dict[str, Any] | None]:
    """Take the lock; the same owner gets the same token again.

    From `dead`, an owner that the caller knows to be gone, it is taken over; not from who was quicker.

    Returns: The token, and the lock that was taken over, because its lease had run out or its owner is gone.
    Raises: LockHeld: somebody else holds it.
    """
    lock, shown = read(path), describe(path)
    if lock and shown and lock["owner"] == owner:
        os.utime(path)
        return lock["token"], None
    if shown and shown["lease_left_seconds"] > 0 and shown["owner"] != dead:
        raise held_by(shown)
    token = os.urandom(16).hex()
    fields = {"owner": owner, "message": message, "taken_at": time.time(), "lease_seconds": lease_seconds}
    durable.write_json(path, {"token": token, **fields})
    return token, shown


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


def held_by(shown: dict[str, Any]) -> LockHeld:
    """The error for one who does not hold the lock."""
    owner = shown.get("owner", {})
    who = f"{owner.get('user', '?')}@{owner.get('host', '?')}"
    why = f"{who} holds the lock for {shown.get('age_seconds', 0):.0f} s: {shown.get('message', '')}"
    return LockHeld("another release is running", why=why, next="wait until it has ended", **shown)
