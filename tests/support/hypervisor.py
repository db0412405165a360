"""What a provider's machine does for a VPS that restarts itself. A sandbox host that does so stays off by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.errors import SandboxError
from orchestrator.sandbox.lifecycle import Lifecycle
from orchestrator.sandbox.machine import Machine
from orchestrator.workflows import sandbox
from tests.support.repeatedly import repeatedly

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
    started = list[str]()

    def look() -> None:
        for host in Lifecycle(Machine()).status(name).hosts:
            if host.state == _OFF and _started(name, host.name):
                started.append(host.name)

    with repeatedly(look, _LOOK_SECONDS):
        yield started
