"""Where a directory really is: in memory, or on a disk."""

from __future__ import annotations

from pathlib import Path

_IN_MEMORY = ("tmpfs", "ramfs")


def in_memory(directory: Path) -> bool:
    """Whether what is written there never reaches a disk (swap apart)."""
    return kind(directory) in _IN_MEMORY


def kind(directory: Path) -> str:
    """The file system of the mount that holds a directory; empty where nobody says.

    Source: proc(5), /proc/pid/mountinfo: of mounts on one place the last counts.
    """
    place, longest, found = directory.resolve(), -1, ""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        if place.is_relative_to(point) and len(point) >= longest:
            longest, found = len(point), right.split()[0]
    return found
