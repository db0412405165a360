"""What a host says about its backups: parse(answer) -> HostBackups. Pure."""

from __future__ import annotations

from typing import Any

from orchestrator.model.backup import Drilled, Good, HostBackups, Listed, Reached, Snapshot, TargetState

Json = dict[str, Any]


def parse(raw: Json | None) -> HostBackups | None:
    """The field `backup` of the verb `facts`, and of the verbs about backups."""
    if not raw:
        return None
    targets = tuple(_target(name, known) for name, known in raw["targets"].items())
    return HostBackups(targets, tuple(str(text) for text in raw["troubles"]))


def listed(host: str, raw: Json) -> tuple[Listed, ...]:
    """The answer of `backup-list`."""
    return tuple(
        Listed(
            host, name, tuple(Snapshot(str(o["id"]), str(o["time"])) for o in one["snapshots"]), str(one["problem"])
        )
        for name, one in raw["targets"].items()
    )  # fmt: skip


def _target(name: str, known: Json) -> TargetState:
    good, drilled, checked = (known.get(key) for key in ("good", "drilled", "checked"))
    intact = None if checked is None else bool(checked["good"])
    spans = known.get("point_in_time")
    moments = None if spans is None else tuple((str(one["from"]), str(one["until"])) for one in spans)
    return TargetState(
        name, _good(good) if good else None, _drilled(drilled) if drilled else None, intact, moments
    )


def _good(raw: Json) -> Good:
    sizes = {str(name): int(size) for name, size in raw["databases"].items()}
    return Good(str(raw["time"]), str(raw["snapshot"]), int(raw["bytes"]), int(raw["files"]), sizes)


def _drilled(raw: Json) -> Drilled:
    rows = sum(int(one["rows"]) for one in raw["databases"])
    seconds, age = float(raw["seconds"]), float(raw["age_seconds"])
    log = raw.get("point_in_time")
    reached = (
        Reached(str(log["moment"]), float(log["seconds"]), int(log["rows"]), int(log["checks"]))
        if log
        else None
    )
    return Drilled(str(raw["time"]), str(raw["snapshot"]), seconds, age, rows, int(raw["checks"]), reached)
