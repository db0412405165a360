"""The stage that a sandbox is: hosts.yml and known_hosts, told apart from a person's own files by their first line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from orchestrator.errors import SandboxError
from orchestrator.model.fleet import GROUP_APP, GROUP_LOADBALANCER
from orchestrator.sandbox.spec import HostStatus

_OURS = "# Written by `vpsdeploy sandbox up`; `vpsdeploy sandbox down` removes it."
# The addresses and the key are this machine's: the folder hides itself from Git.
_FILES = ("hosts.yml", "known_hosts", ".gitignore")


def hosts_text(hosts: Sequence[HostStatus], key_file: Path) -> str:
    """hosts.yml in Ansible's format."""
    variables = {
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(key_file),
    }
    addresses = {
        host.name: {"ansible_host": host.address, "vpsdeploy_private_address": host.address} for host in hosts
    }
    children: dict[str, dict[str, dict[str, dict[str, str]]]] = {
        group: {"hosts": {host.name: {} for host in hosts if group in host.groups}}
        for group in (GROUP_APP, GROUP_LOADBALANCER)
    }
    tree = {"all": {"vars": variables, "hosts": addresses, "children": children}}
    return f"{_OURS}\n{yaml.safe_dump(tree, sort_keys=False)}"


def known_hosts_text(keys: Mapping[str, Sequence[str]]) -> str:
    """known_hosts in OpenSSH's format, out of address to public keys."""
    lines = [f"{address} {' '.join(key.split()[:2])}" for address, found in keys.items() for key in found]
    return "\n".join([_OURS, *lines, ""])


def check(directory: Path) -> None:
    """Refuse a folder that a person wrote.

    Raises: SandboxError
    """
    for name in _FILES[:2]:
        path = directory / name
        if path.exists() and not _is_ours(path):
            why = f"{path} was not written by the sandbox"
            raise SandboxError(
                "the stage's folder is taken",
                why=why,
                state="nothing was changed",
                next="choose another --name",
            )


def write(directory: Path, hosts: str, known_hosts: str) -> None:
    """Write the stage; files that already say so are left alone."""
    check(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in zip(_FILES, (hosts, known_hosts, f"{_OURS}\n*\n"), strict=True):
        path = directory / name
        if not path.exists() or path.read_text("utf-8") != text:
            beside = path.with_name(f"{name}.new")
            beside.write_text(text, "utf-8")
            beside.replace(path)


def remove(directory: Path) -> None:
    """Remove what `write` wrote, and the folder where nothing else is in it."""
    for name in _FILES:
        path = directory / name
        if path.is_file() and _is_ours(path):
            path.unlink()
        path.with_name(f"{name}.new").unlink(missing_ok=True)
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def _is_ours(path: Path) -> bool:
    return path.read_text("utf-8", errors="replace").startswith(_OURS)
