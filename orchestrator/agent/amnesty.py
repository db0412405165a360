"""Somebody with a key comes from a client that fail2ban has banned: the ban ends, as no new one would be made.

Without it the next release's own probe would wait for an answer until the ban is over.
"""

from __future__ import annotations

import contextlib

from orchestrator.agent import programs
from orchestrator.agent.layout import Layout


def grant(layout: Layout, address: str) -> None:
    """End fail2ban's bans of a client. What cannot be read or ended is no reason to refuse a verb."""
    if not layout.fail2ban_file.exists():
        return
    import sqlite3  # late, as is the rest: once a day for each client

    from orchestrator.agent import ban_list, trust

    with contextlib.suppress(OSError, ValueError, sqlite3.Error):
        network = trust.client(address)
        ours = (ban for ban in ban_list.own(layout) if ban.source != ban_list.ADDED)
        for banned in {ban.address for ban in ours if ban_list.overlaps(ban.network, network)}:
            programs.run(["fail2ban-client", "unban", banned])
