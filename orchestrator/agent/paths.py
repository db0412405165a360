"""Paths that come from outside: relative, inside, and writing through none of their links."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from orchestrator.agent.failures import UsageError

_MOST_PATH_BYTES = 3000
_MOST_NAME_BYTES = 255


def checked(path: object) -> str:
    """A path relative to the app's directory, that stays inside it.

    Raises: UsageError: absolute, with "..", or not a path at all.
    """
    if not isinstance(path, str) or not _is_inside(path):
        raise UsageError("the manifest is wrong", why=f"{str(path)[:200]!r} is not a path inside the app")
    return path


def checked_link(path: str, target: object) -> str:
    """The target of a symbolic link at `path`, that leads nowhere outside, without its doubled slashes.

    ".." is allowed at the start only: the link's own parents are real directories, so those steps are what they
    look like. A ".." after a name could step up from the target of another link.
    """
    named = target.split("/") if isinstance(target, str) else []
    parts = named[:1] + [part for part in named[1:] if part]
    ups = next((index for index, part in enumerate(parts) if part not in ("..", ".")), len(parts))
    landing = posixpath.normpath(posixpath.join(posixpath.dirname(path), "/".join(parts)))
    outside = landing == ".." or landing.startswith(("../", "/"))
    if not parts or not parts[0] or ".." in parts[ups:] or outside or not _is_clean("/".join(parts)):
        raise UsageError(
            "the manifest is wrong", why=f"the link {path} -> {str(target)[:200]!r} leads outside the app"
        )
    return "/".join(parts)


def check_tree(paths: Iterable[str]) -> None:
    """Check that paths can stand in one tree: none twice, none beneath a file or a link.

    Raises: UsageError: naming one that cannot.
    """
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise UsageError("the manifest is wrong", why=f"{path!r} is named twice")
        seen.add(path)
    parents = {parent for path in seen for parent in parents_of(path)}
    for path in parents & seen:
        raise UsageError("the manifest is wrong", why=f"{path!r} is a file and a directory")


def parents_of(path: str) -> Iterable[str]:
    """The directories that a path stands in, the nearest first."""
    while path := posixpath.dirname(path):
        yield path


def _is_inside(path: str) -> bool:
    return _is_clean(path) and all(
        part not in ("", ".", "..") and len(part.encode()) <= _MOST_NAME_BYTES for part in path.split("/")
    )


def _is_clean(path: str) -> bool:
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= _MOST_PATH_BYTES and not any(
        ord(character) < 32 or ord(character) == 127 for character in path
    )
