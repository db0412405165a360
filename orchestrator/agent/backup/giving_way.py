"""A backup makes way for whoever is served, but not for ever: a host that never rests has to have backups, too.

The units lie in a slice of the class `idle`. Where every processor is busy all the time, by an app that spins perhaps,
that is three thousandths of one, and a backup would never end; so the slice gets a weight after a while.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.agent.call import Call

SLICE = "vpsdeploy.slice"
IDLE, HURRIED = "idle", "10"
"""systemd's CPUWeight: behind everybody; a tenth of what an app's slice has (role agent, role app)."""

PATIENCE_SECONDS = 3600.0
"""Most backups end sooner, also where much is new (our choice)."""

_AGAIN_SECONDS = 60.0
"""Another app's backup that begins meanwhile takes the weight away."""


@contextmanager
def giving_way(call: Call) -> Iterator[None]:
    """Behind everybody at first; with a weight of its own once it lasts."""
    if (call.layout.slice_settings / f"{SLICE}.d").exists():
        _weigh(call, IDLE)  # one that was killed while it hurried has left it so
    ended = threading.Event()
    thread = threading.Thread(target=_hurry, args=(call, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _hurry(call: Call, ended: threading.Event) -> None:
    if ended.wait(PATIENCE_SECONDS):
        return
    _weigh(call, HURRIED)
    while not ended.wait(_AGAIN_SECONDS):
        _weigh(call, HURRIED)
    _weigh(call, IDLE)


def _weigh(call: Call, weight: str) -> None:
    """Whatever systemd says: a backup that is slow is better than none."""
    call.systemd.ask(["systemctl", "set-property", "--runtime", SLICE, f"CPUWeight={weight}"])
