"""agent/start.py: the copy that the agent is run from."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator.agent import start
from orchestrator.transport import agent_pyz

VERSION = "1.0+abc"


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A .pyz with one module."""
    path = tmp_path / "agent.pyz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.py", "ONE = 1\n")
    return str(path)


def test_the_copy_has_the_modules_and_their_bytecode(package: str, tmp_path: Path) -> None:
    """So nothing is compiled at the next start."""
    place = Path(start.copy_of(package, VERSION, str(tmp_path / "copies")))
    assert (place / "one.py").read_text() == "ONE = 1\n"
    assert (place / "__pycache__" / f"one.{sys.implementation.cache_tag}.pyc").is_file()


def test_only_root_can_look_into_a_copy(package: str, tmp_path: Path) -> None:
    """What root imports is nobody else's to touch."""
    place = Path(start.copy_of(package, VERSION, str(tmp_path / "copies")))
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_copy_is_made_once(package: str, tmp_path: Path) -> None:
    """The second start takes the first's."""
    first = start.copy_of(package, VERSION, str(tmp_path / "copies"))
    made = Path(first, "one.py").stat().st_ino
    assert start.copy_of(package, VERSION, str(tmp_path / "copies")) == first
    assert Path(first, "one.py").stat().st_ino == made


def test_a_package_that_was_put_back_is_not_run_from_the_damaged_copy(package: str, tmp_path: Path) -> None:
    """Somebody changed the package under its version's name, and provisioning mended it."""
    copies = str(tmp_path / "copies")
    damaged = start.copy_of(package, VERSION, copies)
    written = Path(package).stat().st_mtime_ns + 1
    os.utime(package, ns=(written, written))
    assert start.copy_of(package, VERSION, copies) != damaged


def test_each_version_has_its_own_copy(package: str, tmp_path: Path) -> None:
    """An agent at work keeps its modules when another is installed."""
    copies = str(tmp_path / "copies")
    assert start.copy_of(package, "1", copies) != start.copy_of(package, "2", copies)


def test_two_starts_at_once_end_with_one_copy(package: str, tmp_path: Path) -> None:
    """The slower finds the quicker's copy in its way and takes that."""
    place = tmp_path / "copies" / "there"
    place.mkdir(parents=True)
    (place / "one.py").write_text("")
    start._make(package, place)
    assert [entry.name for entry in place.parent.iterdir()] == ["there"]


def test_without_room_for_a_copy_the_package_itself_is_run(package: str, tmp_path: Path) -> None:
    """A slow start is better than none."""
    (tmp_path / "copies").write_text("a file where the directory should be")
    assert start.copy_of(package, VERSION, str(tmp_path / "copies")) == package


def test_who_is_not_root_makes_no_copy(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root's copies are trusted, and only root can make them."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert start.copy_of(package, VERSION, str(tmp_path / "copies")) == package


def test_the_packed_agent_runs_from_its_copy(tmp_path: Path) -> None:
    """Its answer names the version that it was packed with."""
    packed = agent_pyz.build(tmp_path / "agent.pyz")
    with zipfile.ZipFile(packed.path) as archive:
        text = archive.read("__main__.py").decode()
    assert f'VERSION = "{packed.version}"' in text
    copy = start.copy_of(str(packed.path), packed.version, str(tmp_path / "copies"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = [{copy!r}]; "
         "from orchestrator.agent.version import VERSION; print(VERSION)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == packed.version
