"""What `vpsdeploy env` shows: never a value."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator.model.env import Edited, Listed
from orchestrator.report import table

_HAND_OVER = (
    "Keep a copy of it where your team keeps passwords: without it nobody can read these secrets.\n"
    "  CI:         its content, as the variable VPSDEPLOY_SECRETS_KEY\n"
    "  colleagues: vpsdeploy env add-key asks for it"
)


def listed_text(listed: Listed) -> str:
    """For people: a table, what vpsdeploy.yml sets, what is missing."""
    rows = [
        (one.name, "secret", "-" if one.size_bytes is None else str(one.size_bytes), one.digest or "-", one.at, one.by)
        for one in listed.secrets
    ]  # fmt: skip
    rows += [(name, "vpsdeploy.yml", "", "", "", "") for name in listed.plain]
    lines = [table.render(("NAME", "KIND", "BYTES", "DIGEST", "SET AT", "BY"), rows)] if rows else []
    if not listed.secrets:
        lines.append(f"{listed.stage} has no secrets: vpsdeploy env set NAME")
    if listed.problem:
        lines.append(f"{listed.problem}: sizes and digests are not known (vpsdeploy env add-key)")
    if listed.missing:
        lines.append(
            f"missing (env_required): {', '.join(listed.missing)}: vpsdeploy env set {listed.missing[0]}"
        )
    return "\n".join(lines)


def listed_fields(listed: Listed) -> dict[str, Any]:
    """For programs (kind "env")."""
    return {
        "stage": listed.stage,
        "key": listed.key or None,
        "key_is_here": bool(listed.key) and not listed.problem,
        "secrets": [asdict(one) for one in listed.secrets],
        "plain": list(listed.plain),
        "missing": list(listed.missing),
    }


def edited_text(edited: Edited, *, rotated: bool = False) -> str:
    """For people: what changed, and what it takes to reach the hosts."""
    lines = [f"set {name} ({size} bytes)" for name, size in edited.set.items()] if not rotated else []
    lines += [f"{name}: as it was" for name in edited.same]
    lines += [f"unset {name}" for name in edited.unset]
    lines += [f"left out: {name}: {why}" for name, why in edited.refused]
    if edited.key_file:
        lines += [
            f"key {edited.key}: {edited.key_file}",
            *([] if not (edited.set or rotated) else [_HAND_OVER]),
        ]
    if rotated:
        lines.append(f"encrypted with it: {', '.join(edited.set) or 'nothing yet'}. Commit {edited.file}.")
        lines.append(
            "Who had the old key may have read the values: make new ones, docs/runbooks/leaked-secret.md"
        )
    elif edited.set or edited.unset:
        lines.append(f"commit {edited.file}; hosts get it with vpsdeploy env apply, or with the next release")
    return "\n".join(lines) or "nothing was changed"


def edited_fields(edited: Edited) -> dict[str, Any]:
    """For programs (kind "env_changed")."""
    return {
        "stage": edited.stage,
        "file": edited.file,
        "set": [{"name": name, "size_bytes": size} for name, size in edited.set.items()],
        "same": list(edited.same),
        "unset": list(edited.unset),
        "refused": [{"name": name, "why": why} for name, why in edited.refused],
        "key": edited.key or None,
        "key_file": edited.key_file or None,
    }
