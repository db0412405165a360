"""A host key is learned only if it is the one that the user compared."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

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


def test_a_host_that_nobody_knows_is_accepted_unseen_where_that_is_asked(stage: Stage) -> None:
    """Once, and its fingerprint is told."""
    assert ssh_accept.accept_new(HOST, stage) == f"ssh-ed25519 {fingerprint()}"
    assert ssh_accept.accept_new(HOST, stage) == ""
    assert stage.known_hosts.read_text() == f"10.0.0.11 ssh-ed25519 {BLOB}\n"


def test_a_changed_key_is_not_new(stage: Stage) -> None:
    """It is left to the connection, which refuses it."""
    stage.known_hosts.write_text(f"10.0.0.11 ssh-ed25519 {OTHER}\n")
    assert ssh_accept.accept_new(HOST, stage) == ""
    assert stage.known_hosts.read_text() == f"10.0.0.11 ssh-ed25519 {OTHER}\n"


@pytest.mark.parametrize(("kind", "learned"), [("ecdsa-sha2-nistp256", True), ("ssh-ed25519", False)])
def test_the_key_that_sshd_keeps_is_learned_over_one_that_it_gives_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str, learned: bool
) -> None:
    """Read over the connection that the known key has vouched for; else the next login would know no key."""
    real = subprocess.run

    def run(arguments: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if arguments[0] == "ssh":
            return subprocess.CompletedProcess(arguments, 0, f"ssh-ed25519 {BLOB} root@web-1\n", "")
        return real(arguments, **options)

    monkeypatch.setattr(subprocess, "run", run)
    ecdsa = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEPQ"
    stage.known_hosts.write_text(f"10.0.0.11 {kind} {OTHER if kind == 'ssh-ed25519' else ecdsa}\n")
    assert ssh_accept.learn_modern(Path("ssh_config"), HOST, stage) is learned
    assert (f"10.0.0.11 ssh-ed25519 {BLOB}\n" in stage.known_hosts.read_text()) is learned
