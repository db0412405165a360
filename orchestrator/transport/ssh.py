"""SSH connections to hosts: strict host keys, bounded waits, one connection per host for a whole command.

Fabric opens the connection (it knows ~/.ssh/config, so a ProxyJump works); commands run on channels of our own,
because Fabric's `in_stream` reads standard input byte by byte. Figures on one machine with paramiko 5.1: login
50 ms, a further command 6 ms, 100 MB/s with the default ciphers, so nothing is tuned.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestrator.transport import ssh_errors, ssh_hostkeys
from orchestrator.transport.ssh_channel import Session

if TYPE_CHECKING:
    import fabric
    import paramiko

    from orchestrator.model.fleet import Host, Stage

DEPLOY_USER = "deploy"
"""Whom releases log in as; sudo allows this user the agent and nothing else."""

CONNECT_TIMEOUT_SECONDS = 10
"""Longest wait for TCP, for the banner, for the login and for a new channel; Fabric's default is for ever."""

KEEPALIVE_SECONDS = 15
"""Pause after which an idle connection is probed, so that a lost host is noticed and a NAT entry stays open."""

LOST_SECONDS = 20
"""How long what was sent may stay unacknowledged until the host counts as lost; Linux would wait for 15 minutes.

A third of the time in which a load balancer wants a flip confirmed: the others can still be told before it is over.
Source: tcp(7), TCP_USER_TIMEOUT, tcp_retries2.
"""


class Connection:
    """One open SSH connection; close it with `close` or as a context manager."""

    def __init__(self, host: Host, user: str, fabric_connection: fabric.Connection) -> None:
        self.host, self.user, self._fabric = host, user, fabric_connection

    def run(self, command: str) -> Session:
        """Start a command on a channel of its own.

        Raises: HostUnreachable: the connection is gone.
        """
        try:
            channel = self._fabric.transport.open_session(timeout=CONNECT_TIMEOUT_SECONDS)
            channel.exec_command(command)
        except (OSError, EOFError, ssh_errors.ssh_exception()) as error:
            raise ssh_errors.lost(self.host, error) from error
        return Session(self.host, channel)

    def close(self) -> None:
        """Close; a connection that is broken already is no error."""
        with suppress(OSError, EOFError, ssh_errors.ssh_exception()):
            self._fabric.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prepare() -> None:
    """Import what a connection needs. Late: it costs 0.1 s, and --help needs none of it."""
    import fabric  # noqa: F401 - imported for those who ask for it next


def connect(host: Host, stage: Stage, user: str | None = DEPLOY_USER) -> Connection:
    """Log in.

    Args:
        host: Where to.
        stage: Names the known_hosts file that is read beside the user's own.
        user: Login name; None takes the inventory's (root or a sudoer).
    Raises: HostUnreachable: no answer, an unknown or changed host key, or a refused login.
    """
    login = user or host.user
    opened = _fabric_connection(host, stage, login)
    try:
        opened.open()
    except (OSError, EOFError, ssh_errors.ssh_exception()) as error:
        opened.close()
        raise ssh_errors.refused(host, stage, login, error) from error
    except BaseException:
        opened.close()
        raise
    opened.transport.set_keepalive(KEEPALIVE_SECONDS)
    return Connection(host, login, opened)


def _fabric_connection(host: Host, stage: Stage, login: str) -> fabric.Connection:
    import fabric  # late: see prepare

    ssh_errors.quiet()
    kwargs: dict[str, Any] = {
        "banner_timeout": CONNECT_TIMEOUT_SECONDS,
        "auth_timeout": CONNECT_TIMEOUT_SECONDS,
        "channel_timeout": CONNECT_TIMEOUT_SECONDS,
    }
    if host.key_file:
        kwargs |= {"key_filename": [str(host.key_file)], "look_for_keys": False, "allow_agent": False}
    made = fabric.Connection(
        host.address,
        user=login,
        port=host.port,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        connect_kwargs=kwargs,
    )
    name = ssh_hostkeys.lookup_name(made.host, made.port)
    made.connect_kwargs["transport_factory"] = _transport_factory(stage, name)
    made.client.set_missing_host_key_policy(_strict_policy(host, stage, name))
    return made


def _strict_policy(host: Host, stage: Stage, name: str) -> paramiko.MissingHostKeyPolicy:
    """Asked for every key, because the client itself is given none: paramiko looks at one key a type only."""
    from paramiko import MissingHostKeyPolicy

    class Strict(MissingHostKeyPolicy):
        def missing_host_key(self, _client: paramiko.SSHClient, _hostname: str, key: paramiko.PKey) -> None:
            ssh_hostkeys.check(host, stage, name, key)

    return Strict()


def _transport_factory(stage: Stage, name: str) -> Any:
    """Transports without Nagle's delay that notice a lost host and ask it for a type of key that we know."""
    import paramiko

    def make(sock: Any, **kwargs: Any) -> paramiko.Transport:
        with suppress(OSError, AttributeError):  # behind a ProxyJump it is no socket
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_SECONDS * 1000)
        transport = paramiko.Transport(sock, **kwargs)
        wanted = _signature_types({key.get_name() for key in ssh_hostkeys.known_keys(stage, name)})
        options = transport.get_security_options()
        offered = list(options.key_types)
        options.key_types = sorted(offered, key=lambda kind: kind not in wanted)
        return transport

    return make


def _signature_types(key_types: set[str]) -> set[str]:
    """An RSA key signs with SHA-2. Source: RFC 8332, section 3."""
    return key_types | ({"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in key_types else set())
