"""Tell nginx on this host that one pool gets everything, as nearly always: `routes/<app>/plain-<count>-<colour>`.

nginx asks for the flip, maintenance, sizes, hosts that are out and canaries by a file each, for each request; this one
says it all at once, where both pools have the same size. It may be missing at any time, which costs microseconds, but
never be there wrongly: it goes, for good, before any of the others changes, and comes back after it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from orchestrator.agent import durable
from orchestrator.agent.layout import AppLayout

_COLOURS = ("blue", "green")


@contextlib.contextmanager
def deciding(app: AppLayout) -> Iterator[None]:
    """Around each change of what decides."""
    with _alone(app):
        for marker in app.routes.glob("plain-*"):
            durable.remove(marker)
        yield
        _settle(app)


def settle(app: AppLayout) -> None:
    """Put the marker there where it may be. A full disk is no error: requests take the longer way."""
    if app.routes.is_dir():
        with _alone(app):
            _settle(app)


@contextlib.contextmanager
def _alone(app: AppLayout) -> Iterator[None]:
    """One at a time: maintenance may come while a flip does. To lock the directory itself needs no room on the disk."""
    descriptor = os.open(app.routes, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _settle(app: AppLayout) -> None:
    count = _size(app)
    if count is None or _is_decided(app):
        return
    marker = app.routes / f"plain-{count}-{'green' if app.green_marker.exists() else 'blue'}"
    if not marker.exists():
        with contextlib.suppress(OSError):
            durable.write(marker, b"")


def _size(app: AppLayout) -> str | None:
    """The size that every pool has which was told one; None where they differ or none was."""
    sizes = {path.name.rpartition("_")[2] for path in app.sizes.glob(f"{app.name}_*_*")}
    return sizes.pop() if len(sizes) == 1 else None


def _is_decided(app: AppLayout) -> bool:
    """Whether the app is closed, a host is out or a canary runs; links to what is gone count, too."""
    links = (app.closed, *(app.canary(colour) for colour in _COLOURS))
    return any(app.without.glob("[!.]*")) or any(link.is_symlink() or link.exists() for link in links)
