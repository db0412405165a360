"""install: the dependencies of a bundle that comes without them, by its own package manager, once, and kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, installer, installs, listing, mutex, verify
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, ReleaseFailed
from orchestrator.agent.listing import Entry
from orchestrator.agent.manifest import HostInstall, parse

_SPARE_SECONDS = 60.0
"""Beside the limit of one that goes on already: systemd ends it first."""


def install(call: Call) -> dict[str, Any]:
    """Install unless the same was installed before: same project and manager files, Node version and architecture.

    One at a time: what goes on for a controller that was lost is waited for, and is what we want, too.
    """
    digest, node = call.request.digest("manifest_digest"), call.request.node
    raw = durable.read_json(call.app.offered(digest))
    if raw is None:
        raise ReleaseFailed("nothing can be installed", why=f"manifest {digest} was not offered")
    how = parse(raw, call.app.name).install
    if how is None:
        return {"key": None, "installed": False, "seconds": 0.0}
    if not call.layout.node(node).is_file():
        raise HostNotReady(f"Node {node} is not installed", next="vpsdeploy provision host")
    files, begin = call.app.offered_files(digest), time.monotonic()
    key = installs.key(files, node)
    with mutex.held(call.app.installing_file, installer.TIMEOUT_SECONDS + _SPARE_SECONDS):
        is_new = not installs.is_whole(call.app, key)
        if is_new:
            _install(call, how, node, files, call.app.installed(key))
    return {"key": key, "installed": is_new, "seconds": round(time.monotonic() - begin, 1)}


def _install(call: Call, how: HostInstall, node: str, files: Path, kept: Path) -> None:
    """In a directory that the unit sees read-only; what it makes is taken into the store, and the list is kept."""
    stage = call.app.incoming / "install"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o755, parents=True)
    try:
        _lay_out(call, installs.of(files), stage)
        tree = installer.run(call, how, node, stage)
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with durable.beside(kept) as target:
            target.writelines(
                json.dumps(list(entry) if entry.link else list(entry)[:3], separators=(",", ":")).encode()
                + b"\n"
                for entry in _taken(call, tree, stage)
            )
            target.flush()
            durable.sync_filesystems(
                call.app.home
            )  # a list whose lines or files a power cut takes is never seen
        durable.sync_directory(kept.parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        installer.clean(call)


def _lay_out(call: Call, entries: Iterator[Entry], stage: Path) -> None:
    """Each file verified: what runs here writes into every later release."""
    for entry in entries:
        path = stage / entry.path.removeprefix(f"{installs.DIRECTORY}/")
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if entry.link:
            path.symlink_to(entry.link)
            continue
        shutil.copyfile(call.app.stored(entry.stored), path)
        if verify.file_digest(str(path)) != entry.stored[:64]:
            call.app.stored(entry.stored).unlink(missing_ok=True)
            why = f"{entry.path} in the store is not what it should be, and was removed"
            raise ReleaseFailed(
                "files on the host are damaged",
                why=why,
                state="nothing was changed",
                next="run the release again",
            )
        path.chmod(0o755 if entry.stored.endswith("x") else 0o644)


def _taken(call: Call, tree: Path, stage: Path) -> Iterator[Entry]:
    """Each file of the tree's node_modules, put into the store under its digest."""
    beside = stage / "file"
    for path, status in installs.modules(tree):
        if status is None:
            yield listing.checked_entry(Entry(path, "", 0, os.readlink(f"{tree}/{path}")))  # noqa: PTH115 - thousands
            continue
        name, size = _copy(f"{tree}/{path}", beside, executable=bool(status.st_mode & 0o100))
        target = call.app.stored(name)
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside.replace(target)
        yield listing.checked_entry(Entry(path, name, size, ""))


def _copy(source: str, target: Path, *, executable: bool) -> tuple[str, int]:
    """Copy a file that others wrote. Returns: how the store names it, and its length."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb", buffering=0) as file, target.open("wb", buffering=0) as copy:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            copy.write(chunk)
            size += len(chunk)
        os.fchmod(copy.fileno(), 0o755 if executable else 0o644)
    return digest.hexdigest() + ("x" if executable else ""), size
