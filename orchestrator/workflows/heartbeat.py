"""Keeping our locks while a step takes long: a host that has nothing to do meanwhile would let its lease run out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.workflows.fleet import Context
from orchestrator.workflows.parallel import each

RENEW_SECONDS = 30.0
"""Between two renewals: a quarter of the shortest lease (our choice)."""


@contextmanager
def kept(context: Context) -> Iterator[None]:
    """Renew the leases of all locks that we hold, until the end.

    A renewal that fails says nothing here: the next step on that host does.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(RENEW_SECONDS):
            each(tuple(context.tokens), lambda name: context.call(name, "renew", {}))

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        over.set()
