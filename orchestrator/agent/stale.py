"""Units whose processes still run what an upgrade has replaced on the disk: what was mended is open in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_GONE = " (deleted)"
_PROGRAMS = ("/usr/", "/lib", "/bin/", "/sbin/")


def units(proc: Path) -> tuple[str, ...]:
    """Names of the units, sorted.

    Args:
        proc: The kernel's own view of the processes.
    """
    found = (_unit(process) for process in proc.glob("[0-9]*") if _is_stale(process))
    return tuple(sorted({unit for unit in found if unit}))


def _is_stale(process: Path) -> bool:
    """Whether it has code mapped whose file is gone. Source: proc_pid_maps(5)."""
    return any(_is_replaced_code(line) for line in _lines(process / "maps"))


def _is_replaced_code(line: str) -> bool:
    fields = line.split(None, 5)
    if len(fields) != 6 or "x" not in fields[1]:
        return False
    return fields[5].endswith(_GONE) and fields[5].startswith(_PROGRAMS)


def _unit(process: Path) -> str:
    """The service that a process belongs to; empty for a login's. Source: cgroups(7), /proc/[pid]/cgroup."""
    for line in _lines(process / "cgroup"):
        names = line.rpartition(":")[2].split("/")
        services = [name for name in names if name.endswith(".service") and not name.startswith("user@")]
        if services:
            return services[-1]
    return ""


def _lines(path: Path) -> Iterator[str]:
    """A process that ends meanwhile has none."""
    try:
        yield from path.read_text(errors="replace").splitlines()
    except OSError:
        return
