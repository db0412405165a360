"""One look at an SFTP server, as hosts see it: with the configuration's host key and the backups' own login."""

from __future__ import annotations

import contextlib
import io
import socket
from contextlib import closing
from typing import Any

from orchestrator.secret import Secret
from orchestrator.transport import ssh_errors

TIMEOUT_SECONDS = 20
"""Longest wait for the connection, the login and each answer (our choice; restic's own is like it)."""


def names(server: tuple[str, int, str], host_key: str, key: Secret, directory: str) -> tuple[str, ...]:
    """The names in a directory; none where it is not there.

    Args:
        server: Host, port, user.
        host_key: Kind and key, as in known_hosts.
        key: Private, in OpenSSH's format.
        directory: Relative to the user's home, or absolute.
    Raises: OSError: it cannot be looked at; its text says why.
    """
    import paramiko  # late: 0.3 s

    ssh_errors.quiet()
    host, port, user = server
    try:
        plain = socket.create_connection((host, port), TIMEOUT_SECONDS)
        with closing(plain), closing(paramiko.Transport(plain)) as transport:
            _use_type_of(transport, host_key)
            transport.start_client(timeout=TIMEOUT_SECONDS)
            _check(transport.get_remote_server_key(), host_key)
            transport.auth_publickey(user, _loaded(key))
            return _listed(transport, directory)
    except (paramiko.SSHException, EOFError) as error:
        raise OSError(str(error) or type(error).__name__) from error


def _listed(transport: Any, directory: str) -> tuple[str, ...]:
    import paramiko

    client = paramiko.SFTPClient.from_transport(transport)
    channel = client.get_channel() if client else None
    if client is None or channel is None:
        raise OSError("the server has no SFTP")
    channel.settimeout(TIMEOUT_SECONDS)
    try:
        return tuple(sorted(client.listdir(directory)))
    except FileNotFoundError:
        return ()


def _loaded(key: Secret) -> Any:
    """Of whatever type somebody has set; the one that we make is Ed25519."""
    import paramiko

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with contextlib.suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(key.reveal()))
    raise OSError("the backups' SSH key cannot be read")


def _use_type_of(transport: Any, host_key: str) -> None:
    """Ask the server for the key that we know: a server has several."""
    kind = host_key.split()[0]
    wanted = ("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,)
    transport.get_security_options().key_types = wanted


def _check(presented: Any, host_key: str) -> None:
    found = f"{presented.get_name()} {presented.get_base64()}"
    if found != " ".join(host_key.split()[:2]):
        raise OSError(f"its host key is not the one in vpsdeploy.yml, but {found[:40]}...")
