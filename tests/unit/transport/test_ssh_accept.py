"""A host key is learned only if it is the one that the user compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import HostUnreachable, UsageError
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh_accept

HOST = Host("web-1", "10.0.0.11")
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIPM4snsltAf6n6MiCmiZDLDy5JA6330sZYipIGNbwQxh"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAICGPvnu5GfzFp8Zv2KjuqGOq7TwXixwhwCmp+vapctff"


@pytest.fixture(name="stage")
def _stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("HOME", str(tmp_path))
    scanned = ssh_accept.parse_scan(
        f"# comment\n10.0.0.11 ssh-ed25519 {BLOB}\nbroken\n10.0.0.11 ssh-rsa ???\n"
    )
    monkeypatch.setattr(ssh_accept, "_scan", lambda *_: scanned)
    return Stage("production", tmp_path / "hosts.yml", tmp_path / "known_hosts", (HOST,))


def fingerprint() -> str:
    """The scanned key's fingerprint."""
    (found,) = ssh_accept.parse_scan(f"10.0.0.11 ssh-ed25519 {BLOB}")
    return found


def test_the_compared_key_is_written_once(stage: Stage) -> None:
    """The first time it is new, the second time it is known."""
    stage.known_hosts.write_text("10.0.0.9 ssh-ed25519 AAAA")
    assert ssh_accept.accept(HOST, stage, fingerprint())
    assert not ssh_accept.accept(HOST, stage, fingerprint())
    assert stage.known_hosts.read_text() == f"10.0.0.9 ssh-ed25519 AAAA\n10.0.0.11 ssh-ed25519 {BLOB}\n"


def test_another_fingerprint_writes_nothing(stage: Stage) -> None:
    """The presented keys are shown, none is accepted."""
    with pytest.raises(HostUnreachable, match="presents another key") as caught:
        ssh_accept.accept(HOST, stage, "SHA256:somethingelse")
    assert fingerprint() in caught.value.why
    assert not stage.known_hosts.exists()


def test_a_changed_key_is_never_accepted(stage: Stage) -> None:
    """A host that is known with another key is refused, even with the right fingerprint."""
    stage.known_hosts.write_text(f"10.0.0.11 ssh-ed25519 {OTHER}\n")
    with pytest.raises(HostUnreachable, match="has changed"):
        ssh_accept.accept(HOST, stage, fingerprint())
    assert stage.known_hosts.read_text() == f"10.0.0.11 ssh-ed25519 {OTHER}\n"


def test_something_that_is_no_fingerprint(stage: Stage) -> None:
    """MD5 fingerprints and typing errors are refused before the network is used."""
    with pytest.raises(UsageError, match="not a host key's fingerprint"):
        ssh_accept.accept(HOST, stage, "MD5:aa:bb")
