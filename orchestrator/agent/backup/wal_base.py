"""A base backup: a copy of the server's files that its log can be played onto; and what of both need not stay."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agent import space
from orchestrator.agent.backup import wal, wal_chain, wal_send, wal_state
from orchestrator.agent.backup.postgres import AS_POSTGRES, Cluster
from orchestrator.agent.backup.restic import WAL, Repository
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.backup.wal_chain import Base
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, BackupFailed

_RATE = "64M"
"""What the server reads for it in a second: whoever is served comes first (our choice; 10 GiB take 160 s)."""

_ARCHIVE_PATIENCE_SECONDS = 600.0
_PRUNE_SECONDS = 6.5 * 86400
_DAY_SECONDS = 86400.0

_ABOUT = """
SELECT (SELECT system_identifier FROM pg_control_system()), current_setting('server_version_num'),
(SELECT sum(pg_database_size(oid)) FROM pg_database),
(SELECT count(*) FROM pg_tablespace WHERE pg_tablespace_location(oid) <> '')"""


def to_all(call: Call, found: Settings, *, may_prune: bool) -> list[str]:
    """A base at every target, and the log up to its end. Returns: why there is none at some."""
    try:
        with _made(call) as (directory, base):
            done, failed = _stored(call, found, directory, base)
    except (AgentError, OSError) as error:
        return [f"base backup: {_text(error)}"]
    try:
        wal_send.send(call, found, mark=True, patience_seconds=_ARCHIVE_PATIENCE_SECONDS)
    except AgentError as error:
        failed.append(_text(error))
    for name in done:
        try:
            _look_after(call, found, name, may_prune=may_prune and not failed)
        except AgentError as error:
            failed.append(f"{name}: {_text(error)}")
    return failed


def prune(call: Call, found: Settings, name: str) -> tuple[int, int]:
    """Let go of what no moment needs that is kept. Returns: how many snapshots there were, and are.

    Raises: BackupFailed, LockHeld
    """
    repository = Repository(call, found, name, beside=WAL)
    with wal_state.alone(call, _ARCHIVE_PATIENCE_SECONDS):
        made = repository.snapshots()
        gone = wal_chain.dispensable(
            wal_chain.read(made), time.time() - found.point_in_time["keep_days"] * _DAY_SECONDS
        )
        if gone:
            repository.drop(gone)
        known = wal_state.read(call)
        wal_state.target(known, name)["pruned_at"] = time.time()
        wal_state.write(call, known)
    return len(made), len(made) - len(gone)


@contextlib.contextmanager
def _made(call: Call) -> Iterator[tuple[Path, Base]]:
    """A base beside the server's own files; gone afterwards.

    Raises: BackupFailed: the server refuses. HostNotReady: there is no room for it.
    """
    place = call.layout.wal_base
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    own(call, place)
    try:
        yield place, _copied(call, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def own(call: Call, place: Path) -> None:
    """Give a directory with all that is in it to the server's user; links are not followed.

    Raises: BackupFailed
    """
    done = call.systemd.program(["chown", "--no-dereference", "--recursive", "postgres:postgres", str(place)])
    if done.code != 0:
        raise BackupFailed("the files cannot be given to PostgreSQL", why=done.errors.strip()[-300:])


def _copied(call: Call, place: Path) -> Base:
    cluster = Cluster(call, wal_send.service_of(call).port)
    ((system, version, size, spaces),) = cluster.ask("postgres", _ABOUT)
    if spaces != "0":
        raise BackupFailed(
            "a base backup holds no tablespaces", why=f"the server has {spaces} outside of its own directory",
            next="move them into it, or turn backup.point_in_time off",
        )  # fmt: skip
    space.require(place, int(size) + 4 * wal.SEGMENT_BYTES, 5000)
    words = ["pg_basebackup", "-p", cluster.port, f"--pgdata={place / 'data'}", "--checkpoint=fast", "--no-sync",
             f"--max-rate={_RATE}", "--label=vpsdeploy", "--manifest-checksums=SHA256", "--no-password"]  # fmt: skip
    cluster.checked(call.systemd.program([*AS_POSTGRES, *words]), "the base backup failed")
    at = float(cluster.one("postgres", "SELECT extract(epoch FROM clock_timestamp())"))
    timeline, first, last = _range(place / "data" / "backup_manifest")
    files = sum(path.stat().st_size for path in (place / "data").rglob("*") if path.is_file())
    return Base(
        "", system, at, wal.at(timeline, first), wal.holding_before(timeline, last), int(version) // 10000, files
    )  # fmt: skip


def _range(manifest: Path) -> tuple[int, str, str]:
    """The part of the log that a base needs to be whole: timeline, first address, last address."""
    (part,) = json.loads(manifest.read_bytes())["WAL-Ranges"]
    return int(part["Timeline"]), str(part["Start-LSN"]), str(part["End-LSN"])


def _stored(call: Call, found: Settings, directory: Path, base: Base) -> tuple[list[str], list[str]]:
    """Returns: the targets that have it, and why others have not."""
    done, failed = list[str](), list[str]()
    for name in found.targets:
        repository = Repository(call, found, name, beside=WAL)
        try:
            with wal_state.alone(call, _ARCHIVE_PATIENCE_SECONDS):
                known = wal_state.read(call)
                wal_send.ready(repository, wal_state.target(known, name))
                wal_state.write(call, known)
            summary = repository.backup([str(directory)], [], [*wal_send.tags(call), *base.tags()], anew=True)
            if summary["unread"]:
                raise BackupFailed("files could not be read", why=", ".join(summary["unread"][:5]))
            done.append(name)
        except AgentError as error:
            failed.append(f"{name}: base backup: {_text(error)}")
    return done, failed


def _look_after(call: Call, found: Settings, name: str, *, may_prune: bool) -> None:
    """Once a week let go of what is not needed any more; see what can be reached now."""
    pruned_at = float(wal_state.target(wal_state.read(call), name).get("pruned_at") or time.time())
    if may_prune and time.time() - pruned_at > _PRUNE_SECONDS:
        prune(call, found, name)
    log = wal_send.refresh(call, found, name)
    newest = wal_chain.chain(log, log.bases[-1]) if log.bases else None
    if newest is None or newest.end is None:
        raise BackupFailed(
            "no moment can be restored from the new base", why="the log that it needs is not there"
        )
    with wal_state.alone(call, _ARCHIVE_PATIENCE_SECONDS):
        known = wal_state.read(call)
        about = wal_state.target(known, name)
        about.pop("gap", None)
        about.setdefault("pruned_at", pruned_at)
        wal_state.write(call, known)


def _text(error: Exception) -> str:
    if isinstance(error, AgentError):
        return f"{error.what}: {error.why}" if error.why else error.what
    return f"{type(error).__name__}: {error}"
