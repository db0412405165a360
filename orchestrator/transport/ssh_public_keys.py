"""The public keys that the user `deploy` will accept: those of the keys that the user logs in with."""

from __future__ import annotations

import subprocess
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.model.fleet import Host, Stage

_DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa")
"""Names that OpenSSH tries by itself. Source: ssh(1), -i."""


def collect(stage: Stage, hosts: tuple[Host, ...]) -> tuple[str, ...]:
    """The keys of all hosts, each once.

    Raises: ConfigError: no key for a host: releases could not log in.
    """
    found: dict[str, None] = {}
    for host in hosts:
        keys = of_file(host.key_file) if host.key_file else (*_agent(), *_default_files())
        if not keys:
            raise _no_key(stage, host)
        found |= dict.fromkeys(keys)
    return tuple(found)


def of_file(private: Path) -> tuple[str, ...]:
    """The public half of a key file: from the file beside it, else out of the key itself."""
    public = private.with_name(private.name + ".pub")
    if public.is_file():
        return (public.read_text().strip(),)
    return _lines(["ssh-keygen", "-y", "-P", "", "-f", str(private)])


def _agent() -> tuple[str, ...]:
    return _lines(["ssh-add", "-L"])


def _default_files() -> tuple[str, ...]:
    directory = Path.home() / ".ssh"
    return tuple(
        key for name in _DEFAULTS if (directory / name).is_file() for key in of_file(directory / name)
    )


def _lines(arguments: list[str]) -> tuple[str, ...]:
    answer = subprocess.run(arguments, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return tuple(answer.stdout.split("\n")[:-1]) if answer.returncode == 0 else ()


def _no_key(stage: Stage, host: Host) -> ConfigError:
    if host.key_file:
        why = f"{host.key_file} is no readable private key, or has a passphrase and no .pub beside it"
        advice = f"ssh-keygen -y -f {host.key_file} > {host.key_file}.pub"
    else:
        why = "the SSH agent holds no key, and ~/.ssh has none of " + ", ".join(_DEFAULTS)
        advice = f"ssh-keygen -t ed25519, or name the key in {stage.path}: ansible_ssh_private_key_file"
    return ConfigError(
        "no SSH key for releases",
        host=f"{host.name} ({stage.name})",
        why=why,
        state="nothing was changed",
        next=advice,
    )
