"""Each reason why a host cannot be reached is told apart, with what to type."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import HostNotReady, HostUnreachable
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh, ssh_check

HOST = Host("web-1", "10.0.0.11", user="admin", key_file=Path("/keys/id"))
STAGE = Stage("production", Path("inventories/production/hosts.yml"), Path("known_hosts"), (HOST,))


def nothing(_host: Host) -> str:
    """No further question."""
    return ""


def ask(code: int, stderr: str, host: Host = HOST) -> str:
    """The error for one answer of the SSH client, as the user sees it."""
    answer = subprocess.CompletedProcess([], code, "", stderr)
    return str(ssh_check.ask(Path("ssh_config"), STAGE, host, nothing, lambda _: answer).error)


def test_a_good_answer_is_no_error() -> None:
    """Exit code 0: nothing to say."""
    assert ask(0, "") == "None"


def test_the_question_includes_sudo_for_a_sudoer_only() -> None:
    """root is not asked for sudo, which a bare Debian lacks."""
    asked: list[list[str]] = []

    def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    for user in ("admin", "root"):
        ssh_check.ask(Path("ssh_config"), STAGE, replace(HOST, user=user, admin_user=""), nothing, run)
    assert ["sudo" in arguments[-1] for arguments in asked] == [True, False]
    assert asked[0][:8] == ["ssh", "-F", "ssh_config", "-p", "22", "-l", "admin", "10.0.0.11"]


def test_no_connection() -> None:
    """The client's last line is the cause."""
    assert ask(255, "ssh: connect to host 10.0.0.11 port 22: Connection refused\n") == (
        "error: no SSH connection on web-1 (production)\n"
        "why:   10.0.0.11 port 22: ssh: connect to host 10.0.0.11 port 22: Connection refused\n"
        "state: nothing was changed on any host\n"
        "next:  check the address in inventories/production/hosts.yml and that the host is up: "
        "ssh -p 22 admin@10.0.0.11"
    )


@pytest.mark.parametrize(
    "said",
    [
        "Connection closed by 10.0.0.11 port 22",
        "kex_exchange_identification: read: Connection reset by 10.0.0.11 port 22",
        "Error reading SSH protocol banner",
    ],
)
def test_an_sshd_that_hangs_up_is_given_a_minute(said: str) -> None:
    """After failed logins it turns the address away (PerSourcePenalties): no address is wrong then."""
    assert "sshd turns an address away for a while: wait a minute, try again" in ask(255, said)


def test_wrong_key() -> None:
    """A refused login names the key that was offered."""
    assert ask(255, "admin@10.0.0.11: Permission denied (publickey).") == (
        "error: the login was refused on web-1 (production)\n"
        "why:   admin@10.0.0.11 does not accept /keys/id: admin@10.0.0.11: Permission denied (publickey).\n"
        "state: nothing was changed on any host\n"
        "next:  put the right key into the inventory (ansible_ssh_private_key_file), or let the host know it:\n"
        "       ssh-copy-id -i /keys/id -p 22 admin@10.0.0.11\n"
        "       a key with a passphrase has to be in the SSH agent: ssh-add"
    )


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("sudo: a password is required", "sudo needs a password"),
        ("sudo: a terminal is required to read the password", "sudo needs a password"),
        ("Sorry, user admin is not allowed to execute '/usr/bin/true' as root on web-1.", "sudo was refused"),
        ("bash: line 1: sudo: command not found", "sudo was refused"),
    ],
)
def test_sudo(said: str, what: str) -> None:
    """sudo that wants a password and sudo that refuses are two errors with two answers."""
    lines = ask(1, said).splitlines()
    assert lines[0] == f"error: {what} on web-1 (production)"
    assert lines[1] == f"why:   {said}"
    assert lines[-1].endswith("ansible_user: root in inventories/production/hosts.yml")


def test_missing_python() -> None:
    """A host without Python is reached, but not ready."""
    answer = subprocess.CompletedProcess([], 91, "", "")
    error = ssh_check.ask(Path("ssh_config"), STAGE, HOST, nothing, lambda _: answer).error
    assert isinstance(error, HostNotReady)
    assert error.next == "ssh -p 22 admin@10.0.0.11 sudo apt-get install --yes python3"


def test_a_refused_host_key_is_explained_by_our_own_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH hides the fingerprint: the other client's error, which has it, is shown."""

    def connect(host: Host, stage: Stage, user: str) -> ssh.Connection:
        raise HostUnreachable("unknown host key", host=host.name, why=f"SHA256:x as {user}")

    monkeypatch.setattr(ssh, "connect", connect)
    assert ask(255, "Host key verification failed.\r\n") == (
        "error: unknown host key on web-1\nwhy:   SHA256:x as admin\nstate: nothing was changed on any host"
    )


@pytest.mark.parametrize(("refused", "login"), [((), "admin"), (("admin",), "root"), (("root",), "admin")])
def test_the_login_that_gets_through_is_found(refused: tuple[str, ...], login: str) -> None:
    """A bare host knows root only; once it is provisioned root is closed, and the administrator gets through."""
    asked: list[str] = []

    def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
        user = arguments[arguments.index("-l") + 1]
        asked.append(user)
        said = f"{user}@10.0.0.11: Permission denied (publickey)." if user in refused else ""
        return subprocess.CompletedProcess(arguments, 255 if said else 0, "", said)

    reached = ssh_check.ask(Path("ssh_config"), STAGE, replace(HOST, user="root"), nothing, run)
    assert (reached.error, reached.host.user) == (None, login)
    assert asked == (["admin", "root"] if "admin" in refused else ["admin"])


def test_where_nobody_gets_through_the_inventory_s_login_is_named() -> None:
    """The error is about the user that people have written down."""
    assert "root@10.0.0.11 does not accept /keys/id" in ask(
        255, "Permission denied (publickey).", replace(HOST, user="root")
    )


def test_a_host_that_does_not_answer_is_asked_once() -> None:
    """Another login would wait as long, and be no better."""
    asked: list[list[str]] = []

    def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 255, "", "Connection timed out")

    assert ssh_check.ask(Path("ssh_config"), STAGE, replace(HOST, user="root"), nothing, run).error
    assert len(asked) == 1
