"""A shell that stands: lines one after the other, and one that fails is heard of."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.standing_shell import standing


def test_lines_are_run_by_one_shell_and_waited_for(tmp_path: Path) -> None:
    """What one has set is there in the next."""
    with standing(["sh"]) as shell:
        shell.run(f"place={tmp_path}")
        shell.run("echo one > $place/file")
        assert (tmp_path / "file").read_text() == "one\n"


def test_a_line_that_fails_ends_the_benchmark() -> None:
    """With the line and its exit status."""
    with pytest.raises(SystemExit, match="false\n1"), standing(["sh"]) as shell:
        shell.run("false")


def test_a_connection_that_ends_is_said() -> None:
    """Instead of a wait for ever."""
    with pytest.raises(SystemExit, match="the connection ended"), standing(["sh"]) as shell:
        shell.run("exit 0")
