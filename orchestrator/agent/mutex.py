"""One changing verb at a time for one app on this host. The kernel gives it back whatever kills us."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agent.failures import LockHeld

_POLL_SECONDS = 0.05


@contextlib.contextmanager
def held(path: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the mutex.

    Raises: LockHeld: another verb of the app did not end in time.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LockHeld(
                    "another step of the app is running on this host", next="try again later"
                ) from None
            time.sleep(_POLL_SECONDS)
