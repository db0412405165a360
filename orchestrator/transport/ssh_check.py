"""Ask a host, before anything is changed, whether Ansible gets through: SSH, host key, login, sudo, Python.

Asked with the OpenSSH client and the configuration that Ansible is given, so that both see the same; the connection
stays open and Ansible goes on with it, so the question costs nothing.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import HostNotReady, HostUnreachable, VpsdeployError
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh, ssh_errors, ssh_options

_TIMEOUT_SECONDS = 45
"""Longest wait for the answer: ConnectTimeout, login, sudo's look at its rules, and 30 s for a further question."""

_MAX_AT_ONCE = 32
"""Most hosts asked at the same time (our choice)."""

_NO_CONNECTION = 255
"""The client's own exit code. Source: ssh(1), EXIT STATUS."""

_NO_PYTHON = 91
"""Exit code of our question where Python is missing (ours: used by neither ssh nor sudo)."""

_REFUSED, _SUDO_PASSWORD, _SUDO_REFUSED = "the login was refused", "sudo needs a password", "sudo was refused"
_TRY_ANOTHER = (_REFUSED, _SUDO_PASSWORD, _SUDO_REFUSED)
"""What speaks against a login, and not against the host."""

_UNTOUCHED = "nothing was changed on any host"

Answer = subprocess.CompletedProcess[str]
Run = Callable[[list[str]], Answer]


@dataclass(frozen=True, slots=True)
class Reached:
    """A host's answer.

    Attributes:
        error: What is wrong; None where all is well.
        said: What the further question was answered with.
        host: The host, with the login that got through.
    """

    error: VpsdeployError | None
    said: str
    host: Host


def ask_all(
    config: Path, stage: Stage, hosts: tuple[Host, ...], further: Callable[[Host], str]
) -> list[Reached]:
    """Ask all hosts at once, and a further question in the same breath; in the order of the hosts.

    Args:
        config: As written by ssh_options.write.
        stage: Of the hosts.
        hosts: Whom to ask.
        further: Makes a shell command that never fails.
    """
    with ThreadPoolExecutor(max_workers=_MAX_AT_ONCE) as pool:
        return list(pool.map(lambda host: ask(config, stage, host, further), hosts))


def ask(
    config: Path, stage: Stage, host: Host, further: Callable[[Host], str], run: Run | None = None
) -> Reached:
    """Ask one host, as the first of its logins that gets through; the error is the one of the inventory's own."""
    run = run or _run
    for user in host.logins:
        reached = _ask_as(config, stage, replace(host, user=user), further, run)
        if not (isinstance(reached.error, HostUnreachable) and reached.error.what in _TRY_ANOTHER):
            break
    return reached


def _ask_as(config: Path, stage: Stage, host: Host, further: Callable[[Host], str], run: Run) -> Reached:
    question = "; ".join(filter(None, (_question(host), further(host))))
    answer = run(ssh_options.command(config, host, [question]))
    return Reached(_judge(stage, host, answer), answer.stdout, host)


def _judge(stage: Stage, host: Host, answer: Answer) -> VpsdeployError | None:
    if answer.returncode == 0:
        return None
    if answer.returncode == _NO_CONNECTION:
        return _no_connection(stage, host, answer.stderr)
    if answer.returncode == _NO_PYTHON:
        return _no_python(stage, host)
    return _no_sudo(stage, host, answer)


def close_all(config: Path, hosts: tuple[Host, ...]) -> None:
    """End the shared connections that the check has left open, all at once."""
    open_as = [replace(host, user=user) for host in hosts for user in host.logins]
    with ThreadPoolExecutor(max_workers=_MAX_AT_ONCE) as pool:
        list(pool.map(lambda host: _run(ssh_options.command(config, host, [], "-O", "exit")), open_as))


def _run(arguments: list[str]) -> Answer:
    # The connection left open holds the files that it was started with: a pipe would never end, a file does.
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile("w+") as said:
        try:
            code = subprocess.run(
                arguments, stdin=subprocess.DEVNULL, stdout=said, stderr=errors,
                timeout=_TIMEOUT_SECONDS, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            return Answer(arguments, _NO_CONNECTION, "", f"no answer within {_TIMEOUT_SECONDS} s")
        errors.seek(0)
        said.seek(0)
        return Answer(arguments, code, said.read(), errors.read())


def _question(host: Host) -> str:
    python = f"test -x /usr/bin/python3 || exit {_NO_PYTHON}"
    return python if host.user == "root" else f"LC_ALL=C sudo -n true || exit; {python}"


def _no_connection(stage: Stage, host: Host, said: str) -> VpsdeployError:
    if "Host key verification failed" in said:
        return _host_key(stage, host, said)
    if "Permission denied" in said:
        return _wrong_key(stage, host, said)
    return HostUnreachable(
        "no SSH connection",
        host=_where(stage, host),
        why=f"{host.address} port {host.port}: {_last(said)}",
        state=_UNTOUCHED,
        next=ssh_errors.check_address(host, stage, host.user, _last(said)),
    )


def _host_key(stage: Stage, host: Host, said: str) -> VpsdeployError:
    """OpenSSH does not tell the fingerprint of an unknown key: our own client does, and says what to type."""
    try:
        ssh.connect(host, stage, host.user).close()
    except HostUnreachable as error:
        error.state = _UNTOUCHED
        return error
    return HostUnreachable(
        "the host key was refused", host=_where(stage, host), why=said.strip(), state=_UNTOUCHED,
        next=f"look at {host.address} in ~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts and {stage.known_hosts}",
    )  # fmt: skip


def _wrong_key(stage: Stage, host: Host, said: str) -> VpsdeployError:
    login, key = f"{host.user}@{host.address}", f"-i {host.key_file} " if host.key_file else ""
    return HostUnreachable(
        _REFUSED,
        host=_where(stage, host),
        why=f"{login} does not accept {host.key_file or 'the SSH agent and ~/.ssh/id_*'}: {_last(said)}",
        state=_UNTOUCHED,
        next="put the right key into the inventory (ansible_ssh_private_key_file), or let the host know it:\n"
        f"ssh-copy-id {key}-p {host.port} {login}\n"
        "a key with a passphrase has to be in the SSH agent: ssh-add",
    )


def _no_python(stage: Stage, host: Host) -> VpsdeployError:
    return HostNotReady(
        "Python is missing",
        host=_where(stage, host),
        why="/usr/bin/python3 is not there, and Ansible needs it",
        state=_UNTOUCHED,
        next=f"{_login(host)} {'' if host.user == 'root' else 'sudo '}apt-get install --yes python3",
    )


def _no_sudo(stage: Stage, host: Host, answer: Answer) -> VpsdeployError:
    wants_password = "password is required" in answer.stderr or "terminal is required" in answer.stderr
    advice = (
        f"echo '{host.user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{host.user}"
        if wants_password
        else f"apt-get install sudo && adduser {host.user} sudo, without a password for it"
    )
    return HostUnreachable(
        _SUDO_PASSWORD if wants_password else _SUDO_REFUSED,
        host=_where(stage, host),
        why=_last(answer.stderr),
        state=_UNTOUCHED,
        next=f"as root on the host: {advice}\nor let Ansible log in as root: ansible_user: root in {stage.path}",
    )


def _where(stage: Stage, host: Host) -> str:
    return f"{host.name} ({stage.name})"


def _login(host: Host) -> str:
    return f"ssh -p {host.port} {host.user}@{host.address}"


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "no answer"
