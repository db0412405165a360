"""The machine that vpsdeploy runs on: programs, versions, keys, the sandbox."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from orchestrator.errors import ProjectError, SandboxError
from orchestrator.model.diagnosis import Diagnosis, Level, error, from_error, ok, warning
from orchestrator.project.node import controller_node
from orchestrator.sandbox import requirements

AREA = "controller"

_MAINTAINED_ANSIBLE = (2, 20)
"""Oldest ansible-core line that still gets fixes: 2.19's ended in November 2026 (Ansible's release table)."""

_PROGRAMS = {
    "ssh": "apt-get install openssh-client",
    "git": "apt-get install git (without it a release names no revision)",
    "npm": "install npm, which comes with Node.js: the build runs on this machine",
}


def look() -> Iterator[Diagnosis]:
    """Everything about this machine; asks no other one."""
    yield ok(AREA, f"Python {platform.python_version()}")
    yield _ansible(metadata.version("ansible-core"))
    for program, advice in _PROGRAMS.items():
        yield _program(program, advice)
    yield _node()
    yield _keys(Path.home() / ".ssh")
    yield _sandbox()


def _ansible(version: str) -> Diagnosis:
    if tuple(int(part) for part in version.split(".")[:2]) >= _MAINTAINED_ANSIBLE:
        return ok(AREA, f"ansible-core {version}")
    return warning(
        AREA,
        f"ansible-core {version} works, but its line no longer gets fixes",
        "install vpsdeploy with Python 3.12 or newer: it brings a maintained line",
    )


def _program(name: str, advice: str) -> Diagnosis:
    place = shutil.which(name)
    return ok(AREA, f"{name}: {place}") if place else error(AREA, f"no {name} on the PATH", advice)


def _node() -> Diagnosis:
    try:
        node = controller_node()
    except ProjectError as caught:
        return from_error(AREA, caught)
    return ok(AREA, f"Node {node.version} ({node.platform})")


def _keys(folder: Path) -> Diagnosis:
    """A warning only: the inventory may name another key."""
    names = sorted(file.name for file in folder.glob("id_*") if file.suffix != ".pub")
    if names:
        return ok(AREA, f"SSH keys: {', '.join(names)}")
    if _agent_has_keys():
        return ok(AREA, "SSH keys: in the SSH agent")
    return warning(
        AREA, f"no SSH key in {folder} or the SSH agent", "ssh-keygen -t ed25519 (the sandbox makes its own)"
    )


def _agent_has_keys() -> bool:
    if not os.environ.get("SSH_AUTH_SOCK"):
        return False
    try:
        return subprocess.run(["ssh-add", "-l"], capture_output=True, check=False, timeout=5).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _sandbox() -> Diagnosis:
    try:
        requirements.check()
    except SandboxError as caught:
        return from_error(AREA, caught, Level.WARNING)
    return ok(AREA, "the sandbox can run here")
