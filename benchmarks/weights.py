"""The weights that a sandbox host's units ask for, made true where its kernel gives containers none.

On a machine of cgroup v1 a host in a container has no processor controller (docs/benchmarks.md), and its units'
`CPUWeight` says nothing. Here the tree of its slices and services is built again below the controller of v1, each with
its weight, and its processes are moved there. Clients stand for other machines: they go first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.repeatedly import repeatedly

CONTROLLER = Path("/sys/fs/cgroup/cpu")
_UNITS = Path("/sys/fs/cgroup/unified/libpod_parent")
_SHARES = 1024
"""Of v1 for the weight 100."""

_CLIENTS = 10_000
_LOOK_SECONDS = 0.02

Ask = Callable[[str], str]
"""Runs a shell's script as root on the host; what it printed."""


def lacking() -> bool:
    """Whether this machine has the controller of v1, so that its containers have none."""
    return (CONTROLLER / "cpu.shares").exists()


@contextmanager
def weights(name: str, unit: str, ask: Ask) -> Iterator[Callable[[], None]]:
    """Weigh the units of the one sandbox host that runs; this process counts as clients.

    Args:
        name: Of the groups.
        unit: A service that comes and goes.
        ask: Asks the host.

    Yields: reads again what the units weigh, and where that service lies.
    """
    top, host = CONTROLLER / name, _host()
    tree = _Tree(top, host, unit, ask)
    try:
        _make(top, str(_CLIENTS))
        clients = _make(top / "clients", str(_CLIENTS))
        (clients / "cgroup.procs").write_text(str(os.getpid()))
        tree.read()
        for path in host.rglob("*.service"):
            if path.name != unit:
                tree.take(path)
        with repeatedly(tree.follow, _LOOK_SECONDS):
            yield tree.read
    finally:
        _undo(top)


class _Tree:
    """The same slices and services once more, with what each one weighs."""

    def __init__(self, top: Path, host: Path, unit: str, ask: Ask) -> None:
        self._top, self._host, self._unit, self._ask = top, host, unit, ask
        self._comes = (Path(), Path())
        self._weights = dict[str, str]()

    def read(self) -> None:
        """Weigh what there is; a unit that does not run is asked for by its name."""
        asked = f"systemctl show --property=Id,Slice,CPUWeight '*.service' '*.slice' {self._unit}"
        blocks = (
            dict(line.split("=", 1) for line in block.splitlines())
            for block in self._ask(asked).strip().split("\n\n")
        )
        found = {block["Id"]: block for block in blocks}
        slice_ = found[self._unit]["Slice"]
        if slice_ not in found:  # not loaded, as nothing runs there
            shown = self._ask(f"systemctl show --value --property=CPUWeight {slice_}")
            found[slice_] = {"CPUWeight": shown.strip()}
        self._weights = {name: one["CPUWeight"] for name, one in found.items()}
        parts = [*_slices(slice_), self._unit]
        self._comes = self._host.joinpath(*parts), self._grown(parts)

    def take(self, path: Path) -> None:
        """Move what runs in a service."""
        _move(path, self._grown(list(path.relative_to(self._host).parts)))

    def follow(self) -> None:
        """Move what has come into the service that comes and goes: in time, as what it starts is where it is."""
        with suppress(OSError):  # it has ended, or did not begin
            _move(*self._comes)

    def _grown(self, parts: list[str]) -> Path:
        group = self._top
        for part in parts:
            group = _make(group / part, self._weights.get(part, ""))
        return group


def _slices(name: str) -> list[str]:
    """A slice and those around it: system-postgresql.slice lies in system.slice."""
    words = name.removesuffix(".slice").split("-")
    return ["-".join(words[: count + 1]) + ".slice" for count in range(len(words))]


def _host() -> Path:
    """The one that runs: what a killed one has left is empty."""
    hosts = {path.parent.parent for path in _UNITS.glob("*/system.slice/nginx.service")}
    (found,) = (host for host in hosts if "populated 1" in (host / "cgroup.events").read_text())
    return found


def _make(group: Path, weight: str) -> Path:
    """A group of v1; systemd says `[not set]` for 100."""
    group.mkdir(exist_ok=True)
    is_idle = weight == "idle"
    (group / "cpu.idle").write_text("1" if is_idle else "0")
    if not is_idle:
        weighs = int(weight) if weight.isdigit() and int(weight) <= _CLIENTS else 100
        (group / "cpu.shares").write_text(str(_SHARES * weighs // 100))
    return group


def _move(service: Path, group: Path) -> None:
    there = set((group / "cgroup.procs").read_text().split())
    for processes in (service / "cgroup.procs", *service.glob("*/cgroup.procs")):
        for process in set(processes.read_text().split()) - there:
            with suppress(OSError):  # it has ended
                (group / "cgroup.procs").write_text(process)


def _undo(top: Path) -> None:
    for group in sorted(top.glob("**/"), key=lambda path: -len(path.parts)):
        for process in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):  # it has ended
                (CONTROLLER / "cgroup.procs").write_text(process)
        group.rmdir()
