"""What went wrong with a connection, in our words."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from orchestrator.errors import HostUnreachable

if TYPE_CHECKING:
    from orchestrator.model.fleet import Host, Stage


_TURNED_AWAY = re.compile(r"(closed|reset) by|protocol banner", re.IGNORECASE)
"""What the clients say where sshd hangs up before its greeting: OpenSSH's words and paramiko's."""


def ssh_exception() -> type[Exception]:
    """paramiko's base class, imported only where a connection exists."""
    from paramiko import SSHException

    return SSHException


def quiet() -> None:
    """paramiko's threads print tracebacks of what is told as an error of ours."""
    logging.getLogger("paramiko.transport").setLevel(logging.CRITICAL)


def refused(host: Host, stage: Stage, login: str, error: Exception) -> HostUnreachable:
    """No connection could be opened."""
    from paramiko import AuthenticationException, PasswordRequiredException

    where = f"{host.name} ({stage.name})"
    if isinstance(error, PasswordRequiredException):
        return HostUnreachable(
            "the SSH key needs its passphrase", host=where, why=f"{host.key_file or 'the key'} is encrypted",
            state="nothing was sent to the host",
            next="ssh-add, and leave ansible_ssh_private_key_file out of the inventory",
        )  # fmt: skip
    if isinstance(error, AuthenticationException):
        return _wrong_key(host, where, login, error)
    return HostUnreachable(
        "no SSH connection", host=where, why=f"{host.address} port {host.port}: {_text(error)}",
        state="nothing was sent to the host",
        next=check_address(host, stage, login, _text(error)),
    )  # fmt: skip


def check_address(host: Host, stage: Stage, login: str, said: str) -> str:
    """What to do where no connection came about.

    Source: sshd_config(5), PerSourcePenalties (OpenSSH 9.8): 5 s for a failed login, turned away from 15 s on.
    """
    check = f"check the address in {stage.path} and that the host is up: ssh -p {host.port} {login}@{host.address}"
    if not _TURNED_AWAY.search(said):
        return check
    return f"after several failed logins sshd turns an address away for a while: wait a minute, try again\nelse {check}"


def _wrong_key(host: Host, where: str, login: str, error: Exception) -> HostUnreachable:
    key = str(host.key_file) if host.key_file else "the SSH agent's keys and ~/.ssh/id_*"
    return HostUnreachable(
        "the login was refused", host=where, why=f"{login}@{host.address} does not accept {key}: {_text(error)}",
        state="nothing was changed",
        next=f"wrong key, or not provisioned with it yet: vpsdeploy provision host {host.name}",
    )  # fmt: skip


def lost(host: Host, error: Exception | None, step: str = "") -> HostUnreachable:
    """An open connection went away."""
    return HostUnreachable(
        "the SSH connection was lost", host=host.name, step=step, why=_text(error) if error else "the host closed it",
        next="vpsdeploy status",
    )  # fmt: skip


def _text(error: Exception) -> str:
    name = type(error).__name__
    return str(error).strip() or {"TimeoutError": "no answer in time", "EOFError": "closed by the host"}.get(
        name, name
    )
