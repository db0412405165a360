"""One command on a host: bytes in, lines out, with bounded memory on both sides.

Writing blocks while SSH's flow-control window is full, so a 100 MB stream holds one block in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator.transport import ssh_errors

if TYPE_CHECKING:
    import paramiko

    from orchestrator.model.fleet import Host

BLOCK_BYTES = 64 * 1024
STDERR_TAIL_BYTES = 8 * 1024
"""How much of standard error is kept for a message: the end of it."""

_GONE = (OSError, EOFError)
"""What paramiko raises where the connection is gone: EOFError while a packet is written (packet.py, write_all).
SSHException where it is gone in the middle of a new exchange of keys (transport.py, _send_user_message)."""


class Session:
    """A running command: send, then read; the exit code last."""

    def __init__(self, host: Host, channel: paramiko.Channel) -> None:
        self.host, self.channel = host, channel
        self._stderr = b""

    def send(self, blocks: Iterable[bytes]) -> None:
        """Write to standard input.

        A command that has stopped reading is no error here: its answer says why.
        Raises: HostUnreachable: the connection is gone.
        """
        try:
            for block in blocks:
                self.channel.sendall(block)
        except (*_GONE, ssh_errors.ssh_exception()) as error:
            if not self._answered():
                raise ssh_errors.lost(self.host, error) from error

    def end(self) -> None:
        """Close standard input."""
        with suppress(*_GONE, ssh_errors.ssh_exception()):  # a lost connection shows when the answer is read
            self.channel.shutdown_write()

    def lines(self) -> Iterator[bytes]:
        """Standard output line by line, as it comes; the last one perhaps without its newline."""
        rest = b""
        for block in self.blocks():
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
        if rest:
            yield rest

    def blocks(self) -> Iterator[bytes]:
        """Standard output as it comes."""
        while block := self._receive():
            yield block

    def exit_code(self) -> int:
        """Wait for the end. Raises: HostUnreachable: the host closed without a code."""
        self._drain_stderr()
        code = self.channel.recv_exit_status()
        if code < 0:
            raise ssh_errors.lost(self.host, None)
        return code

    def stderr_tail(self) -> str:
        """The end of standard error."""
        self._drain_stderr()
        return self._stderr.decode(errors="replace").strip()

    def close(self) -> None:
        """Give the channel up; what the host runs goes on. Of a connection that is gone, nothing is left to close."""
        with suppress(*_GONE, ssh_errors.ssh_exception()):
            self.channel.close()

    def _receive(self) -> bytes:
        try:
            block = self.channel.recv(BLOCK_BYTES)
        except (
            *_GONE,
            ssh_errors.ssh_exception(),
        ) as error:  # what was read makes room, and the host is told so
            raise ssh_errors.lost(self.host, error) from error
        self._drain_stderr()
        return block

    def _drain_stderr(self) -> None:
        with suppress(*_GONE, ssh_errors.ssh_exception()):  # a lost connection shows when the answer is read
            while self.channel.recv_stderr_ready():
                self._stderr = (self._stderr + self.channel.recv_stderr(BLOCK_BYTES))[-STDERR_TAIL_BYTES:]

    def _answered(self) -> bool:
        return (
            self.channel.recv_ready() or self.channel.exit_status_ready() or bool(self.channel.eof_received)
        )
