"""A restore drill: the newest backup of each target becomes a database and a directory again, beside the real ones.

It is the proof that a backup is one. What it makes is gone afterwards; what it found stays in the state.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import checks, dumps, fetch, ping, postgres_dump, state
from orchestrator.agent.backup import settings as kept
from orchestrator.agent.backup.postgres import Cluster, sql
from orchestrator.agent.backup.restic import Repository
from orchestrator.agent.backup.services import POSTGRESQL, Dumped
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import AgentError, BackupFailed

PARTS = 8
"""Each drill reads another eighth of the repository's data (our choice: all of it in two months of weekly drills)."""

_PREFIX = "vpsdeploy_drill_"


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
    repository.unlock()
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
    return {
        "snapshot": one.id, "backup_time": manifest["time"], "seconds": round(seconds, 1), "age_seconds": round(age),
        "files": files, "databases": databases, "checks": sum(one["checks"] for one in databases), "part": part,
    }  # fmt: skip


def _database(call: Call, found: Settings, directory: Path, dumped: Dumped) -> dict[str, Any]:
    """One dump, loaded into a database of its own, compared and asked.

    Raises: BackupFailed: it does not come back as it was.
    """
    path = fetch.check_file(directory, dumped)
    told = {"kind": dumped.kind, "name": dumped.database, "bytes": dumped.bytes}
    if dumped.kind != POSTGRESQL:
        return {**told, "tables": 0, "rows": 0, "checks": 0}
    cluster = Cluster(call, _port(call, dumped))
    _sweep(cluster)
    scratch = f"{_PREFIX}{int(time.time())}"
    try:
        postgres_dump.make_database(cluster, scratch, dumped.about, "postgres")
        postgres_dump.load(cluster, scratch, path)
        if wrong := postgres_dump.differences(dumped.rows, postgres_dump.counted(cluster, scratch)):
            raise BackupFailed("rows are missing in the restored database", why="; ".join(wrong[:10]))
        mine = [one for one in found.checks if (one.get("database") or dumped.database) == dumped.database]
        for one in mine:
            checks.check(cluster, scratch, one, dumped.taken_at)
    finally:
        _sweep(cluster)
    return {**told, "tables": len(dumped.rows), "rows": sum(dumped.rows.values()), "checks": len(mine)}


def _port(call: Call, dumped: Dumped) -> int:
    from orchestrator.agent.backup import services

    for one in services.of(call):
        if (one.kind, one.database) == (dumped.kind, dumped.database):
            return one.port
    raise BackupFailed(
        "there is nothing to restore into", why=f"this host runs no {dumped.kind} for {dumped.database}"
    )


def _sweep(cluster: Cluster) -> None:
    """Remove drills' databases: ours, and what an interrupted drill left."""
    asked = sql("SELECT datname FROM pg_database WHERE starts_with(datname, %L)", _PREFIX)
    for (name,) in cluster.ask("postgres", asked):
        cluster.ask("postgres", sql("DROP DATABASE IF EXISTS %I WITH (FORCE)", name))


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
