"""Prove that people and releases still get in: by connections of their own, never by one that is open already.

A change to sshd or to a firewall leaves open connections alone, so only a new one tells anything. OpenSSH's client
speaks for people and for Ansible, our own client for releases: the two offer different key exchanges.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.errors import HostUnreachable
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh
from orchestrator.transport.ssh_check import Answer

_CONNECT_SECONDS = 10
"""Longest wait for TCP and the greeting: a firewall that drops what comes in never says no (our choice)."""

_LOGIN_SECONDS = 20
"""Longest login with its one command (our choice; it takes 0.3 s)."""

_FRESH = (
    "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "BatchMode=yes",
    "-o", f"ConnectTimeout={_CONNECT_SECONDS}", "-o", "ConnectionAttempts=3",
)  # fmt: skip
"""First on the command line, where they win; three attempts because a reload of sshd closes its port for a moment.

Source: ssh_config(5), first obtained value; sshd(8), SIGHUP.
"""

_TOO_LATE = 3
"""What the script `confirm` ends with then (playbooks/module_utils/vpsdeploy/guard_script.py)."""

Run = Callable[[list[str]], Answer]


@dataclass(frozen=True, slots=True)
class Door:
    """A host as Ansible reaches it.

    Attributes:
        host: Its address, port, key and the login of Ansible.
        known_hosts: Of its stage; read beside the user's own.
        arguments: What Ansible gives to OpenSSH's client (configuration file, options).
    """

    host: Host
    known_hosts: Path
    arguments: tuple[str, ...] = ()


def failure(door: Door, users: Sequence[str], confirm_as: str, command: str, run: Run | None = None) -> str:
    """Log in afresh as each of the users, all at once, then as the one who confirms; why it failed, or nothing.

    Args:
        door: Where.
        users: Who must be able to log in.
        confirm_as: Who runs the command, as root; empty for the login of Ansible.
        command: What confirms; it is run only where all others came in.
        run: Runs OpenSSH's client; another one in tests.
    """
    run = run or _run
    logins: list[Callable[[], str]] = [partial(_by_openssh, door, user, "true", run) for user in users]
    logins += [partial(_by_ourselves, door, user) for user in users]
    with ThreadPoolExecutor(max(1, len(logins))) as pool:
        found = [why for why in pool.map(_call, logins) if why]
    if found:
        return found[0]
    login = confirm_as or door.host.user
    return _by_openssh(door, login, command if login == "root" else f"sudo -n {command}", run)


def enters(door: Door, run: Run | None = None) -> bool:
    """Whether a fresh login as Ansible's own user works."""
    return not _by_openssh(door, door.host.user, "true", run or _run)


def _call(login: Callable[[], str]) -> str:
    return login()


def _by_openssh(door: Door, user: str, command: str, run: Run) -> str:
    key = ("-i", str(door.host.key_file)) if door.host.key_file else ()
    login = ("-p", str(door.host.port), "-l", user, door.host.address, command)
    answer = run(["ssh", *_FRESH, *door.arguments, *key, *login])
    if answer.returncode == 0:
        return ""
    if answer.returncode == _TOO_LATE:
        return f"a fresh login as {user} came too late: the host had taken the change back by then"
    lines = [line.strip() for line in (answer.stderr + answer.stdout).splitlines() if line.strip()]
    return f"a fresh login as {user} failed: {lines[-1] if lines else f'exit code {answer.returncode}'}"


def _by_ourselves(door: Door, user: str) -> str:
    stage = Stage("", door.known_hosts, door.known_hosts)
    try:
        ssh.connect(door.host, stage, user).close()
    except HostUnreachable as error:
        return f"a fresh login as {user}, as releases do it, failed: {error.why}"
    return ""


def _run(arguments: list[str]) -> Answer:
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
            timeout=_LOGIN_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Answer(arguments, 255, "", f"no answer within {_LOGIN_SECONDS} s")
    return Answer(arguments, done.returncode, done.stdout, done.stderr)
