"""Several things at once, each in a thread of its own, for so long and no longer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

Got = TypeVar("Got")


def at_once(acts: Mapping[str, Callable[[], Got]], seconds: float) -> Iterator[tuple[str, Got | Exception]]:
    """Hand over what came of each as it comes; what has not ended in time is left behind.

    The threads are daemons: what hangs (a name server, a dead mount) keeps neither the others nor our end.

    Args:
        acts: What to do, by name.
        seconds: For all together.
    Yields: a name, and what was returned, or raised; TimeoutError for what has not ended.
    """
    done: queue.SimpleQueue[tuple[str, Got | Exception]] = queue.SimpleQueue()
    for name in acts:
        threading.Thread(
            target=lambda one: done.put((one, _caught(acts[one]))), args=(name,), daemon=True
        ).start()
    deadline, left = time.monotonic() + seconds, dict.fromkeys(acts)
    while left:
        try:
            name, result = done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        del left[name]
        yield name, result
    for name in left:
        yield name, TimeoutError(f"no answer within {seconds:g} s")


def _caught(act: Callable[[], Got]) -> Got | Exception:
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - a thread must hand over whatever went wrong
        return error
