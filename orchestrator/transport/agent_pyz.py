"""Pack the agent: one .pyz, the same bytes from the same source."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from orchestrator import shipped

_START_FILE = "orchestrator/agent/start.py"
_VERSION_FILES = (_START_FILE, "orchestrator/agent/version.py")
_AUDIT_MODULES = "module_utils/vpsdeploy"
"""What Ansible's modules do on a host; the agent's `audit` asks it again. Stdlib only, as the agent is."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip member can have: no build time gets into the package."""


@dataclass(frozen=True, slots=True)
class AgentPackage:
    """A packed agent.

    Attributes:
        path: The .pyz.
        digest: SHA-256 of its bytes in hex.
        version: What its `facts` answer as `version`: our version, "+", the start of its source's digest.
    """

    path: Path
    digest: str
    version: str


def build(target: Path) -> AgentPackage:
    """Write the agent to a file.

    Args:
        target: The .pyz to write.
    Returns: What was written.
    """
    sources = _all_sources()
    packed = _version_of(sources)
    for name in _VERSION_FILES:
        sources[name] = sources[name].replace('"unpacked"', f'"{packed}"')
    sources["__main__.py"] = sources.pop(_START_FILE)
    content = _zipped(sources)
    target.write_bytes(content)
    return AgentPackage(target, hashlib.sha256(content).hexdigest(), packed)


def version() -> str:
    """The version that a package built now would have: what every host's agent has to answer."""
    return _version_of(_all_sources())


def _all_sources() -> dict[str, str]:
    ours = dict(_sources(files("orchestrator.agent")))
    judged = dict(_sources(shipped.root() / "playbooks" / _AUDIT_MODULES, f"ansible/{_AUDIT_MODULES}"))
    packages = {f"{name}/__init__.py": "" for name in ("orchestrator", "ansible", "ansible/module_utils")}
    return {**packages, **ours, **judged}


def _version_of(sources: dict[str, str]) -> str:
    return f"{metadata.version('vpsdeploy')}+{_digest_of(sources)[:12]}"


def _sources(directory: Traversable, prefix: str = "orchestrator/agent") -> Iterator[tuple[str, str]]:
    for entry in sorted(directory.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}/{entry.name}"
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry, name)
        elif entry.name.endswith(".py"):
            yield name, entry.read_text(encoding="utf-8")


def _digest_of(sources: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(sources.items()):
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()


def _zipped(sources: dict[str, str]) -> bytes:
    """Stored, not deflated: the bytes depend on no compressor's version, and the agent starts quicker."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(sources.items()):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, text)
    return buffer.getvalue()
