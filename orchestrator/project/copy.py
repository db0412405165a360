"""A clean copy of the project's source: what Git knows, nothing that was built or installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NOT_SOURCE = frozenset({"node_modules", ".git", ".vpsdeploy", "coverage", ".molecule"})


def source_files(source: Path, output: str) -> list[str]:
    """Relative paths of the source: tracked, and untracked but not ignored; without Git everything.

    Args:
        source: The project.
        output: The build's output directory, left out.
    """
    names = _git_files(source)
    if names is None:
        names = _walk(source, "")
    kept = (name for name in names if _is_source(name, output))
    return sorted({file for name in kept for file in _expand(source, name, output)})


def mirror(source: Path, tree: Path, names: list[str]) -> None:
    """Make tree hold exactly these files, node_modules apart; unchanged files are left alone."""
    wanted = set(names)
    tree.mkdir(parents=True, exist_ok=True)
    for stale in set(_walk(tree, "")) - wanted:
        (tree / stale).unlink()
    for name in names:
        _copy(source / name, tree / name)
    _remove_empty(tree)


def _copy(origin: Path, target: Path) -> None:
    if _is_same(origin, target):
        return
    _make_room(target)
    shutil.copy2(origin, target, follow_symlinks=False)


def _make_room(target: Path) -> None:
    for parent in reversed(target.parents):
        if parent.is_file() or (parent.is_symlink() and not parent.exists()):
            parent.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _is_same(origin: Path, target: Path) -> bool:
    if not os.path.lexists(target):
        return False
    if origin.is_symlink() or target.is_symlink():
        return origin.is_symlink() and target.is_symlink() and origin.readlink() == target.readlink()
    old, new = origin.stat(), target.stat()
    return (old.st_size, old.st_mtime_ns, old.st_mode) == (new.st_size, new.st_mtime_ns, new.st_mode)


def _git_files(source: Path) -> list[str] | None:
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(argv, cwd=source, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    names = [name for name in answer.stdout.split("\0") if name]
    return names if answer.returncode == 0 and names else None


def _is_source(name: str, output: str) -> bool:
    parts = name.split("/")
    is_env = parts[-1] == ".env" or parts[-1].startswith(".env.")
    # tsc's record of an earlier build would make it write nothing into the empty output.
    is_left = is_env or name.endswith(".tsbuildinfo") or (name + "/").startswith(output + "/")
    return not is_left and not NOT_SOURCE.intersection(parts)


def _expand(source: Path, name: str, output: str) -> list[str]:
    """A submodule is listed as a directory; a deleted file is listed, but not there."""
    path = source / name
    if path.is_dir() and not path.is_symlink():
        return [file for file in _walk(source, name) if _is_source(file, output)]
    return [name] if os.path.lexists(path) else []


def _walk(root: Path, below: str) -> list[str]:
    found = []
    with os.scandir(root / below) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                found += [] if entry.name in NOT_SOURCE else _walk(root, name)
            else:
                found.append(name)
    return found


def _remove_empty(directory: Path) -> None:
    """Remove directories that stale files left behind: an empty one can still mean something to a build."""
    for child in directory.iterdir():
        if child.is_dir() and not child.is_symlink() and child.name not in NOT_SOURCE:
            _remove_empty(child)
            if not any(child.iterdir()):
                child.rmdir()
