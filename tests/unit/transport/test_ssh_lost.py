"""A connection whose other end is gone without a word: a power cut, a cable."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

from orchestrator.model.fleet import Host, Stage
from orchestrator.plan.release import CONFIRM_SECONDS
from orchestrator.transport import ssh

STAGE = Stage("live", Path("hosts.yml"), Path("known_hosts"), (Host("web-1", "127.0.0.1"),))


def test_what_is_not_acknowledged_ends_the_connection() -> None:
    """Linux by itself would go on for a quarter of an hour, and the release with it."""
    server = socket.create_server(("127.0.0.1", 0))
    with closing(server), closing(socket.create_connection(server.getsockname())) as ours:
        ssh._transport_factory(STAGE, "127.0.0.1")(ours)
        limit_ms = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert limit_ms == ssh.LOST_SECONDS * 1000


def test_a_lost_load_balancer_is_noticed_while_the_others_can_still_be_told() -> None:
    """The undo has to come before the timers of the load balancers, with an idle connection's probe before it."""
    assert ssh.KEEPALIVE_SECONDS + ssh.LOST_SECONDS + ssh.CONNECT_TIMEOUT_SECONDS < CONFIRM_SECONDS
