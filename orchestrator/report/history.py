"""What `vpsdeploy history` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.facts.history import Change
from orchestrator.report import table

_HEAD = ("when", "who", "what", "from", "to", "result", "took", "hosts", "notes")
_MOST_NAMED = 2
"""Hosts by name in a line; where there are more, their number says enough."""


def text(changes: Sequence[Change], missing: Mapping[str, str]) -> str:
    """For people: a line a change, newest first, with what failed or was cut."""
    gaps = [f"warning: {host} could not be asked: {why}" for host, why in missing.items()]
    shown = table.render(_HEAD, map(_row, changes)) if changes else "nothing was changed yet"
    return "\n".join([*gaps, shown])


def fields(app: str, stage: str, changes: Sequence[Change], missing: Mapping[str, str]) -> dict[str, Any]:
    """For programs (kind "history")."""
    return {
        "app": app, "stage": stage, "changes": [_fields(one) for one in changes],
        "missing": [{"name": host, "why": why} for host, why in missing.items()],
    }  # fmt: skip


def _fields(one: Change) -> dict[str, Any]:
    return {
        "change": one.change or None, "time": one.time, "by": one.by, "command": one.command,
        "from": one.source or None, "to": one.target or None, "result": one.result, "seconds": one.seconds or None,
        "hosts": list(one.hosts), "error": one.figures.get("error"), "proof": one.figures.get("proof"),
        "warnings": one.figures.get("warnings") or [], "message": one.figures.get("message"),
        "lines": [{"host": line.host, **_line(line.fields)} for line in one.lines],
    }  # fmt: skip


def _line(line: dict[str, Any]) -> dict[str, Any]:
    """A host's line without what its change says already."""
    return {name: line.get(name) for name in ("time", "verb", "by", "from", "to", "result", "figures")}


def _row(one: Change) -> tuple[str, ...]:
    took = f"{one.seconds:.1f} s" if one.seconds else "-"
    ends = (one.source or "-", one.target or "-")
    hosts = ", ".join(one.hosts) if len(one.hosts) <= _MOST_NAMED else f"{len(one.hosts)} hosts"
    return (one.time, one.by or "-", one.command, *ends, one.result, took, hosts, "; ".join(_notes(one)))


def _notes(one: Change) -> list[str]:
    """What failed and where, the proof, requests that a drain cut, who else had a hand in it."""
    notes: list[str] = []
    if error := one.figures.get("error"):
        at = f" on {error['host']}" if error.get("host") else ""
        step = f" ({error['step']})" if error.get("step") else ""
        notes.append(f"{error.get('what')}{at}{step}")
    if proof := one.figures.get("proof"):
        notes.append(f"{proof['requests']} requests, {proof['failed']} failed, p99 {proof['p99_ms']:g} ms")
    if message := one.figures.get("message"):
        notes.append(str(message))
    if cut := sum(int(line.figures.get("cut_connections") or 0) for line in one.lines):
        notes.append(f"{cut} connections cut at the drain's end")
    back = [line for line in one.lines if line.verb == "return" and line.text("by") != one.by]
    notes += [f"taken back on {line.host} by {line.text('by')} at {line.time}" for line in back]
    return notes
