"""What was told and what has to be: on the disk, and in memory while that takes nothing, so that nobody is told twice.

A disk that is full, or that its kernel has made read-only, is what has to be told: that must not need it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.call import Call

Json = dict[str, Any]


def read(call: Call) -> Json:
    """What is known; nothing where it cannot be read: rather told twice than never."""
    for path in (_in_memory(call), call.app.alerts_state_file):
        try:
            found = durable.read_json(path)
        except ValueError as error:
            sys.stderr.write(f"{path} cannot be read: {error}\n")
            continue
        if isinstance(found, dict):
            return found
    return {}


def write(call: Call, known: Json) -> None:
    """Keep it; what is kept already is not written again."""
    spare = _in_memory(call)
    if not spare.exists() and read(call) == known:
        return
    try:
        durable.write_json(call.app.alerts_state_file, known)
    except OSError as error:
        sys.stderr.write(f"what was told is kept in memory: {error.strerror}\n")
        spare.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        durable.write_json(spare, known)
    else:
        spare.unlink(missing_ok=True)


def note(call: Call, receiver: str, begun: list[str], ended: list[str]) -> None:
    """One line of history; where there is no room for it they were told all the same."""
    try:
        call.record("alert", old=None, new=None, result="told", begun=begun, ended=ended, receiver=receiver)
    except OSError as error:
        sys.stderr.write(f"the history has no line of it: {error.strerror}\n")


def _in_memory(call: Call) -> Path:
    return call.layout.run / "alerts" / f"{call.app.name}.json"
