"""Host keys: only what a known_hosts file names is accepted."""

from __future__ import annotations

from pathlib import Path

import paramiko
import pytest

from orchestrator.errors import HostUnreachable
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh_hostkeys

KEY = paramiko.RSAKey.generate(2048)
OTHER = paramiko.ECDSAKey.generate()
HOST = Host("web-1", "10.0.0.1")


@pytest.fixture(name="stage")
def _stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage without known hosts, and a user without any."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return Stage("production", tmp_path / "hosts.yml", tmp_path / "known_hosts", (HOST,))


def know(file: Path, name: str, key: paramiko.PKey) -> None:
    """Add a line."""
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as opened:
        opened.write(f"{name} {key.get_name()} {key.get_base64()}\n")


def test_an_unknown_key_is_refused_with_its_fingerprint(stage: Stage) -> None:
    """And with the command that accepts exactly this key."""
    with pytest.raises(HostUnreachable) as caught:
        ssh_hostkeys.check(HOST, stage, "10.0.0.1", KEY)
    print_ = ssh_hostkeys.fingerprint(KEY)
    assert caught.value.what == "unknown host key"
    assert print_ in caught.value.why
    assert (
        f"vpsdeploy provision host web-1 --accept-host-key {print_} --stage production" in caught.value.next
    )


def test_a_changed_key_is_another_error(stage: Stage) -> None:
    """It is never offered to be accepted."""
    know(stage.known_hosts, "10.0.0.1", OTHER)
    with pytest.raises(HostUnreachable) as caught:
        ssh_hostkeys.check(HOST, stage, "10.0.0.1", KEY)
    assert caught.value.what == "the host key has changed"
    assert ssh_hostkeys.fingerprint(OTHER) in caught.value.why
    assert "--accept-host-key" not in caught.value.next


@pytest.mark.parametrize("where", ["stage", "user"])
def test_one_match_in_either_file_is_enough(stage: Stage, tmp_path: Path, where: str) -> None:
    """Also where the other file has a key of another type, as OpenSSH sees it."""
    user = tmp_path / ".ssh" / "known_hosts"
    know(user if where == "user" else stage.known_hosts, "10.0.0.1", KEY)
    know(stage.known_hosts if where == "user" else user, "10.0.0.1", OTHER)
    ssh_hostkeys.check(HOST, stage, "10.0.0.1", KEY)


def test_another_port_is_another_name() -> None:
    """As sshd(8) writes it."""
    assert ssh_hostkeys.lookup_name("10.0.0.1", 2222) == "[10.0.0.1]:2222"
