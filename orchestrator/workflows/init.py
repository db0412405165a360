"""Write a project's first configuration from what is found in it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import FILE_NAME, starter
from orchestrator.config.connection import is_address
from orchestrator.config.inventory import FOLDER, HOSTS_FILE
from orchestrator.errors import UsageError
from orchestrator.model.build import BuildSettings
from orchestrator.model.project_start import Started
from orchestrator.project.detect import detect

STAGE = "production"
"""The stage that a project begins with."""

_INVENTORY = f"{FOLDER}/{STAGE}/{HOSTS_FILE}"
_IGNORED = (".vpsdeploy/", f"{FOLDER}/sandbox/")


def run(project_dir: Path, address: str, force: bool) -> Started:
    """Look at the project and write vpsdeploy.yml and the inventory of the stage production.

    Args:
        project_dir: The NestJS project.
        address: Of the server; empty writes a placeholder that provisioning refuses.
        force: Write vpsdeploy.yml anew, and the inventory too where an address is given.
    Raises: UsageError: nothing to write without --force, or no address. ProjectError: not a NestJS project.
    """
    if address and not is_address(address):
        raise UsageError(
            f'"{address}" is not an address',
            why="a host is named by an IP address or a host name, without a user and a port",
            state="nothing was written",
            next="vpsdeploy init --host 203.0.113.10",
        )
    project = detect(project_dir, BuildSettings())
    wanted = {
        FILE_NAME: (starter.app_text(project), force),
        _INVENTORY: (starter.inventory_text(address or starter.PLACEHOLDER_ADDRESS), force and bool(address)),
    }
    kept = tuple(name for name, (_, again) in wanted.items() if not again and (project_dir / name).exists())
    if address and _INVENTORY in kept:
        raise _taken(_INVENTORY, f"vpsdeploy init --force --host {address}")
    if len(kept) == len(wanted):
        raise _taken(FILE_NAME, "vpsdeploy init --force")
    texts = {name: text for name, (text, _) in wanted.items() if name not in kept}
    ignore = _ignore_text(project_dir / ".gitignore")
    if ignore:
        texts[".gitignore"] = ignore
    for name, text in texts.items():
        _write(project_dir / name, text)
    is_placeholder = _INVENTORY in texts and not address
    return Started(starter.app_name(project.name), project.findings, tuple(texts), kept, is_placeholder)


def _taken(name: str, command: str) -> UsageError:
    return UsageError(
        f"{name} is already there",
        why="init overwrites nothing by itself",
        state="nothing was written",
        next=f"edit it, or write it anew: {command}",
    )


def _ignore_text(file: Path) -> str:
    """The project's .gitignore with our lines; empty where there is none or nothing is missing."""
    if not file.is_file():
        return ""
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    there = {line.strip().strip("/") for line in text.splitlines()}
    missing = [line for line in _IGNORED if line.strip("/") not in there]
    if not missing:
        return ""
    gap = "" if not text or text.endswith("\n") else "\n"
    return "\n".join([f"{text}{gap}", "# vpsdeploy", *missing, ""])


def _write(file: Path, text: str) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(text, encoding="utf-8", errors="surrogateescape")
    beside.replace(file)
