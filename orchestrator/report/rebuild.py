"""What `vpsdeploy host rebuild` shows."""

from __future__ import annotations

from typing import Any

from orchestrator.model.rebuild import Chosen, Rebuilt, Way
from orchestrator.report import table

_WAYS = {
    Way.BACKUP: "out of the backup: the same files, nothing was built",
    Way.BUILD: "built again from its commit",
    Way.FLEET: "from the other hosts, which serve it",
    Way.NONE: "none: the host serves no users, or nothing was released",
}


def text(done: Rebuilt) -> str:
    """For people: what is back, how old the data are, how long each part took."""
    rows = [(part.name, table.duration(part.seconds), part.note) for part in done.parts]
    lines = [
        f"{done.host} is at {done.address} now"
        + (f" (before: {done.before})" if done.before != done.address else ""),
        _data(done.backup),
        *(f"  {line}" for line in done.restored),
        *(f"kept: {line}" for line in done.kept),
        f"release: {done.release or '-'} ({_WAYS[done.way]})",
    ]
    lines += [f"certificate: {', '.join(done.certificate)}"] if done.certificate else []
    lines += [f"open: {done.url}"] if done.url else []
    lines += ["", table.render(("part", "took", ""), rows), ""]
    lines += [f"note: {note}" for note in done.notes]
    after = "vpsdeploy backup now, then vpsdeploy backup drill" if done.backup else "vpsdeploy status"
    return "\n".join([*lines, f"took {table.duration(done.seconds)}", f"now: {after}"])


def _data(one: Chosen | None) -> str:
    if one is None:
        return "data: the host keeps none; no backup was needed"
    return f"data: of {one.time}, {table.duration(one.age_seconds)} old ({one.target}:{one.snapshot})"


def fields(done: Rebuilt) -> dict[str, Any]:
    """For programs (kind "host_rebuild")."""
    return {
        "stage": done.stage, "host": done.host, "address": done.address, "before": done.before,
        "backup": _backup(done.backup), "way": done.way.value, "release": done.release or None, "url": done.url or None,
        "certificate": list(done.certificate), "seconds": done.seconds,
        "parts": [{"name": part.name, "seconds": part.seconds, "note": part.note} for part in done.parts],
        "restored": list(done.restored), "kept": list(done.kept), "notes": list(done.notes),
    }  # fmt: skip


def _backup(one: Chosen | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "target": one.target, "id": one.snapshot, "time": one.time, "age_seconds": one.age_seconds,
        "release": one.release or None, "revision": one.revision or None,
    }  # fmt: skip
