"""A lost host's backup on the empty host that takes its name: which one, its data, its certificate.

Each part may be asked for again. What was done is noted, so that an interrupted rebuild goes on where it stopped, and
with the backup that it began with: meanwhile this host makes none.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import certificates, durable, releases
from orchestrator.agent.backup import dumps, fetch, restore_files, state
from orchestrator.agent.backup import settings as kept
from orchestrator.agent.backup.engines import ENGINES
from orchestrator.agent.backup.restic import Repository, Snapshot
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import AgentError, BackupFailed, HostNotReady, UsageError
from orchestrator.agent.request import Request

PATIENCE_SECONDS = 3600.0
"""How long a part waits for what the one of a controller that was lost still does: it goes on to its end here."""

RECORD = "record"
"""Verb of the line of history that parts what the lost host did from what this one does."""

_LINES = ("history.jsonl", "migrations.jsonl")
"""What the lost host had on record goes before what this one has."""


def look(call: Call) -> dict[str, Any]:
    """Choose the backup, and keep that choice: the newest of the first target that has one, or what is asked for.

    A host that keeps nothing that only a backup has (`optional`) may have none: `target` is empty then, `why` says it.
    Raises: UsageError: the host is in use, or was rebuilt already. BackupFailed: there is no backup.
    """
    begun = durable.read_json(call.app.rebuild_file) or {}
    if begun.get("ended"):
        came = f"from backup {begun['snapshot']}" if begun["snapshot"] else "without a backup"
        raise UsageError(
            "the host was rebuilt already", why=f"{came}, {begun['ended']}", state="nothing was touched",
            next="vpsdeploy backup restore brings data back to a host that serves",
        )  # fmt: skip
    with state.alone(call, "a rebuild", PATIENCE_SECONDS):
        if not begun:
            _refuse_used(call)
        chosen, why, manifest = _choose(call, begun), "", dict[str, Any]()
        if isinstance(chosen, str):
            target, snapshot, why = "", "", chosen
        else:
            repository, one = chosen
            target, snapshot = repository.name, one.id
            with fetch.place(call.app.restored, 0) as into:
                manifest = fetch.manifest(call, repository, one, into)
        done = begun.get("done", [])
        began = begun.get("began") or timestamp()
        choice = {"target": target, "snapshot": snapshot, "began": began, "done": done}
        durable.write_json(call.app.rebuild_file, choice)
    age = max(0, round(time.time() - float(manifest["at"]))) if manifest else 0
    return {
        "target": target, "snapshot": snapshot, "backup_time": manifest.get("time", ""), "age_seconds": age,
        "release": manifest.get("release"), "done": done, "why": why,
    }  # fmt: skip


def data(call: Call) -> dict[str, Any]:
    """Databases, shared directories, and what the lost host had on record.

    Returns: `restored`, `kept`: sentences; what an earlier try has brought back is not brought back again.
    """
    with state.alone(call, "a rebuild", PATIENCE_SECONDS), fetch.place(call.app.restored, 0) as into:
        begun = begun_here(call)
        repository, one = _pinned(call, kept.read(call), begun)
        repository.restore(one.id, str(into), [str(call.app.staging)])
        directory = fetch.staged(call, into)
        wanted = [(dumped, fetch.check_file(directory, dumped)) for dumped in _dumped(directory)]
        if not begun["done"]:
            for dumped, _ in wanted:
                ENGINES[dumped.kind].refuse(call, dumped)
            note(call, begun, "begun")
        told: dict[str, Any] = {"restored": [], "kept": []}
        forced = call._replace(request=Request({**call.request.fields, "force": True}))
        for dumped, path in wanted:
            if (name := f"{dumped.kind} {dumped.database}") not in begun["done"]:
                ENGINES[dumped.kind].restore(forced, dumped, path, told)
                note(call, begun, name)
        if "files" not in begun["done"]:
            restore_files.shared(forced, repository, one, told)
            note(call, begun, "files")
        if "record" not in begun["done"]:
            _take_record(call, directory / "state")
            call.record(RECORD, old=None, new=begun["snapshot"], result="restored")
            note(call, begun, "record")
    return told


def certificate(call: Call) -> dict[str, Any]:
    """The lost host's certificate, where this one has none yet; afterwards the host renews it as ever.

    Returns: `certificate`: `restored`, `there` (this host has one), `none` (the backup has none) or `off`; `names`.
    """
    if certificates.settings(call.app) is None:
        return {"certificate": "off", "names": []}
    if (there := certificates.current(call)) is not None:
        return {"certificate": "there", "names": list(there.names)}
    with state.alone(call, "a rebuild", PATIENCE_SECONDS), fetch.place(call.app.restored, 0) as into:
        repository, one = _pinned(call, kept.read(call), begun_here(call))
        name, certbot = call.app.name, call.layout.certbot
        parts = [
            certbot / part for part in (f"archive/{name}", f"renewal/{name}.conf", "accounts", f"live/{name}")
        ]  # the last one leads to the first: whoever is killed in between leaves no certificate that leads nowhere
        repository.restore(one.id, str(into), [str(part) for part in parts])
        for part in parts:
            _put_where_absent(into / str(part).lstrip("/"), part)
    from orchestrator.agent.verbs.certificate import came_back  # late: only where there is a certificate

    names = came_back(call)["names"]
    return {"certificate": "restored" if names else "none", "names": names}


def end(call: Call) -> dict[str, Any]:
    """The host is what the lost one was: from now on it makes backups of its own."""
    begun = begun_here(call)
    durable.write_json(call.app.rebuild_file, {**begun, "ended": timestamp()})
    call.record("rebuild", old=None, new=begun["snapshot"] or None, result="done", target=begun["target"])
    return {}


def begun_here(call: Call) -> dict[str, Any]:
    """What is noted of this rebuild.

    Raises: UsageError: none was begun.
    """
    begun = durable.read_json(call.app.rebuild_file)
    if not isinstance(begun, dict):
        raise UsageError("no rebuild was begun", why=f"{call.app.rebuild_file} does not exist")
    return begun


def note(call: Call, begun: dict[str, Any], part: str) -> None:
    """Keep that a part is done."""
    begun["done"].append(part)
    durable.write_json(call.app.rebuild_file, begun)


def source(call: Call) -> tuple[Repository, Snapshot, dict[str, Any]]:
    """Where the chosen backup is, and what is noted of the rebuild."""
    begun = begun_here(call)
    return (*_pinned(call, kept.read(call), begun), begun)


def _pinned(call: Call, found: Settings, begun: dict[str, Any]) -> tuple[Repository, Snapshot]:
    repository = Repository(call, found, begun["target"])
    return repository, fetch.snapshot(repository, begun["snapshot"])


def _choose(call: Call, begun: dict[str, Any]) -> tuple[Repository, Snapshot] | str:
    """The backup; or why there is none, where the host can do without."""
    optional, wanted = call.request.flag("optional"), call.request.text("snapshot", "")
    if begun.get("done"):
        _check_same(begun, call.request.text("target", ""), wanted)
        return _pinned(call, kept.read(call), begun)
    if optional and not call.app.backup_file.exists():
        return "the app has no backups"
    found, whys = kept.read(call), list[str]()
    for name in kept.chosen(call, found):
        repository = Repository(call, found, name)
        try:
            repository.probe()
            return repository, fetch.snapshot(repository, wanted)
        except AgentError as error:
            whys.append(f"{name}: {error.what}" + (f": {error.why}" if error.why else ""))
    if optional:
        return "\n".join(whys)
    raise BackupFailed(
        "there is no backup to rebuild the host from", why="\n".join(whys), state="nothing was restored",
        next="--from TARGET names another one; docs/disaster.md",
    )  # fmt: skip


def _check_same(begun: dict[str, Any], target: str, wanted: str) -> None:
    is_other = wanted and not str(begun["snapshot"]).startswith(wanted[:8])
    if is_other or target not in ("", begun["target"]):
        chosen = f"{begun['target']}:{begun['snapshot']}"
        raise UsageError(
            "the rebuild began with another backup", why=f"{', '.join(begun['done'])} are of {chosen}",
            state="nothing was touched", next=f"go on with --from {chosen}, or begin anew on an empty host",
        )  # fmt: skip


def _refuse_used(call: Call) -> None:
    """A host that serves, or that holds files of users, is no empty one."""
    if there := releases.identifiers(call.app):
        raise UsageError(
            "the host is not empty", why=f"it has release {there[-1]}", state="nothing was touched",
            next="a rebuild takes an empty host; vpsdeploy backup restore brings data back to one that serves",
        )  # fmt: skip
    restore_files.refuse(call)


def _dumped(directory: Path) -> list[Dumped]:
    wanted = dumps.dumped_of(dumps.read(directory))
    if strange := [one.kind for one in wanted if one.kind not in ENGINES]:
        raise HostNotReady(
            f"this agent cannot restore {strange[0]}", why="the backup has a dump of it", state="nothing was restored",
            next="rebuild with the version of vpsdeploy that made the backup, or a newer one",
        )  # fmt: skip
    return wanted


def _take_record(call: Call, directory: Path) -> None:
    for name in _LINES:
        before, path = directory / name, call.app.state / name
        if before.is_file():
            old, new = before.read_bytes(), path.read_bytes() if path.exists() else b""
            if not new.startswith(old):
                durable.write(path, old + new, 0o600)


def _put_where_absent(source: Path, target: Path) -> None:
    """A file or directory to its place; of a directory that is there, what it lacks."""
    if source.is_dir() and not source.is_symlink() and target.is_dir():
        for inner in source.iterdir():
            _put_where_absent(inner, target / inner.name)
    elif (source.exists() or source.is_symlink()) and not (target.exists() or target.is_symlink()):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(str(source), str(target))
