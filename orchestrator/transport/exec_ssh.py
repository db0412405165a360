"""A one-off command on a host, joined to our own standard input, output and error.

In a terminal the host gives the command a terminal too, and ours goes raw: line editing and Ctrl-C are the command's.
"""

from __future__ import annotations

import os
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from orchestrator.transport import agent_protocol, ssh_errors
from orchestrator.transport.ssh_channel import BLOCK_BYTES

if TYPE_CHECKING:
    from orchestrator.transport.agent_ssh import SshFleet
    from orchestrator.transport.ssh_channel import Session

_ERROR_BEGIN = b'{"event":"error"'
"""How an answer begins that is the agent's, not the command's."""


def run(fleet: SshFleet, host: str, argv: tuple[str, ...]) -> int:
    """Run a command in the app's directory, user, environment and sandbox.

    Returns: its exit code.
    Raises: VpsdeployError: the agent could not start it; HostUnreachable: the connection was lost.
    """
    return joined(fleet, host, "exec", {"argv": list(argv)})


def joined(fleet: SshFleet, host: str, verb: str, request: dict[str, Any]) -> int:
    """Carry out a verb that runs a command, with our standard input, output and error as the command's.

    Returns: its exit code.
    Raises: VpsdeployError: the agent could not start it; HostUnreachable: the connection was lost.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    session = fleet.begin(host, verb, {**request, "tty": terminal})
    try:
        with _raw(terminal):
            return _joined(host, session)
    finally:
        session.close()


def _joined(host: str, session: Session) -> int:
    threading.Thread(target=_forward_input, args=(session,), daemon=True).start()
    errors = threading.Thread(target=_copy, args=(session.channel.recv_stderr, 2), daemon=True)
    errors.start()
    first = session.channel.recv(BLOCK_BYTES)
    if first.startswith(_ERROR_BEGIN):
        _raise_if_error(host, first)
    _write(1, first)
    _copy(session.channel.recv, 1)
    errors.join()
    code = session.channel.recv_exit_status()
    if code < 0:
        raise ssh_errors.lost(session.host, None)
    return code


def _raise_if_error(host: str, line: bytes) -> None:
    answer = agent_protocol.parse_line(line)
    if answer and answer.get("event") == "error":
        raise agent_protocol.error_from(host, answer)


def _forward_input(session: Session) -> None:
    with suppress(
        OSError, EOFError, ssh_errors.ssh_exception()
    ):  # a lost connection shows where the answer is read
        while block := os.read(0, BLOCK_BYTES):
            session.channel.sendall(block)
        session.channel.shutdown_write()


def _copy(receive: Callable[[int], bytes], descriptor: int) -> None:
    while block := receive(BLOCK_BYTES):
        _write(descriptor, block)


def _write(descriptor: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def _raw(terminal: bool) -> Iterator[None]:
    """Our terminal without echo and signals of its own, and as it was afterwards."""
    if not terminal:
        yield
        return
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
