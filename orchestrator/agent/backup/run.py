"""One backup: dump, read the dumps, store, let go of old ones, keep what came of it, tell the dead man's switch.

It needs no controller. Killed anywhere, it leaves nothing that keeps the next one from its work.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.backup import dumps, ping, state, wal_base
from orchestrator.agent.backup import settings as kept
from orchestrator.agent.backup.restic import Repository
from orchestrator.agent.backup.settings import DATABASES, Settings
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import AgentError, BackupFailed

SHRUNKEN = 0.5
"""A backup below this part of the one before is told about: it may have lost what it should hold (our choice)."""

_SMALL_BYTES = 1 << 20
"""Below this, sizes go up and down for no reason."""

_PRUNE_SECONDS = 6.5 * 86400
"""Between two prunes: giving room back rewrites parts of the repository (our choice: once a week)."""


def run(call: Call) -> dict[str, Any]:
    """Make one backup to every target.

    Returns: what `last` of the state says.
    Raises: LockHeld: another one is running. BackupFailed: to one target at least there is none.
    """
    found = kept.read(call)
    with state.alone(call, "a backup"):
        ping.tell(call, "/start")
        try:
            last = _run(call, found)
        except Exception as error:
            _failed(call, error)
            raise
        finally:
            dumps.clear(call)
        _tell(call, last)
    if last["result"] == "failed":
        raise BackupFailed(
            "the backup failed", why=last["why"], state=_state(last), next="docs/runbooks/failing-backup.md"
        )
    return last


def _failed(call: Call, error: Exception) -> None:
    why = _text(error) if isinstance(error, AgentError) else f"{type(error).__name__}: {error}"
    ping.tell(call, "/fail", why)  # first: a disk that is full keeps nothing
    _kept(call, {"result": "failed", "why": why, "targets": {}, "warnings": [], "databases": {}}, time.time())


def _run(call: Call, found: Settings) -> dict[str, Any]:
    began = time.time()
    shutil.rmtree(call.app.restored, ignore_errors=True)
    kept.key_file(call, kept.PASSWORD)
    _refuse_half_a_host(call)
    manifest = dumps.stage(call, found)
    known = state.read(call)
    done, failed, warnings = {}, list[str](), list[str]()
    for name in found.targets:
        try:
            done[name] = _to(call, found, name, known, manifest, began)
        except AgentError as error:
            failed.append(f"{name}: {_text(error)}")
            continue
        warnings += done[name].pop("warnings")
    state.write(call, known)
    if found.point_in_time and DATABASES in found.what:
        dumps.clear(call)  # the base needs as much room again
        failed += wal_base.to_all(call, found, may_prune=not (failed or warnings))
    result = {
        "result": "failed" if failed else "done", "why": "\n".join(failed), "targets": done, "warnings": warnings,
        "databases": {one["database"]: one["bytes"] for one in manifest["dumps"]},
    }  # fmt: skip
    return _kept(call, result, began)


def _refuse_half_a_host(call: Call) -> None:
    """A host that is being rebuilt must not become its own newest backup."""
    if state.unfinished(call):
        raise BackupFailed(
            "the host is being rebuilt", why="it does not hold yet what its backups hold", state="nothing was stored",
            next="vpsdeploy host rebuild goes on with it",
        )  # fmt: skip


def _to(
    call: Call, found: Settings, name: str, known: dict[str, Any], manifest: dict[str, Any], began: float
) -> dict[str, Any]:  # fmt: skip
    """Store at one target, and note it as good."""
    repository, about = Repository(call, found, name), state.target(known, name)
    prepare(repository, about)
    tags = ("vpsdeploy", f"app={call.app.name}")
    summary = repository.backup(dumps.paths(call, found), dumps.exclusions(call, found), tags)
    lost = [path for path in summary["unread"] if Path(path).exists()]
    if lost:
        raise BackupFailed("files could not be read", why=", ".join(lost[:5]))
    good = {
        "at": manifest["at"], "time": manifest["time"], "snapshot": summary["snapshot_id"][:8],
        "bytes": summary["total_bytes_processed"], "files": summary["total_files_processed"],
        "added_bytes": summary["data_added"], "databases": {one["database"]: one["bytes"] for one in manifest["dumps"]},
    }  # fmt: skip
    warnings = [f"{name}: {text}" for text in _suspicions(about.get("good"), good)]
    about["good"] = good
    about.setdefault("first_at", good["at"])
    if not warnings:
        about["pruned_at"] = _let_go(repository, found, about, began)
    return {**good, "warnings": warnings}


def prepare(repository: Repository, about: dict[str, Any]) -> None:
    """See that there is a repository.

    One is made where this host never had a backup; one that is gone is never replaced by an empty one: perhaps the
    disk is only not mounted.
    """
    if about.get("good"):
        repository.probe()
    elif not repository.exists():
        repository.make()


def _suspicions(before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    """What is strange about a backup beside the one before. Nothing old is let go of then."""
    if not before:
        return []
    texts = []
    if now["at"] < before["at"]:
        texts.append(
            f"the clock was set back: the backup before is from {before['time']}; no old one is removed"
        )
    sizes = {"": (before["bytes"], now["bytes"])}
    sizes |= {f"{name} ": (size, now["databases"].get(name, 0)) for name, size in before["databases"].items()}
    texts += [
        f"the database {name} is not in it any more" for name in before["databases"].keys() - now["databases"]
    ]
    for what, (old, new) in sizes.items():
        if old > _SMALL_BYTES and new < SHRUNKEN * old:
            texts.append(f"{what}shrunken: {new} bytes after {old}; no old backup is removed")
    return texts


def _let_go(repository: Repository, found: Settings, about: dict[str, Any], now: float) -> float:
    """Once a week, let go of old snapshots and give their room back. Returns: when that was last."""
    pruned = float(about.get("pruned_at", now))
    if now - pruned < _PRUNE_SECONDS:
        return pruned
    repository.forget(found.keep)
    return now


def _kept(call: Call, result: dict[str, Any], began: float) -> dict[str, Any]:
    """Note how it ended, in the state and in the app's history."""
    last = {
        **result,
        "at": began,
        "time": timestamp(),
        "seconds": round(time.time() - began, 1),
        "by": call.request.by,
    }
    call.app.backup.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.write(call, {**state.read(call), "last": last})
    figures = {"seconds": last["seconds"], "targets": sorted(last["targets"]), "warnings": last["warnings"]}
    call.record("backup", old=None, new=None, result=last["result"], **figures)
    return last


def _tell(call: Call, last: dict[str, Any]) -> None:
    """The dead man's switch hears `fail` also of what is not as it should be: so a drill that never ran is heard of."""
    troubles = state.troubles(call, kept.read(call), state.read(call), time.time())
    grave = [text for text in troubles if "unproven" not in text]
    ping.tell(call, "/fail" if last["result"] == "failed" or grave else "", "\n".join(troubles))


def _text(error: AgentError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what


def _state(last: dict[str, Any]) -> str:
    done = ", ".join(last["targets"])
    return f"stored at {done}" if done else "nothing was stored; backups from before are as they were"


def asked(call: Call) -> Call:
    """The run with whoever asked for it: a unit takes no arguments, so a note says it."""
    told = durable.read_json(call.app.backup_asked_file)
    call.app.backup_asked_file.unlink(missing_ok=True)
    if not isinstance(told, dict):
        return call
    fields = {
        **call.request.fields,
        **{key: told[key] for key in ("by", "change", "target") if told.get(key)},
    }
    return call._replace(request=type(call.request)(fields))
