"""PostgreSQL's archive command, as it is rendered, on real files: what is kept is whole, and nothing is overwritten."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import roles

TEMPLATE = "usr/local/lib/vpsdeploy/archive-wal.j2"
NAME = "000000010000000000000003"


class Archive:
    """The command with a spool of its own."""

    def __init__(self, place: Path) -> None:
        self.spool, self.file, self.program = place / "spool", place / "segment", place / "archive-wal"
        self.spool.mkdir()
        self.file.write_bytes(b"a segment")
        self.program.write_text(roles.render("postgresql", TEMPLATE, __postgresql_spool=str(self.spool)))

    def keep(self) -> subprocess.CompletedProcess[str]:
        """Called as the server calls it."""
        words = ["sh", str(self.program), str(self.file), NAME]
        return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_a_segment_is_kept_whole(archive: Archive) -> None:
    """Under its name, for the server alone; no half of it is left beside."""
    assert archive.keep().returncode == 0
    (kept,) = archive.spool.iterdir()
    assert (kept.name, kept.read_bytes(), kept.stat().st_mode & 0o077) == (NAME, b"a segment", 0)


def test_the_same_one_again_is_kept_already(archive: Archive) -> None:
    """The server stopped before it knew."""
    assert [archive.keep().returncode for _ in range(2)] == [0, 0]


def test_nothing_is_overwritten(archive: Archive) -> None:
    """Another segment of the same name is an error, told in the server's log, and tried again."""
    archive.keep()
    archive.file.write_bytes(b"another")
    refused = archive.keep()
    assert refused.returncode == 1
    assert "nothing is overwritten" in refused.stderr
    assert (archive.spool / NAME).read_bytes() == b"a segment"


def test_what_a_crash_left_is_no_obstacle(archive: Archive) -> None:
    """Half a copy under the name of one."""
    (archive.spool / f".{NAME}.part").write_bytes(b"half")
    assert archive.keep().returncode == 0
    assert [path.name for path in archive.spool.iterdir()] == [NAME]


def test_a_segment_that_is_not_there_is_an_error(archive: Archive) -> None:
    """Never taken for kept."""
    archive.file.unlink()
    assert archive.keep().returncode != 0
    assert list(archive.spool.iterdir()) == []
