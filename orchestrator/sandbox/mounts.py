"""What is mounted where: nothing is ever deleted through a mount."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/self/mounts")


def mounts_below(place: Path, mounts: str) -> tuple[str, ...]:
    """Mount points in or at a directory, the deepest first, out of the text of /proc/self/mounts."""
    points = (line.split()[1] for line in mounts.splitlines())
    found = {point for point in points if Path(point).is_relative_to(place)}
    return tuple(sorted(found, key=len, reverse=True))
