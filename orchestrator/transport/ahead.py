"""Work on a stream by several threads, in order, a few items ahead of whoever takes the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_order(
    act: Callable[[Item], Made], items: Iterable[Item], workers: int = 2, ahead: int = 8
) -> Iterator[Made]:
    """What `act` makes of each item, in their order.

    Args:
        act: Called in threads; worth it where it leaves Python (hashing, compression).
        items: Taken as they are needed.
        workers: Threads.
        ahead: Results that may wait (count): what is held in memory.
    """
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Made]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(act, item))
                if len(pending) > ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
