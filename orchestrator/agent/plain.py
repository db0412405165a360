"""Tell nginx on this host that nothing but the flip decides, which is so nearly always: `routes/<app>/plain-<count>`.

nginx asks for sizes, hosts that are out and canaries by a file each, for each request; this one spares it the others,
where both pools have the same size. It may be missing at any time, which costs microseconds, but never be there
wrongly: it goes, for good, before any of the others comes, and comes back after the last of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from orchestrator.agent import durable
from orchestrator.agent.layout import AppLayout

_COLOURS = ("blue", "green")


@contextlib.contextmanager
def deciding(app: AppLayout) -> Iterator[None]:
    """Around each change of what decides beside the flip."""
    for marker in app.routes.glob("plain-*"):
        durable.remove(marker)
    yield
    settle(app)


def settle(app: AppLayout) -> None:
    """Put the marker there where it may be. A full disk is no error: requests take the longer way."""
    count = _size(app)
    if count is None or _is_decided(app):
        return
    marker = app.routes / f"plain-{count}"
    if not marker.exists():
        with contextlib.suppress(OSError):
            durable.write(marker, b"")


def _size(app: AppLayout) -> str | None:
    """The size that every pool has which was told one; None where they differ or none was."""
    sizes = {path.name.rpartition("_")[2] for path in app.sizes.glob(f"{app.name}_*_*")}
    return sizes.pop() if len(sizes) == 1 else None


def _is_decided(app: AppLayout) -> bool:
    """Whether a host is out or a canary runs; links to what is gone count, too."""
    canaries = (app.canary(colour) for colour in _COLOURS)
    return any(app.without.glob("[!.]*")) or any(link.is_symlink() or link.exists() for link in canaries)
