"""What `vpsdeploy lock` and `unlock` show, and how `status` tells of a lock."""

from __future__ import annotations

from typing import Any

from orchestrator.model.lock import Locked, Unlocked
from orchestrator.report import table


def locked_text(locked: Locked) -> str:
    """For people."""
    again = f" (you had locked {', '.join(locked.again)} before)" if locked.again else ""
    return (
        f"locked: {locked.app} on {', '.join(locked.hosts)}{again}: {locked.message}\nuntil: vpsdeploy unlock"
    )


def locked_fields(locked: Locked) -> dict[str, Any]:
    """For programs (kind "lock")."""
    return {
        "app": locked.app, "stage": locked.stage, "by": locked.by, "message": locked.message,
        "hosts": list(locked.hosts), "again": list(locked.again),
    }  # fmt: skip


def unlocked_text(unlocked: Unlocked) -> str:
    """For people."""
    held = {host: lock for host, lock in unlocked.was.items() if lock}
    if not held:
        return "nobody held the lock"
    return "\n".join(f"unlocked {host}: {holder(lock)}" for host, lock in held.items())


def unlocked_fields(unlocked: Unlocked) -> dict[str, Any]:
    """For programs (kind "unlock")."""
    return {
        "app": unlocked.app, "stage": unlocked.stage,
        "hosts": [{"name": host, "was": lock} for host, lock in unlocked.was.items()],
    }  # fmt: skip


def holder(lock: dict[str, Any]) -> str:
    """Who holds a lock, since when and why, and how it ends."""
    owner, left = lock["owner"], lock.get("lease_left_seconds")
    who = f"{owner.get('user', '?')}@{owner.get('host', '?')}"
    end = ""
    if lock.get("manual"):
        end = "; until vpsdeploy unlock"
    elif left is not None and left <= 0:
        end = "; stale: the next command takes it over"
    return f"{who} for {table.duration(lock.get('age_seconds', 0))}: {lock['message']}{end}"
