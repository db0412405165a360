"""Host keys: which ones we know, and what to say about one that we do not.

A key is accepted only if a known_hosts file names it: the user's own, or the stage's. Nothing is learned silently.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import HostUnreachable

if TYPE_CHECKING:
    import paramiko

    from orchestrator.model.fleet import Host, Stage

SSH_PORT = 22


def fingerprint(key: paramiko.PKey) -> str:
    """The key's fingerprint as OpenSSH prints it: "SHA256:" and unpadded base64."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def lookup_name(address: str, port: int) -> str:
    """How known_hosts spells an address and a port. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""
    return address if port == SSH_PORT else f"[{address}]:{port}"


def known_keys(stage: Stage, name: str) -> tuple[paramiko.PKey, ...]:
    """Every key that a file allows for one name; as with OpenSSH, one match among several is enough."""
    found: list[paramiko.PKey] = []
    for file in (Path("~/.ssh/known_hosts").expanduser(), stage.known_hosts):
        found += _keys_in(file, name)
    return tuple(found)


def public_lines(stage: Stage, host: Host) -> list[str]:
    """The keys that are known of a host, as OpenSSH writes a public key: its kind and the key."""
    keys = known_keys(stage, lookup_name(host.address, host.port))
    return sorted({f"{key.get_name()} {key.get_base64()}" for key in keys})


def known_types(stage: Stage, name: str) -> set[str]:
    """The types of those keys, asked of ssh-keygen: it takes milliseconds, paramiko's start a third of a second."""
    types: set[str] = set()
    for file in (Path("~/.ssh/known_hosts").expanduser(), stage.known_hosts):
        if file.is_file():
            found = subprocess.run(
                ["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True, check=False
            )
            lines = [line.split() for line in found.stdout.splitlines() if not line.startswith(("#", "@"))]
            types |= {words[1] for words in lines if len(words) > 2}
    return types


def _keys_in(file: Path, name: str) -> list[paramiko.PKey]:
    from paramiko import HostKeys  # late: costs 0.3 s

    if not file.is_file():
        return []
    entries = HostKeys(str(file)).lookup(name)
    return list(entries.values()) if entries else []


def check(host: Host, stage: Stage, name: str, presented: paramiko.PKey) -> None:
    """Accept a known key.

    Raises: HostUnreachable: unknown or changed; the text says what to compare and what to type.
    """
    known = known_keys(stage, name)
    if presented in known:
        return
    raise _changed(host, stage, name, presented, known) if known else _unknown(host, stage, presented)


def _unknown(host: Host, stage: Stage, presented: paramiko.PKey) -> HostUnreachable:
    print_ = fingerprint(presented)
    return HostUnreachable(
        "unknown host key",
        host=f"{host.name} ({stage.name})",
        why=f"{host.address} presents {presented.get_name()} {print_}, which no known_hosts file names",
        state="nothing was sent to the host",
        next="compare the fingerprint with the one your provider's console shows, then\n"
        f"vpsdeploy provision host {host.name} --accept-host-key {print_} --stage {stage.name}",
    )


def _changed(
    host: Host, stage: Stage, name: str, presented: paramiko.PKey, known: tuple[paramiko.PKey, ...]
) -> HostUnreachable:
    expected = ", ".join(f"{key.get_name()} {fingerprint(key)}" for key in known)
    return HostUnreachable(
        "the host key has changed",
        host=f"{host.name} ({stage.name})",
        why=f"{host.address} presents {presented.get_name()} {fingerprint(presented)}, known is {expected}:\n"
        "the host was reinstalled, or somebody else answers at its address",
        state="nothing was sent to the host",
        next="if you reinstalled it, remove the old key: "
        f"ssh-keygen -R '{name}' -f {stage.known_hosts}  (and ~/.ssh/known_hosts)",
    )
