"""Two commands in one project at a time: neither works in the other's place, and nothing of a killed one stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.project.claim import claimed, scratch

KILLED = """
import os, signal, sys
from pathlib import Path
from orchestrator.project.claim import scratch
with scratch(Path(sys.argv[1]), "unpacked") as own:
    (own / "content").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_place_that_is_claimed_is_refused_until_it_is_given_back(tmp_path: Path) -> None:
    """What is built there is still being sent."""
    with (
        claimed(tmp_path / "build"),
        pytest.raises(ProjectError, match="another build of this project") as caught,
        claimed(tmp_path / "build"),
    ):
        pytest.fail("two had it")
    assert str(tmp_path / "build/lock") in caught.value.why
    with claimed(tmp_path / "build"):
        pass


def test_each_command_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """Until it has ended, and no longer."""
    with scratch(tmp_path, "unpacked") as one, scratch(tmp_path, "unpacked") as other:
        (one / "bundle").write_text("one")
        (other / "bundle").write_text("other")
        assert (one / "bundle").read_text() == "one"
    assert not list(tmp_path.glob("unpacked-*"))


def test_what_a_killed_command_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    """It may be as large as the app; a half-made one without a lock, too."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    (tmp_path / "unpacked-half").mkdir()
    (left,) = (path for path in tmp_path.glob("unpacked-*") if path.name != "unpacked-half")
    assert (done.returncode, (left / "content").read_text()) == (-9, "x")
    with scratch(tmp_path, "unpacked") as own:
        assert list(tmp_path.glob("unpacked-*")) == [own]
