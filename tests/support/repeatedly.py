"""Something that is done again and again beside whatever else runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_END_SECONDS = 60


@contextmanager
def repeatedly(act: Callable[[], None], pause_seconds: float) -> Iterator[None]:
    """Call it with pauses while the block runs, and wait for the last call to end."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(pause_seconds):
            act()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_END_SECONDS)
