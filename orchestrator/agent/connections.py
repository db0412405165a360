"""Open connections to the ports of a pool, as the kernel lists them.

Source: proc_net_tcp; the second column is the local address and port in hex, the fourth the state, 01 is ESTABLISHED.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

_ESTABLISHED = "01"
_QUIET_SECONDS = 0.5
"""How long there must be none: a request may be on its way from nginx's decision to its connection."""
_POLL_SECONDS = 0.1


def count(proc: Path, ports: Collection[int]) -> int:
    """Established connections whose local end is one of some ports."""
    return sum(_count_in(proc / "net" / table, ports) for table in ("tcp", "tcp6"))


def wait_for_none(proc: Path, ports: Collection[int], deadline: float) -> int:
    """Wait until nobody is connected any more; once begun, a clock that is set meanwhile changes nothing.

    Args:
        proc: The directory /proc.
        ports: Of the pool.
        deadline: Longest wait, in seconds since the epoch.
    Returns: Connections still open at the deadline (count).
    """
    quiet_since: float | None = None
    until = time.monotonic() + deadline - time.time()
    while True:
        now, still_open = time.monotonic(), count(proc, ports)
        quiet_since = None if still_open else (now if quiet_since is None else quiet_since)
        if quiet_since is not None and now - quiet_since >= _QUIET_SECONDS:
            return 0
        if now >= until:
            return still_open
        time.sleep(_POLL_SECONDS)


def _count_in(table: Path, ports: Collection[int]) -> int:
    try:
        lines = table.read_text().splitlines()[1:]
    except FileNotFoundError:
        return 0
    columns = (line.split(None, 4) for line in lines)
    return sum(
        1 for _, local, _, state, *_ in columns if state == _ESTABLISHED and int(local[-4:], 16) in ports
    )
