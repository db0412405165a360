"""What `vpsdeploy init` shows."""

from __future__ import annotations

from typing import Any

from orchestrator.model.project_start import Started
from orchestrator.report import table


def text(started: Started) -> str:
    """For people: what was detected and how, what was written, what to do next."""
    rows = [(finding.key, finding.value, finding.source) for finding in started.findings]
    lines = [table.render(("detected", "value", "found in"), rows), ""]
    lines += [f"wrote  {name}" for name in started.written]
    lines += [f"kept   {name} (it was there already)" for name in started.kept]
    return "\n".join([*lines, "", *_next(started)])


def fields(started: Started) -> dict[str, Any]:
    """For programs (kind "init")."""
    return {
        "app": started.app,
        "detected": [{"key": f.key, "value": f.value, "source": f.source} for f in started.findings],
        "written": list(started.written),
        "kept": list(started.kept),
        "is_placeholder": started.is_placeholder,
    }


def _next(started: Started) -> list[str]:
    server = "vpsdeploy provision host --stage production"
    if started.is_placeholder:
        server = f"write your server's address into inventories/production/hosts.yml, then {server}"
    return [f"next:  {server}", "or:    vpsdeploy sandbox up   a VPS on this machine, to try it first"]
