"""What is put beside the app's files before a backup: dumps, read to their end, the host's state, a manifest."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, pools, releases
from orchestrator.agent.backup import services
from orchestrator.agent.backup.engines import ENGINES
from orchestrator.agent.backup.services import Dumped, Service
from orchestrator.agent.backup.settings import DATABASES, FILES, RELEASES, STATE, Settings
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import AgentError, BackupFailed

MANIFEST = "manifest.json"
_FORMAT = 1

_OF_A_RELEASE = ("manifest.json", "release.json", "settings.json", "files.jsonl")


def stage(call: Call, settings: Settings) -> dict[str, Any]:
    """Fill the staging directory, which is root's alone and empty before.

    Returns: the manifest, which lies in it, too.
    Raises: BackupFailed, HostNotReady: a dump could not be made, or not be read: then nothing is backed up.
    """
    place = call.app.staging
    clear(call)
    place.mkdir(mode=0o700, parents=True)
    began = time.time()
    dumped = [_dumped(call, one, place) for one in services.of(call)] if DATABASES in settings.what else []
    if STATE in settings.what:
        _copy_state(call, place / "state")
    if STATE in settings.what or RELEASES in settings.what:
        _copy_releases(call, place / "state")
    manifest = {
        "format": _FORMAT, "app": call.app.name, "host": settings.name, "stage": settings.stage, "at": began,
        "time": timestamp(), "dumps": [one._asdict() for one in dumped], "machine": os.uname().machine,
        "left_out": services.left_out(call),
        "release": _live(call),
    }  # fmt: skip
    durable.write_json(place / MANIFEST, manifest)
    return manifest


def clear(call: Call) -> None:
    """Remove what is staged; what an interrupted run left, too."""
    shutil.rmtree(call.app.staging, ignore_errors=True)


def _dumped(call: Call, service: Service, place: Path) -> Dumped:
    engine = ENGINES.get(service.kind)
    if engine is None:
        known = ", ".join(ENGINES)
        raise BackupFailed(
            f"{service.kind} cannot be backed up", why=f"this agent dumps {known}", state="nothing was backed up",
            next="vpsdeploy provision host; or leave databases out of backup.what",
        )  # fmt: skip
    try:
        return engine.dump(call, service, place)
    except AgentError as error:
        error.what = f"{error.what} ({service.kind})"
        error.state = error.state or "nothing was backed up"
        raise


def _copy_state(call: Call, place: Path) -> None:
    """What tells a new host what this one was: history, pools, jobs."""
    place.mkdir(mode=0o700)
    for path in sorted(call.app.state.glob("*.json*")):
        _copy(path, place / path.name)


def _copy_releases(call: Call, place: Path) -> None:
    """What each release is made of, by name; what the names stand for is in the store."""
    for release in sorted(call.app.releases.glob("[0-9]*")):
        for name in _OF_A_RELEASE:
            _copy(release / name, place / "releases" / release.name / name)
    for kept in sorted(call.app.installs.glob("*.files")):
        _copy(kept, place / "installs" / kept.name)


def _live(call: Call) -> dict[str, Any] | None:
    """The release that users see, so that the same one, or its commit, comes back; null before the first."""
    name = pools.current(call.app)
    if name is None:
        return None
    found = releases.summary(call.app, name)
    return {"id": name, **{key: str(found.get(key) or "") for key in ("revision", "subject")}}


def _copy(path: Path, to: Path) -> None:
    """With its times, so that what has not changed is not read as changed."""
    if path.is_file():
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(path, to)
        os.chown(to, 0, 0) if os.geteuid() == 0 else None


def paths(call: Call, settings: Settings) -> list[str]:
    """What a snapshot is made of: the same from run to run, so that restic finds what it has read before."""
    wanted = [call.app.staging]
    if FILES in settings.what:
        wanted.append(call.app.shared)
    if RELEASES in settings.what:
        wanted.append(call.app.store)
    if STATE in settings.what:
        wanted += [call.layout.host_file.parent, call.layout.certbot]
    return [str(path) for path in wanted if path.is_dir()]


def exclusions(call: Call, settings: Settings) -> list[str]:
    """What is left out: the configured patterns, and the keys that the repository itself is opened with."""
    return [*(f"{call.app.shared}/{pattern}" for pattern in settings.exclude), f"{call.app.backup_keys}"]


def read(directory: Path) -> dict[str, Any]:
    """The manifest of a restored backup.

    Raises: BackupFailed: it is not there, or not ours.
    """
    try:
        found = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise BackupFailed("the backup has no manifest", why=str(error)) from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise BackupFailed("the backup is of another version", why=f"format {found.get('format')!r}")
    return found


def dumped_of(manifest: dict[str, Any]) -> list[Dumped]:
    """The dumps that a manifest names."""
    return [Dumped(**one) for one in manifest["dumps"]]
