"""The bundle's manifest as the controller offers it, checked before anything of it is used."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from orchestrator.agent.failures import UsageError
from orchestrator.agent.request import DIGEST

_PROGRAM = re.compile(r"node_modules/(?:@yarnpkg/cli-dist|npm|pnpm|yarn)/[A-Za-z0-9._/-]+\.[cm]?js")
_VERSION = re.compile(r"\d+\.\d+\.\d+[0-9A-Za-z.+-]*")


class HostInstall(NamedTuple):
    """How the dependencies are installed here; `program` is relative to the manager that came along."""

    manager: str
    version: str
    program: str


class Manifest(NamedTuple):
    """What the agent needs of a manifest; `digest` is that of the file list (listing.py)."""

    digest: str
    revision: str
    subject: str
    entry: str
    files: int
    bytes: int
    install: HostInstall | None = None


def parse(raw: Any, app: str) -> Manifest:
    """Check a manifest.

    Raises: UsageError: naming the first thing that is wrong.
    """
    if not isinstance(raw, dict):
        raise UsageError("the manifest is wrong", why="it is not an object")
    if raw.get("app") != app:
        raise UsageError("the manifest is wrong", why=f"it is of app {raw.get('app')!r}, not {app!r}")
    if not DIGEST.fullmatch(str(raw.get("digest"))):
        raise UsageError("the manifest is wrong", why=f"its digest is {raw.get('digest')!r}")
    revision, subject, entry = (str(raw.get(name) or "")[:1000] for name in ("revision", "subject", "entry"))
    files, size = (_count(name, raw.get(name)) for name in ("files", "size_bytes"))
    return Manifest(raw["digest"], revision, subject, entry, files, size, _install(raw.get("install")))


def _install(raw: Any) -> HostInstall | None:
    """Words of it end up in a shell."""
    if raw is None:
        return None
    how = raw if isinstance(raw, dict) else {}
    manager, version, program = (str(how.get(name)) for name in HostInstall._fields)
    if (
        manager not in ("npm", "pnpm", "yarn")
        or not _VERSION.fullmatch(version)
        or not _PROGRAM.fullmatch(program)
        or ".." in program
    ):
        raise UsageError("the manifest is wrong", why=f"install is {str(raw)[:100]!r}")
    return HostInstall(manager, version, program)


def _count(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError("the manifest is wrong", why=f"{name} is {value!r}")
    return value
