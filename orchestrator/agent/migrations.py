"""Which release has changed the database: a line when its migration begins, another when it has ended.

A migration is begun once for each release, whatever is lost in between: what has begun and has no end on record is
waited for, or is known to have been cut off.
"""

from __future__ import annotations

from typing import Any

from orchestrator.agent import history
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.layout import AppLayout

BEGUN, SUCCEEDED, FAILED, NOTED = "begun", "succeeded", "failed", "noted"
"""States; `noted`: it runs on another host of the fleet."""

_MOST_LINES = 500
"""Far more than the releases that a host keeps."""


def read(app: AppLayout) -> dict[str, dict[str, Any]]:
    """The last line of each release, by the release, in the order in which they began."""
    found: dict[str, dict[str, Any]] = {}
    for line in history.last(app.migrations_file, _MOST_LINES):
        if isinstance(line.get("release"), str):
            found[line["release"]] = {**found.get(line["release"], {}), **line}
    return found


def write(call: Call, state: str, *, irreversible: bool, **more: Any) -> dict[str, Any]:
    """Put a state of the release that the request names on record, before anything else happens."""
    line = {
        "release": call.request.release, "state": state, "irreversible": irreversible, "time": timestamp(),
        "by": call.request.by, **more,
    }  # fmt: skip
    history.append(call.app.migrations_file, line)
    return line


def told(app: AppLayout) -> list[dict[str, Any]]:
    """What the controller has to know of them."""
    names = ("release", "state", "irreversible", "time")
    return [{name: line.get(name) for name in names} for line in read(app).values()]
