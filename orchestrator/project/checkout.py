"""A commit of the project in a directory of its own: what a lost release is built from again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import ProjectError
from orchestrator.project.revision import revision_of


@contextmanager
def checked_out(project: Path, revision: str, into: Path) -> Iterator[Path]:
    """The project at a commit: as it is, where it is at that commit and clean; else a work tree, gone afterwards.

    Args:
        project: The directory of vpsdeploy.yml.
        revision: A commit, as a release names it.
        into: Where the work tree is made.
    Raises: ProjectError: the repository does not have that commit, or the release was built from none.
    """
    if revision and revision_of(project)[0] == revision:
        yield project
        return
    commit = revision.removesuffix("-dirty")
    found = _git(project, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") if commit else None
    if found is None or found.returncode != 0:
        raise ProjectError(
            "the release cannot be built again", why=f"this repository has no commit {commit or 'of it'}",
            state="the data are restored, and no release is live",
            next="git fetch --all; or vpsdeploy release, as the project is",
        )  # fmt: skip
    below = _git(project, "rev-parse", "--show-prefix").stdout.strip()
    _remove(project, into)
    made = _git(project, "worktree", "add", "--detach", str(into), found.stdout.strip())
    if made.returncode != 0:
        raise ProjectError(
            "the release cannot be built again", why=made.stderr.strip()[-500:],
            state="the data are restored, and no release is live", next="vpsdeploy release, as the project is",
        )  # fmt: skip
    try:
        yield into / below
    finally:
        _remove(project, into)


def _remove(project: Path, tree: Path) -> None:
    _git(project, "worktree", "remove", "--force", str(tree))
    shutil.rmtree(tree, ignore_errors=True)
    _git(project, "worktree", "prune")


def _git(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(list(arguments), 127, "", "git is not installed")
