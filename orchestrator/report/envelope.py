"""The versioned JSON of --json: one object a command, or JSON lines whose last one is the result.

Every object has `schema` ("vpsdeploy/1"), `kind` and `ok`. docs/json.md documents each kind; tests hold it.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.errors import VpsdeployError

SCHEMA = "vpsdeploy/1"
"""Changes only when a field is renamed, removed or changes its type; new fields may come any time."""


def result_line(kind: str, fields: dict[str, Any]) -> str:
    """The result of a command."""
    return _line({"schema": SCHEMA, "kind": kind, "ok": True, **fields})


def event_line(kind: str, fields: dict[str, Any]) -> str:
    """One progress event before the result."""
    return _line({"schema": SCHEMA, "kind": kind, "event": True, **fields})


def error_line(error: VpsdeployError) -> str:
    """The result of a command that failed."""
    return _line({"schema": SCHEMA, "kind": "error", "ok": False, "error": error.as_dict()})


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
