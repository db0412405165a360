"""The deploy user's keys are those of the keys that the user logs in with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh_public_keys


def make_key(path: Path) -> str:
    """A new key pair; the public half without its comment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def stage(tmp_path: Path) -> Stage:
    """A stage without hosts."""
    return Stage("production", tmp_path / "hosts.yml", tmp_path / "known_hosts")


def test_the_public_half_comes_from_the_file_beside_or_from_the_key(tmp_path: Path) -> None:
    """Without a .pub file it is derived from the private key."""
    key = make_key(tmp_path / "id")
    assert ssh_public_keys.of_file(tmp_path / "id") == (key,)
    (tmp_path / "id.pub").unlink()
    assert ssh_public_keys.of_file(tmp_path / "id") == (key,)


def test_a_key_of_several_hosts_is_there_once(tmp_path: Path) -> None:
    """Hosts that share a key do not repeat it."""
    key = make_key(tmp_path / "id")
    hosts = tuple(Host(name, name, key_file=tmp_path / "id") for name in ("web-1", "web-2"))
    assert ssh_public_keys.collect(stage(tmp_path), hosts) == (key,)


def test_a_host_without_a_key_takes_the_default_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What OpenSSH would offer by itself."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = make_key(tmp_path / ".ssh" / "id_ed25519")
    assert ssh_public_keys.collect(stage(tmp_path), (Host("web-1", "10.0.0.11"),)) == (key,)


def test_no_key_at_all_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases could not log in: nothing is started."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(ConfigError, match="no SSH key for releases"):
        ssh_public_keys.collect(stage(tmp_path), (Host("web-1", "10.0.0.11"),))
    with pytest.raises(ConfigError, match="no SSH key for releases"):
        ssh_public_keys.collect(stage(tmp_path), (Host("web-1", "10.0.0.11", key_file=tmp_path / "none"),))
