"""What `vpsdeploy scale` shows."""

from __future__ import annotations

from typing import Any

from orchestrator.model.change import Changed
from orchestrator.report import release


def text(instances: int, changed: Changed | None) -> str:
    """For people."""
    each = f"{instances} instance{'s' if instances > 1 else ''} on each app host"
    if changed is None:
        return f"{each}, as before: nothing was changed"
    proof = [release.proof_line(changed.proof)] if changed.proof else []
    return "\n".join([*(f"warning: {warning}" for warning in changed.warnings), f"live: {each}", *proof])


def fields(instances: int, changed: Changed | None) -> dict[str, Any]:
    """For programs (kind "scale")."""
    done = release.fields(changed) if changed else {}
    kept = ("release", "seconds", "steps", "proof", "warnings")
    empty: dict[str, Any] = {"release": None, "seconds": 0, "steps": [], "proof": None, "warnings": []}
    return {
        "instances": instances,
        "changed": changed is not None,
        **{name: done.get(name, empty[name]) for name in kept},
    }
