"""A restore drill: the newest backup of each target becomes a database and a directory again, beside the real ones.

It is the proof that a backup is one. What it makes is gone afterwards; what it found stays in the state.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import dumps, fetch, ping, state, wal_restore
from orchestrator.agent.backup import settings as kept
from orchestrator.agent.backup.engines import ENGINES
from orchestrator.agent.backup.restic import Repository
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import AgentError, BackupFailed

PARTS = 8
"""Each drill reads another eighth of the repository's data (our choice: all of it in two months of weekly drills)."""


def drill(call: Call) -> dict[str, Any]:
    """Restore the newest backup of every target, or of the one that is named.

    Returns: what `drill` of the state says.
    Raises: LockHeld: a backup is running. BackupFailed: a backup is none: says which, and why.
    """
    found = kept.read(call)
    targets = kept.chosen(call, found)
    with state.alone(call, "a restore drill"):
        began, done, failed = time.time(), dict[str, Any](), list[str]()
        for name in targets:
            try:
                done[name] = _of(call, found, name)
            except (AgentError, OSError) as error:
                failed.append(f"{name}: {_text(error)}")
        told = _noted(call, done, failed, began)
        ping.tell(call, "/fail" if failed else "", told["why"] or "the restore drill was good")
    if failed:
        raise BackupFailed(
            "the restore drill failed", why=told["why"], state="the app and its data were not touched",
            next="docs/runbooks/failing-backup.md",
        )  # fmt: skip
    return told


def _of(call: Call, found: Settings, name: str) -> dict[str, Any]:
    known = state.read(call)
    about, repository = state.target(known, name), Repository(call, found, name)
    repository.probe()
    one = fetch.snapshot(repository, call.request.text("snapshot", ""))
    part = int(about.get("part", 0)) % PARTS + 1
    repository.check(f"{part}/{PARTS}")
    begin = time.monotonic()
    size = int((about.get("good") or {}).get("bytes", 0))
    with fetch.place(call.app.restored, size) as into:
        repository.restore(one.id, str(into), [])
        manifest = dumps.read(fetch.staged(call, into))
        files = sum(path.is_file() for path in (into / str(call.app.shared).lstrip("/")).rglob("*"))
        databases = [
            _database(call, found, fetch.staged(call, into), one) for one in dumps.dumped_of(manifest)
        ]
    seconds, age = time.monotonic() - begin, time.time() - float(manifest["at"])
    reached = wal_restore.prove(call, found, name) if found.point_in_time else None
    return {
        "snapshot": one.id, "backup_time": manifest["time"], "seconds": round(seconds, 1), "age_seconds": round(age),
        "files": files, "databases": databases, "checks": sum(one["checks"] for one in databases), "part": part,
        "point_in_time": reached,
    }  # fmt: skip


def _database(call: Call, found: Settings, directory: Path, dumped: Dumped) -> dict[str, Any]:
    """One dump, loaded beside the real data, compared and asked.

    Raises: BackupFailed: it does not come back as it was.
    """
    path = fetch.check_file(directory, dumped)
    fetch.room(call, dumped)
    proven = ENGINES[dumped.kind].prove(call, found.checks, dumped, path)
    return {"kind": dumped.kind, "name": dumped.database, "bytes": dumped.bytes, **proven}


def _noted(call: Call, done: dict[str, Any], failed: list[str], began: float) -> dict[str, Any]:
    """Keep what was found: by target, and of the drill as a whole."""
    known = state.read(call)
    now, when = time.time(), timestamp()
    for name, found in done.items():
        about = state.target(known, name)
        about["drilled"] = {"at": now, "time": when, **found}
        about["part"] = found["part"]
        about["checked"] = {"at": now, "time": when, "good": True, "why": ""}
    result = "failed" if failed else "done"
    told = {
        "result": result, "why": "\n".join(failed), "at": began, "time": when,
        "seconds": round(now - began, 1), "by": call.request.by, "targets": done,
    }  # fmt: skip
    known["drill"] = told
    state.write(call, known)
    shutil.rmtree(call.app.restored, ignore_errors=True)
    call.record("drill", old=None, new=None, result=result, seconds=told["seconds"], targets=sorted(done))
    return told


def _text(error: Exception) -> str:
    if isinstance(error, AgentError):
        return f"{error.what}: {error.why}" if error.why else error.what
    return f"{type(error).__name__}: {error}"
