"""Data back from a backup: everything, one database, one table, one file or directory.

Nothing that is in use is replaced without --force, and then only after it was kept: a dump of the database, the files
under another name. Whatever fails, fails before that or leaves what was there.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import dumps, fetch, restore_files, services, state, wal_restore, wal_state
from orchestrator.agent.backup import settings as kept
from orchestrator.agent.backup.engines import ENGINES
from orchestrator.agent.backup.restic import Repository
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError


def restore(call: Call) -> dict[str, Any]:
    """Carry out the request: of `database`, `table`, `path` and none of them (everything); `into`, `to`, `force`.

    With `moment` (seconds since the epoch) it is PostgreSQL's database or table as it was then.

    Returns: `snapshot`, `backup_time`, and what was `restored` and `kept`.
    Raises: UsageError: it is not in the backup, or in use. BackupFailed: it could not be restored; state says what is.
    """
    found = kept.read(call)
    target = kept.chosen(call, found)[0]
    moment = call.request.moment("moment")
    if moment is not None:
        wal_restore.check(call, found)
    with state.alone(call, "a restore"):
        if moment is not None:
            return _of_moment(call, found, target, moment)
        repository = Repository(call, found, target)
        repository.probe()
        one = fetch.snapshot(repository, call.request.text("snapshot", ""))
        began = time.monotonic()
        if path := call.request.text("path", ""):
            done, manifest = restore_files.path(call, repository, one, path), {"time": one.time}
        else:
            done, manifest = _data(call, repository, one)
        seconds = round(time.monotonic() - began, 1)
    call.record("restore", old=None, new=one.id, result="done", restored=done["restored"], seconds=seconds)
    return {"target": target, "snapshot": one.id, "backup_time": manifest["time"], "seconds": seconds, **done}


def _of_moment(call: Call, found: Settings, target: str, moment: float) -> dict[str, Any]:
    """A database or a table as it was at a moment: brought there beside the real server, then as out of any backup."""
    began, table = time.monotonic(), call.request.text("table", "")
    engine = ENGINES[services.POSTGRESQL]
    if not table:
        engine.refuse(call, wal_restore.expected(call))
    with fetch.place(call.app.restored, 0) as into:
        made = wal_restore.dump(call, found, target, moment, into)
        done: dict[str, Any] = {"restored": [], "kept": []}
        if table:
            done = _table(call, [made.dumped], {made.dumped.file: made.path}, table)
        else:
            engine.restore(call, made.dumped, made.path, done)
    seconds, when = round(time.monotonic() - began, 1), wal_state.utc(made.dumped.taken_at)
    figures = {"restored": done["restored"], "seconds": seconds, "moment": when}
    call.record("restore", old=None, new=made.snapshot, result="done", **figures)
    return {"target": target, "snapshot": made.snapshot, "backup_time": when, "seconds": seconds, **done}


def _data(call: Call, repository: Repository, one: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Databases, and with them the files where everything is meant."""
    database, table = call.request.text("database", ""), call.request.text("table", "")
    everything = not (database or table)
    with fetch.place(call.app.restored, 0) as into:
        repository.restore(one.id, str(into), [str(call.app.staging)])
        directory = fetch.staged(call, into)
        manifest = dumps.read(directory)
        wanted = _wanted(manifest, database)
        files = {dumped.file: fetch.check_file(directory, dumped) for dumped in wanted}
        if table:
            return _table(call, wanted, files, table), manifest
        for dumped in wanted:
            fetch.room(call, dumped)
            ENGINES[dumped.kind].refuse(call, dumped)
        if everything:
            restore_files.refuse(call)
        done: dict[str, Any] = {"restored": [], "kept": []}
        for dumped in wanted:
            ENGINES[dumped.kind].restore(call, dumped, files[dumped.file], done)
        if everything:
            restore_files.shared(call, repository, one, done)
    return done, manifest


def _table(call: Call, wanted: list[Dumped], files: dict[str, Path], table: str) -> dict[str, Any]:
    """One table, of the only kind of database that has it.

    Raises: UsageError: none has it, or more than one.
    """
    carried_out = {kind: engine.table for kind, engine in ENGINES.items() if engine.table}
    by_kind = {kind: [one for one in wanted if one.kind == kind] for kind in carried_out}
    names = {table, f"public.{table}"}
    having = [kind for kind, ours in by_kind.items() if any(names & one.rows.keys() for one in ours)]
    if len(having) > 1:
        raise UsageError(
            f"several databases have a table {table[:100]!r}", why=", ".join(having), state="nothing was touched",
            next="name one with --database",
        )  # fmt: skip
    dumped = [kind for kind, ours in by_kind.items() if ours]
    kind = next(iter([*having, *dumped, *by_kind]))
    return carried_out[kind](call, by_kind[kind], files, table)


def _wanted(manifest: dict[str, Any], database: str) -> list[Dumped]:
    """The dumps that are meant.

    Raises: UsageError: there is none of this name.
    """
    found = [one for one in dumps.dumped_of(manifest) if one.kind in ENGINES]
    wanted = [one for one in found if database in ("", one.database)]
    if database and not wanted:
        names = ", ".join(one.database for one in found) or "none"
        raise UsageError(
            f"the backup has no database {database[:60]!r}",
            why=f"it has {names}",
            state="nothing was touched",
        )
    return wanted
