"""A commit of a project in a directory of its own: the project itself stays as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.project.checkout import checked_out


def git(place: Path, *words: str) -> str:
    """Run Git."""
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=place, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(name="commits")
def _commits(tmp_path: Path) -> tuple[Path, str, str]:
    """A project below a repository's root, with two commits."""
    project = tmp_path / "all" / "shop"
    project.mkdir(parents=True)
    git(project.parent, "init", "-q")
    made = []
    for text in ("old", "new"):
        (project / "vpsdeploy.yml").write_text(text)
        git(project, "add", "-A")
        git(project, "commit", "-q", "-m", text)
        made.append(git(project, "rev-parse", "HEAD"))
    return project, made[0], made[1]


def test_an_older_commit_is_checked_out_beside(commits: tuple[Path, str, str], tmp_path: Path) -> None:
    """What is being worked on stays; nothing is left afterwards, also where an earlier try left something."""
    project, old, _ = commits
    (project / "vpsdeploy.yml").write_text("being edited")
    into = tmp_path / "tree"
    into.mkdir()
    (into / "left").touch()
    with checked_out(project, f"{old}-dirty", into) as place:
        assert (place / "vpsdeploy.yml").read_text() == "old"
        assert place.name == "shop"
    assert not into.exists()
    assert git(project, "worktree", "list").count("\n") == 0
    assert (project / "vpsdeploy.yml").read_text() == "being edited"


def test_the_project_itself_is_taken_where_it_is_that_commit(
    commits: tuple[Path, str, str], tmp_path: Path
) -> None:
    """Clean, and at it."""
    project, _, new = commits
    with checked_out(project, new, tmp_path / "tree") as place:
        assert place == project


@pytest.mark.parametrize("revision", ["", "0" * 40, "no revision"])
def test_a_commit_that_is_not_there_is_told(
    commits: tuple[Path, str, str], tmp_path: Path, revision: str
) -> None:  # fmt: skip
    """With what is true of the host."""
    with (
        pytest.raises(ProjectError, match="cannot be built again") as caught,
        checked_out(commits[0], revision, tmp_path),
    ):
        pass
    assert "no release is live" in caught.value.state
