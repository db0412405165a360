"""Files back from a backup: what they replace is put aside, never removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.agent.backup import fetch
from orchestrator.agent.backup.restic import Repository, Snapshot
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError


def refuse(call: Call) -> None:
    """See whether the shared directories may be replaced.

    Raises: UsageError: they hold files, and nobody said --force.
    """
    there = _entries(call.app.shared)
    if any(_holds_files(path) for path in there) and not call.request.flag("force"):
        raise UsageError(
            "the shared directories are in use",
            why=f"{call.app.shared} holds {', '.join(path.name for path in there[:10])}",
            state="nothing was touched",
            next="--path restores one of them, --database a database alone; --force puts aside what is there",
        )  # fmt: skip


def shared(call: Call, repository: Repository, one: Snapshot, done: dict[str, Any]) -> None:
    """Every shared directory; what was there is kept beside."""
    if not call.app.shared.is_dir() or str(call.app.shared) not in one.paths:
        return
    with fetch.place(call.app.home / ".restored", 0) as into:
        repository.restore(one.id, str(into), [str(call.app.shared)])
        source = into / str(call.app.shared).lstrip("/")
        aside = _aside(call)
        count = sum(path.is_file() for path in source.rglob("*"))
        _give(source, call.app.shared)
        for path in _entries(source):
            _put(path, call.app.shared / path.name, aside / path.name, done)
    done["restored"].append(f"shared directories: {count} files")


def path(call: Call, repository: Repository, one: Snapshot, wanted: str) -> dict[str, Any]:
    """One file or directory: where it was, or below `to`.

    Raises: UsageError: it is not in the backup, or something is there already.
    """
    source, target = _places(call, wanted)
    if target.exists() and not call.request.flag("force"):
        raise UsageError(
            f"{target} is there", why="what is there is not replaced by itself", state="nothing was touched",
            next="--to DIRECTORY restores it elsewhere; --force puts aside what is there",
        )  # fmt: skip
    done: dict[str, Any] = {"restored": [], "kept": []}
    with fetch.place(_scratch(call, target), 0) as into:
        repository.restore(one.id, str(into), [str(source)])
        found = into / str(source).lstrip("/")
        if not found.exists() and not found.is_symlink():
            raise UsageError(
                f"the backup {one.id} has no {source}", why="nothing of this path is in it",
                state="nothing was touched", next=f"vpsdeploy backup show {one.id}",
            )  # fmt: skip
        if target.is_relative_to(call.app.shared):
            _give(found, call.app.shared)
        target.parent.mkdir(parents=True, exist_ok=True)
        count = sum(one.is_file() for one in found.rglob("*")) if found.is_dir() else 1
        _put(found, target, _aside(call) / target.name, done)
    done["restored"].append(f"{target}: {count} files")
    return done


def _places(call: Call, wanted: str) -> tuple[PurePosixPath, Path]:
    """Where it was, and where it goes. A relative path is one below the shared directories."""
    given = PurePosixPath(wanted)
    if ".." in given.parts:
        raise UsageError("the path is wrong", why="it holds ..", state="nothing was touched")
    source = given if given.is_absolute() else PurePosixPath(str(call.app.shared)) / given
    to = call.request.text("to", "")
    if to:
        if not to.startswith("/") or ".." in PurePosixPath(to).parts:
            raise UsageError("--to is wrong", why="it is an absolute path on the host, without ..")
        return source, Path(to) / source.name
    if not source.is_relative_to(str(call.app.shared)) or source == PurePosixPath(str(call.app.shared)):
        raise UsageError(
            f"{source} is not put back by itself", why=f"only what is below {call.app.shared} is",
            state="nothing was touched", next="--to DIRECTORY says where it goes",
        )  # fmt: skip
    return source, Path(source)


def _scratch(call: Call, target: Path) -> Path:
    """Beside the target, so that nothing is copied twice."""
    is_shared = target.is_relative_to(call.app.shared)
    return call.app.home / ".restored" if is_shared else call.app.restored


def _aside(call: Call) -> Path:
    return call.app.home / f".replaced-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"


def _put(path: Path, target: Path, aside: Path, done: dict[str, Any]) -> None:
    """Move a file or directory to its place, and what is there aside."""
    if target.exists() or target.is_symlink():
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.move(str(target), str(aside))
        done["kept"].append(f"{target} as it was before: {aside}")
    shutil.move(str(path), str(target))


def _give(path: Path, like: Path) -> None:
    """To whom the shared directories belong here: on another host the app's user has another number."""
    owner = like.stat()
    for one in (path, *path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            os.chown(one, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _entries(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else []


def _holds_files(path: Path) -> bool:
    return not path.is_dir() or any(not one.is_dir() for one in path.rglob("*"))
