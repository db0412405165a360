"""transport/ssh_channel.py: a connection that is gone is said to be gone, however paramiko says it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import HostUnreachable
from orchestrator.model.fleet import Host
from orchestrator.transport.ssh_channel import Session


class Broken:
    """A channel whose connection is gone."""

    eof_received = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def sendall(self, _: bytes) -> None:
        """Fails."""
        raise self._error

    def recv(self, _: int) -> bytes:
        """Fails."""
        raise self._error

    def shutdown_write(self) -> None:
        """Fails."""
        raise self._error

    def recv_ready(self) -> bool:
        """Nothing came."""
        return False

    def exit_status_ready(self) -> bool:
        """No code came."""
        return False


@pytest.mark.parametrize("error", [OSError("Socket is closed"), EOFError()])
def test_a_lost_connection_is_one_error(error: Exception) -> None:
    """While something is sent, and while an answer is waited for; the end of a body is told in vain."""
    channel: Any = Broken(error)
    session = Session(Host("web-1", "10.0.0.1"), channel)
    with pytest.raises(HostUnreachable, match="the SSH connection was lost"):
        session.send([b"block"])
    with pytest.raises(HostUnreachable, match="the SSH connection was lost"):
        list(session.lines())
    session.end()
