"""What `vpsdeploy doctor` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from orchestrator.model.diagnosis import Diagnosis, Level

_MARK = {Level.OK: "ok     ", Level.WARNING: "warning", Level.ERROR: "error  "}
_INDENT = " " * 11


def text(found: Sequence[Diagnosis]) -> str:
    """For people: a paragraph for each area, and the count."""
    lines = []
    for area, diagnoses in groupby(found, key=lambda diagnosis: diagnosis.area):
        lines += [area, *(_line(diagnosis) for diagnosis in diagnoses), ""]
    return "\n".join([*lines, _count(found)])


def fields(found: Sequence[Diagnosis]) -> dict[str, Any]:
    """For programs (kind "doctor")."""
    findings = [{"area": d.area, "level": d.level.value, "text": d.text, "next": d.next} for d in found]
    counts = _counts(found)
    return {"ok": not counts["errors"], "findings": findings, **counts}


def _line(diagnosis: Diagnosis) -> str:
    lines = [diagnosis.text, *([f"next: {diagnosis.next}"] if diagnosis.next else [])]
    return f"  {_MARK[diagnosis.level]}  " + "\n".join(lines).replace("\n", "\n" + _INDENT)


def _counts(found: Sequence[Diagnosis]) -> dict[str, int]:
    counted = Counter(diagnosis.level for diagnosis in found)
    return {"errors": counted[Level.ERROR], "warnings": counted[Level.WARNING]}


def _count(found: Sequence[Diagnosis]) -> str:
    parts = [f"{n} {name.removesuffix('s') if n == 1 else name}" for name, n in _counts(found).items()]
    return " and ".join(parts)
