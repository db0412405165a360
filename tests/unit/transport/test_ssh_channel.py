"""transport/ssh_channel.py: a connection that is gone is said to be gone, however paramiko says it."""

from __future__ import annotations

from typing import Any

import pytest
from paramiko import SSHException

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

    def close(self) -> None:
        """Fails."""
        raise self._error

    def recv_stderr_ready(self) -> bool:
        """Something came."""
        return True

    def recv_stderr(self, _: int) -> bytes:
        """Fails."""
        raise self._error

    def recv_exit_status(self) -> int:
        """What paramiko says where no code came."""
        return -1

    def recv_ready(self) -> bool:
        """Nothing came."""
        return False

    def exit_status_ready(self) -> bool:
        """No code came."""
        return False


@pytest.mark.parametrize(
    "error", [OSError("Socket is closed"), EOFError(), SSHException("Key-exchange timed out")]
)
def test_a_lost_connection_is_one_error(error: Exception) -> None:
    """While something is sent, an answer or a code waited for; the end of a body is told in vain, and so is our own."""
    channel: Any = Broken(error)
    session = Session(Host("web-1", "10.0.0.1"), channel)
    with pytest.raises(HostUnreachable, match="the SSH connection was lost"):
        session.send([b"block"])
    with pytest.raises(HostUnreachable, match="the SSH connection was lost"):
        list(session.lines())
    with pytest.raises(HostUnreachable, match="the SSH connection was lost"):
        session.exit_code()
    assert session.stderr_tail() == ""
    session.end()
    session.close()
