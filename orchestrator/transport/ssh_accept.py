"""Write a host key into the stage's known_hosts: one that the user has compared, or that is accepted unseen.

A key that differs from a known one is never accepted, whatever was asked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import subprocess
from pathlib import Path

from orchestrator.errors import HostUnreachable, UsageError
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh_hostkeys, ssh_options

_MODERN = "ssh-ed25519"
_KEPT = {_MODERN, "ssh-rsa"}
"""Types of host keys that sshd still has after the role `ssh`."""

_READ_SECONDS = 20
"""Longest wait for a host's public key (our choice; the connection is open already)."""

_TIMEOUT_SECONDS = 5
"""Longest wait of ssh-keyscan for one host (its own default)."""


def accept(host: Host, stage: Stage, wanted: str) -> bool:
    """Learn the host's key; whether it was new.

    Args:
        host: Where to ask.
        stage: Whose known_hosts learns it.
        wanted: Fingerprint as the provider's console shows it: "SHA256:" and base64.

    Raises:
        HostUnreachable: no host there, another fingerprint, or the host was known with another key.
        UsageError: not a fingerprint.
    """
    if not wanted.startswith("SHA256:"):
        raise UsageError(
            "not a host key's fingerprint", why=f"{wanted!r} does not begin with SHA256:",
            next="give it as the host prints it: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        )  # fmt: skip
    name = ssh_hostkeys.lookup_name(host.address, host.port)
    presented = _scan(host, stage)
    line = presented.get(wanted)
    if line is None:
        raise _other_key(host, stage, wanted, presented)
    known = {ssh_hostkeys.fingerprint(key) for key in ssh_hostkeys.known_keys(stage, name)}
    if wanted in known:
        return False
    if known:
        raise _changed_key(host, stage, name, known, wanted)
    _append(stage, f"{name} {line}")
    return True


def accept_new(host: Host, stage: Stage) -> str:
    """Learn the key of a host that no file names, unseen; "type fingerprint" of it, or nothing where one is known.

    Raises: HostUnreachable: no host there.
    """
    name = ssh_hostkeys.lookup_name(host.address, host.port)
    if ssh_hostkeys.known_keys(stage, name):
        return ""
    presented = _scan(host, stage)
    print_ = min(presented, key=lambda found: not presented[found].startswith(_MODERN))
    _append(stage, f"{name} {presented[print_]}")
    return f"{presented[print_].split()[0]} {print_}"


def learn_modern(config: Path, host: Host, stage: Stage) -> bool:
    """Learn the key that sshd keeps, where only one is known that it gives up; whether it was learned.

    It is read over a connection that the known key has vouched for. The role `ssh` leaves Ed25519 and RSA.

    Args:
        config: As written by ssh_options.write.
        host: Which the shared connection is open to.
        stage: Whose known_hosts learns it.
    """
    name = ssh_hostkeys.lookup_name(host.address, host.port)
    kinds = ssh_hostkeys.known_types(stage, name)
    if not kinds or kinds & _KEPT:
        return False
    read = subprocess.run(
        ssh_options.command(config, host, ["cat /etc/ssh/ssh_host_ed25519_key.pub"]),
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=_READ_SECONDS,
    )  # fmt: skip
    words = read.stdout.split()[:2]
    if read.returncode or words[:1] != [_MODERN] or not _fingerprinted(*words):
        return False
    _append(stage, f"{name} {' '.join(words)}")
    return True


def _scan(host: Host, stage: Stage) -> dict[str, str]:
    """The keys that the host presents: "type base64" by fingerprint."""
    found = subprocess.run(
        ["ssh-keyscan", "-T", str(_TIMEOUT_SECONDS), "-p", str(host.port), host.address],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    keys = parse_scan(found.stdout)
    if not keys:
        raise HostUnreachable(
            "no host key was presented", host=f"{host.name} ({stage.name})",
            why=f"ssh-keyscan of {host.address} port {host.port} got no answer", state="nothing was changed",
            next=f"check the address in {stage.path} and that the host is up",
        )  # fmt: skip
    return keys


def parse_scan(text: str) -> dict[str, str]:
    """ssh-keyscan's lines as "type base64" by fingerprint; comments and broken lines are left out."""
    keys: dict[str, str] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3 and not line.startswith("#"):
            keys |= _fingerprinted(fields[1], fields[2])
    return keys


def _fingerprinted(kind: str, blob: str) -> dict[str, str]:
    try:
        digest = hashlib.sha256(base64.b64decode(blob, validate=True)).digest()
    except binascii.Error:
        return {}
    return {"SHA256:" + base64.b64encode(digest).decode().rstrip("="): f"{kind} {blob}"}


def _append(stage: Stage, line: str) -> None:
    path = stage.known_hosts
    text = path.read_text() if path.exists() else ""
    if text and not text.endswith("\n"):
        text += "\n"
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(f"{text}{line}\n")
    beside.replace(path)


def _other_key(host: Host, stage: Stage, wanted: str, presented: dict[str, str]) -> HostUnreachable:
    seen = "\n".join(f"{line.split()[0]} {print_}" for print_, line in presented.items())
    return HostUnreachable(
        "the host presents another key", host=f"{host.name} ({stage.name})",
        why=f"{host.address} does not present {wanted}, but\n{seen}",
        state="no key was accepted, nothing was sent to the host",
        next="compare again with your provider's console; if it differs, you are not talking to your host",
    )  # fmt: skip


def _changed_key(host: Host, stage: Stage, name: str, known: set[str], wanted: str) -> HostUnreachable:
    return HostUnreachable(
        "the host key has changed", host=f"{host.name} ({stage.name})",
        why=f"{wanted} is not the known {', '.join(sorted(known))}; a changed key is never accepted over a known one",
        state="no key was accepted, nothing was sent to the host",
        next="if you reinstalled the host, remove the old key first: "
        f"ssh-keygen -R '{name}' -f {stage.known_hosts}",
    )  # fmt: skip
