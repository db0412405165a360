"""A change is proven by connections of its own: who logs in, how, and what is said where that fails."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import HostUnreachable
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh, ssh_proof
from orchestrator.transport.ssh_proof import Door
from tests.support import roles

DOOR = Door(
    Host("web-1", "10.0.0.11", user="admin", key_file=Path("/keys/id")), Path("known_hosts"), ("-F", "cfg")
)
Answer = subprocess.CompletedProcess[str]


class Client:
    """OpenSSH's client: refuses these users."""

    def __init__(self, *refused: str) -> None:
        self.refused, self.asked = refused, list[list[str]]()

    def __call__(self, arguments: list[str]) -> Answer:
        """Run it."""
        self.asked.append(arguments)
        user = arguments[arguments.index("-l") + 1]
        if user in self.refused:
            return Answer(arguments, 255, "", f"banner\n{user}@10.0.0.11: Permission denied (publickey).\n")
        return Answer(arguments, 0, "confirmed\n", "")


@pytest.fixture(name="ours", autouse=True)
def _ours(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Our own client: notes who logs in, and refuses a user named nobody."""
    users: list[str] = []

    class Opened:
        def close(self) -> None:
            """Nothing to close."""

    def connect(_host: Host, _stage: Stage, user: str) -> Opened:
        users.append(user)
        if user == "nobody":
            raise HostUnreachable("no SSH connection", why="no acceptable kex algorithm")
        return Opened()

    monkeypatch.setattr(ssh, "connect", connect)
    return users


def test_all_log_in_afresh_and_the_last_confirms(ours: list[str]) -> None:
    """No shared connection is used: the first option of a name wins, and ours come first."""
    client = Client()
    assert ssh_proof.failure(DOOR, ["deploy"], "admin", "sh confirm 12", client) == ""
    assert [arguments[-1] for arguments in client.asked] == ["true", "sudo -n sh confirm 12"]
    assert ours == ["deploy"]
    for arguments in client.asked:
        assert arguments[:5] == ["ssh", "-o", "ControlMaster=no", "-o", "ControlPath=none"]
        assert arguments.index("ControlPath=none") < arguments.index("cfg")


def test_root_needs_no_sudo() -> None:
    """Where root may log in, it confirms itself."""
    client = Client()
    assert ssh_proof.failure(DOOR, [], "root", "sh confirm 12", client) == ""
    assert client.asked[0][-1] == "sh confirm 12"


@pytest.mark.parametrize("refused", ["deploy", "admin"])
def test_nothing_is_confirmed_unless_everybody_came_in(refused: str) -> None:
    """The client's last line is the cause; whoever confirms comes last."""
    client = Client(refused)
    said = ssh_proof.failure(DOOR, ["deploy"], "admin", "confirm", client)
    assert said == (f"a fresh login as {refused} failed: {refused}@10.0.0.11: Permission denied (publickey).")
    assert len(client.asked) == (1 if refused == "deploy" else 2)


def test_a_key_exchange_that_only_openssh_speaks_is_no_proof() -> None:
    """Releases log in with our own client: a host that it cannot talk to is lost for them."""
    client = Client()
    said = ssh_proof.failure(DOOR, ["nobody"], "admin", "confirm", client)
    assert said == "a fresh login as nobody, as releases do it, failed: no acceptable kex algorithm"
    assert len(client.asked) == 1


@pytest.mark.parametrize("release", [12, 13])
def test_sshd_is_left_with_algorithms_of_our_own_client(release: int) -> None:
    """Of each kind at least one, on either Debian. Source: paramiko.Transport.get_security_options."""
    import paramiko

    text = roles.render("ssh", "etc/ssh/sshd_config.d/00-vpsdeploy.conf.j2", ssh_debian_release=release)
    offered = {line.split()[0]: line.split()[1].split(",") for line in text.splitlines() if " " in line}
    with socket.socket() as nobody, paramiko.Transport(nobody) as transport:
        options = transport.get_security_options()
    assert set(offered["KexAlgorithms"]) & set(options.kex)
    assert set(offered["Ciphers"]) & set(options.ciphers)
    assert set(offered["MACs"]) & set(options.digests)
    assert set(offered["HostKeyAlgorithms"]) & set(options.key_types)
