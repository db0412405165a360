"""Files that are not as their packages brought them, and programs that run as root and belong to no package."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from orchestrator.agent.systemd import Systemd

_LEFT_OUT = (
    "/usr/share/doc/",
    "/usr/share/man/",
    "/usr/share/locale/",
    "/usr/share/info/",
    "/usr/share/lintian/",
)
"""Minimal images lack them on purpose (dpkg.cfg.d, path-exclude)."""

_CHANGED = "5"
"""Third mark of dpkg's line: the digest differs. Source: dpkg(1), --verify-format rpm."""

_MISSING = "missing"
_CONFIGURATION = " c "

_SETTING = stat.S_ISUID | stat.S_ISGID
_FLEETING = ("/dev", "/proc", "/run", "/sys")
"""Kept in memory: gone with the next boot."""


def changed(systemd: Systemd) -> tuple[str, ...]:
    """Files of packages whose content is another, or that are gone. Configuration is the administrator's to change.

    dpkg does it itself, by what it noted at the installation: no other program, and no list of ours.
    """
    return tuple(sorted(parse(systemd.program(["dpkg", "--verify"]).output)))


def parse(verified: str) -> Iterator[str]:
    """The findings in the output of `dpkg --verify`: `??5?????? c /etc/x`, `missing     /usr/bin/y`."""
    for line in verified.splitlines():
        marks, _, path = line.partition("/")
        path = f"/{path}"
        if _CONFIGURATION in marks or path.startswith(_LEFT_OUT):
            continue
        if marks.startswith(_MISSING):
            yield f"{path.removesuffix(' (Permission denied)')} is missing"
        elif marks[2:3] == _CHANGED:
            yield f"{path} is not what its package brought"


def privileged(systemd: Systemd, root: Path) -> tuple[str, ...]:
    """Programs that run as somebody else whoever starts them (setuid, setgid) and that no package has brought."""
    found = sorted(_setting(root))
    owned = _owned(systemd, found)
    return tuple(
        f"{path} runs as its owner or group, and is of no package" for path in found if path not in owned
    )


def _setting(root: Path) -> Iterator[str]:
    """Files with such a bit, on every file system that outlives a boot and where anybody but root can reach them.

    What lies behind a directory of root's alone (images of containers) gives nobody anything.
    """
    base = str(root).rstrip("/")
    fleeting = {base + path for path in _FLEETING}
    waiting = [base or "/"]
    while waiting:
        for path, found in _entries(waiting.pop()):
            if stat.S_ISDIR(found.st_mode):
                if path not in fleeting and not _closed(found):
                    waiting.append(path)
            elif stat.S_ISREG(found.st_mode) and found.st_mode & _SETTING:
                yield path.removeprefix(base)


def _entries(directory: str) -> Iterator[tuple[str, os.stat_result]]:
    """What is in a directory; what vanishes meanwhile is passed over."""
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    yield entry.path, entry.stat(follow_symlinks=False)
    except OSError:
        return


def _closed(found: os.stat_result) -> bool:
    return (found.st_uid, found.st_gid, found.st_mode & stat.S_IXOTH) == (0, 0, 0)


def _owned(systemd: Systemd, paths: Sequence[str]) -> set[str]:
    """Those that a package has brought. Debian 12's packages name some by what is a link now: /bin for /usr/bin."""
    if not paths:
        return set()
    asked = [name for path in paths for name in dict.fromkeys((path, path.removeprefix("/usr")))]
    told = systemd.program(["dpkg-query", "--search", *asked]).output
    known = set(_searched(told.splitlines()))
    return {path for path in paths if path in known or path.removeprefix("/usr") in known}


def _searched(lines: Iterable[str]) -> Iterator[str]:
    """`package: /path`; a line about a diversion has a path of its own kind and counts as none."""
    return (line.partition(": ")[2] for line in lines if not line.startswith("diversion by "))
