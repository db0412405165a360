"""What a provider's machine does for a VPS that restarts itself. A sandbox host that does so stays off by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.errors import SandboxError
from orchestrator.sandbox.lifecycle import Lifecycle
from orchestrator.sandbox.machine import Machine
from orchestrator.workflows import sandbox

_LOOK_SECONDS = 0.5
_OFF = "stopped"


def _started(name: str, host: str) -> bool:
    """A host that is still going down cannot be started yet."""
    try:
        sandbox.power_on(name, host)
    except SandboxError:
        return False
    return True


@contextmanager
def restarting(name: str) -> Iterator[list[str]]:
    """Start every host of a sandbox again that goes down meanwhile. Yields: their names, in order."""
    over, started = threading.Event(), list[str]()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            for host in Lifecycle(Machine()).status(name).hosts:
                if host.state == _OFF and _started(name, host.name):
                    started.append(host.name)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield started
    finally:
        over.set()
        thread.join(60)
