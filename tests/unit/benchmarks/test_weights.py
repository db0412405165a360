"""The groups that stand for a host's units: where each lies, what it weighs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import weights

SHOWN = """\
Id=nginx.service
Slice=system.slice
CPUWeight=[not set]

Id=postgresql@17-main.service
Slice=system-postgresql.slice
CPUWeight=300

Id=system.slice
Slice=-.slice
CPUWeight=100

Id=backup.service
Slice={slice}
CPUWeight=10
"""


def read(top: Path, slice_: str, weighs: str) -> dict[str, str]:
    """What a tree has after a look at the host: shares, or `idle`, by group."""

    def ask(script: str) -> str:
        return f"{weighs}\n" if script.endswith(slice_) else SHOWN.format(slice=slice_)

    top.mkdir()
    weights._Tree(top, top / "host", "backup.service", ask).read()
    return {
        str(path.parent.relative_to(top)): "idle"
        if path.read_text() == "1"
        else (path.parent / "cpu.shares").read_text()
        for path in sorted(top.rglob("cpu.idle"))
    }


def test_a_service_lies_in_its_slice(tmp_path: Path) -> None:
    """A tenth of 1024 is 102; the slice of a unit that never ran is not loaded, and asked for by its name."""
    assert read(tmp_path / "own", "vpsdeploy.slice", "idle") == {
        "vpsdeploy.slice": "idle", "vpsdeploy.slice/backup.service": "102",
    }  # fmt: skip
    assert read(tmp_path / "not", "system.slice", "100") == {
        "system.slice": "1024",
        "system.slice/backup.service": "102",
    }


def test_a_slice_lies_in_those_that_its_name_tells(tmp_path: Path) -> None:
    """And weighs what nobody said where nobody said anything."""
    assert read(tmp_path / "one", "system-postgresql.slice", "[not set]") == {
        "system.slice": "1024",
        "system.slice/system-postgresql.slice": "1024",
        "system.slice/system-postgresql.slice/backup.service": "102",
    }


def test_a_killed_host_is_not_taken_for_the_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its group stays, empty."""
    for name, populated in (("killed", 0), ("running", 1)):
        (tmp_path / name / "system.slice" / "nginx.service").mkdir(parents=True)
        (tmp_path / name / "cgroup.events").write_text(f"populated {populated}\nfrozen 0\n")
    monkeypatch.setattr(weights, "_UNITS", tmp_path)
    assert weights._host() == tmp_path / "running"
