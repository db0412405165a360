"""From phases to figures, and to tables. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

OURS = "vpsdeploy"
"""The contender that may drop nothing."""

MUST_DROP = "all instances restarted at once"
"""The control: a load that sees nothing fail here sees nothing anywhere."""

_UNITS = ((1e6, "MB"), (1e3, "kB"))


def sums(phases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Over all phases: a release may drop something after its command has ended."""
    sockets: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for phase in phases.values():
        sockets.update(phase["sockets"])
        failures.update(phase["failures"])
    return {
        "requests": sum(phase["requests"] for phase in phases.values()),
        "failed": sum(phase["failed"] for phase in phases.values()),
        "failures": dict(failures.most_common()), "sockets": dict(sockets),
    }  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first to the left, figures to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if n else cell.ljust(width)
        for n, (cell, width) in enumerate(zip(line, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def dropped_table(results: Sequence[dict[str, Any]]) -> str:
    """What each contender dropped, and how slow requests were meanwhile."""
    head = ("under load", "releases", "requests", "dropped", "p50 without", "p50 with", "p99 without", "p99 with",
            "WebSockets cut", "messages lost")  # fmt: skip
    return table(head, (_dropped_row(result) for result in results))


def _dropped_row(result: dict[str, Any]) -> tuple[str, ...]:
    without, during = result["phases"].get("without", {}), result["phases"].get("release", {})
    times = [f"{phase.get(key, 0):.1f} ms" for key in ("p50_ms", "p99_ms") for phase in (without, during)]
    sockets = result["sockets"]
    return (
        result["name"], str(result["releases"]), f"{result['requests']:,}", f"{result['failed']:,}", *times,
        str(sockets.get("cut", 0)), str(sockets.get("unanswered", 0)),
    )  # fmt: skip


def cost_table(results: Sequence[dict[str, Any]]) -> str:
    """What a release of a one-line change costs without a load, and what stays on the host between two."""
    head = ("one-line change", "wall clock", "of it boot", "received by the host", "idle memory of the tool")
    return table(head, (_cost_row(result) for result in results))


def _cost_row(result: dict[str, Any]) -> tuple[str, ...]:
    boot = f"{result['boot_seconds']:.2f} s" if result["boot_seconds"] else "-"
    return (
        result["name"], f"{result['seconds']:.2f} s", boot, size(result["sent_bytes"]), size(result["idle_bytes"]),
    )  # fmt: skip


def size(count: float) -> str:
    """A number of bytes for people."""
    return next((f"{count / unit:.1f} {name}" for unit, name in _UNITS if count >= unit), f"{count:.0f} B")


def verdict(results: Sequence[dict[str, Any]], control: dict[str, int]) -> list[str]:
    """What makes the run fail: a drop of ours, a tool that stays in memory, or a load that cannot see a drop."""
    blind = control.get(MUST_DROP) == 0
    found = [f"the control dropped nothing ({MUST_DROP}): the load sees no drop"] if blind else []
    for ours in (result for result in results if result["name"] == OURS):
        if ours["failed"]:
            found.append(f"{OURS} dropped {ours['failed']} of {ours['requests']} requests")
        if ours["idle_bytes"]:
            found.append(f"{OURS} left {size(ours['idle_bytes'])} of processes on the host")
    return found
