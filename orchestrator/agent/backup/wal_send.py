"""PostgreSQL's log to every target: what its archive command has put into the spool goes away, and is removed here.

Each turn ends the open segment with a marker, a commit whose time is known: what was committed before it is on its way.
A segment leaves the spool only when every target has it. Where nothing was written since the last marker, nothing is.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from orchestrator.agent import durable
from orchestrator.agent.backup import services, wal, wal_chain, wal_state
from orchestrator.agent.backup import settings as kept
from orchestrator.agent.backup.postgres import Cluster
from orchestrator.agent.backup.restic import WAL, Repository
from orchestrator.agent.backup.services import POSTGRESQL, Service
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.backup.wal import Segment
from orchestrator.agent.backup.wal_chain import Piece, Window
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, BackupFailed, HostNotReady, LockHeld

_ARCHIVED_SECONDS = 60.0
"""How long the server may take to archive a segment that was just ended (it begins at once)."""

_PATIENCE_SECONDS = 5.0
_POLL_SECONDS = 0.1
_MOST_AT_ONCE = 256
"""Segments in one snapshot: 4 GiB. A target that was away catches up in pieces that count."""

_NOW = "SELECT extract(epoch FROM clock_timestamp())"
_SAME = "SELECT pg_current_snapshot()::text"

_MARK = "SELECT pg_current_xact_id() FROM pg_logical_emit_message(true, 'vpsdeploy', 'marker')"
_END = "SELECT pg_walfile_name(pg_current_wal_insert_lsn() - 1), pg_switch_wal()"
"""The segment that the marker's commit is in, and the end of it."""

_ASKED = """
SELECT (SELECT system_identifier FROM pg_control_system()), current_setting('archive_mode'),
current_setting('wal_segment_size'), coalesce(extract(epoch FROM last_archived_time), 0),
coalesce(extract(epoch FROM last_failed_time), 0), coalesce(last_failed_wal, '') FROM pg_stat_archiver"""


def service_of(call: Call) -> Service:
    """The server whose log it is.

    Raises: HostNotReady: this host has none.
    """
    found = next((one for one in services.of(call) if one.kind == POSTGRESQL), None)
    if found is None:
        raise HostNotReady(
            "this host runs no PostgreSQL for the app", why=f"no file of {call.layout.services} names one",
            state="nothing was touched", next="vpsdeploy provision host",
        )  # fmt: skip
    return found


def send(call: Call, found: Settings, *, mark: bool = False, patience_seconds: float = 0.0) -> dict[str, Any]:
    """One turn.

    Args:
        call: For the app.
        found: Its backups.
        mark: Whether a marker is written although nothing was since the last one.
        patience_seconds: How long to wait for a turn that is under way.
    Returns: `sent`: segments by target; `until`: the moment up to which everything is there.
    Raises: LockHeld: another turn is under way. BackupFailed: something did not go to a target; it stays here.
    """
    with wal_state.alone(call, patience_seconds):
        known = wal_state.read(call)
        known.setdefault("began_at", time.time())
        why = _marked(call, known, mark)
        sent, failed = _to_all(call, found, known)
        _tidy(call, found, known)
        wal_state.write(call, known)
    if why or failed:
        raise BackupFailed(
            "PostgreSQL's log was not sent as a whole", why="\n".join(filter(None, (why, *failed))),
            state="what is missing at a target stays on the host until it is there",
            next="docs/runbooks/failing-backup.md",
        )  # fmt: skip
    return {"sent": sent, "until": (known.get("marked") or {}).get("at")}


def _marked(call: Call, known: dict[str, Any], must: bool) -> str:
    """End the open segment with a marker, if there is anything in it. Returns: why that could not be done."""
    began = time.time()
    try:
        cluster = Cluster(call, service_of(call).port)
        ((system, mode, size, archived, failed, segment),) = cluster.ask("postgres", _ASKED)
        known["archiving"] = _refusal(mode, size)
        if known["archiving"]:
            return f"PostgreSQL cannot archive its log: {known['archiving']}"
        marked = known.get("marked") or {}
        is_mine = marked.get("system") == system
        if not must and is_mine and cluster.one("postgres", _SAME) == _after(marked["xid"]):
            marked["same_until"] = began
            return ""
        at = float(cluster.one("postgres", _NOW))  # before the marker, whose own time is later
        xid = cluster.one("postgres", _MARK)
        ((name, _),) = cluster.ask("postgres", _END)
        if not _arrives(call, name):
            is_failing = float(failed) > float(archived)
            last = f"; {segment} failed at {wal_state.utc(float(failed))}" if is_failing else ""
            known["archiving"] = f"{name} did not come into {call.layout.wal_spool} in time{last}"
            return f"PostgreSQL cannot archive its log: {known['archiving']}"
        known["marked"] = {"system": system, "xid": xid, "at": at, "segment": name, "same_until": at}
    except AgentError as error:
        return f"{error.what}: {error.why}"
    return ""


def _after(xid: str) -> str:
    """The snapshot of a server on which no transaction has written anything since this one."""
    following = int(xid) + 1
    return f"{following}:{following}:"


def _refusal(mode: str, size: str) -> str:
    if mode == "off":
        return (
            "archive_mode waits for a restart of the server (systemctl restart 'postgresql@*-main.service')"
        )
    return "" if size == "16MB" else f"its segments have {size}, not 16MB"


def _arrives(call: Call, name: str) -> bool:
    deadline = time.monotonic() + _ARCHIVED_SECONDS
    while not (call.layout.wal_spool / name).exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _to_all(call: Call, found: Settings, known: dict[str, Any]) -> tuple[dict[str, int], list[str]]:
    """What each target lacks. Returns: how many segments went to each, and why some did not."""
    here = _spooled(call.layout.wal_spool)
    known["waiting_bytes"] = sum(path.stat().st_size for path in here)
    sent, failed = dict[str, int](), list[str]()
    for name in found.targets:
        about = wal_state.target(known, name)
        about["sent"] = [one for one in about.get("sent", ()) if (call.layout.wal_spool / one).exists()]
        lacking = [path for path in here if path.name not in about["sent"]]
        try:
            sent[name] = _to(call, found, name, known, lacking)
            about["whole_at"], about["why"] = time.time(), ""
        except AgentError as error:
            about["why"] = f"{error.what}: {error.why}"
            failed.append(f"{name}: {about['why']}")
    return sent, failed


def _spooled(spool: Path) -> list[Path]:
    """The segments that the server has archived, in the order of its log."""
    return sorted(path for path in spool.glob("*") if wal.segment(path.name)) if spool.is_dir() else []


def _to(call: Call, found: Settings, name: str, known: dict[str, Any], lacking: list[Path]) -> int:
    if not lacking:
        return 0
    about, repository = wal_state.target(known, name), Repository(call, found, name, beside=WAL)
    ready(repository, about)
    wal_state.write(call, known)
    count = 0
    for batch in _batches(lacking):
        piece = _piece(known, batch)
        summary = repository.backup(
            [str(path) for path in batch], [], [*tags(call), *piece.tags()], anew=True
        )
        if summary["unread"]:
            raise BackupFailed("files could not be read", why=", ".join(summary["unread"][:5]))
        about["sent"] = [*about["sent"], *(path.name for path in batch)]
        _noted(about, piece)
        count += len(batch)
        wal_state.write(call, known)
    return count


def ready(repository: Repository, about: dict[str, Any]) -> None:
    """See that there is a repository; one that was there is never made anew: perhaps a disk is only not mounted."""
    if about.get("made"):
        repository.probe()
    elif not repository.exists():
        repository.make()
    about["made"] = True


def tags(call: Call) -> list[str]:
    """Of every snapshot."""
    return ["vpsdeploy", f"app={call.app.name}"]


def _batches(paths: Sequence[Path]) -> list[list[Path]]:
    """Files of one server's log at a time, and not too many; the order stays.

    Raises: BackupFailed: a file is not what its name says.
    """
    owners = [wal.owner(path, _segment(path)) for path in paths]
    groups = itertools.groupby(zip(paths, owners, strict=True), key=lambda one: one[1])
    whole = [[path for path, _ in group] for _, group in groups]
    return [group[n : n + _MOST_AT_ONCE] for group in whole for n in range(0, len(group), _MOST_AT_ONCE)]


def _segment(path: Path) -> Segment:
    """Of a file that is one."""
    return cast(Segment, wal.segment(path.name))


def _piece(known: dict[str, Any], batch: list[Path]) -> Piece:
    system = wal.owner(batch[0], _segment(batch[0]))
    marked = known.get("marked") or {}
    names = {path.name for path in batch}
    until = float(marked["at"]) if marked.get("system") == system and marked["segment"] in names else None
    return Piece("", system, tuple(wal.runs(map(_segment, batch))), until, "")


def _noted(about: dict[str, Any], piece: Piece) -> None:
    """How far a target leads now, and whether something is missing before what it was given."""
    before = wal.segment(about.get("last", ""))
    expected = before.next if before and about.get("system") == piece.system else None
    for first, last in piece.runs:
        if expected and first != expected and first.number > expected.number:
            about["gap"] = _hole(expected, first)
        elif expected and first.timeline != expected.timeline:
            about["gap"] = f"PostgreSQL's log goes on as another one from {first.name}"
        expected = last.next
    if before and about.get("system") not in (None, piece.system):
        about["gap"] = "PostgreSQL's log is another server's from here on"
    about["last"], about["system"] = piece.runs[-1][1].name, piece.system
    spans = [Window(*one) for one in about.get("windows", ())]
    if spans and piece.until is not None and not about.get("gap"):
        about["windows"] = [*spans[:-1], Window(spans[-1].begin, max(spans[-1].end, piece.until))]


def _hole(expected: Segment, found: Segment) -> str:
    missing = f"from {expected.name} to before {found.name}"
    return f"PostgreSQL's log has a hole, {missing}: no moment after it can be reached"


def _tidy(call: Call, found: Settings, known: dict[str, Any]) -> None:
    """Remove what every target has, and what no recovery of ours reads: labels of backups, ends of timelines."""
    known["targets"] = {name: about for name, about in known["targets"].items() if name in found.targets}
    abouts = [wal_state.target(known, name) for name in found.targets]
    everywhere = set.intersection(*(set(about.get("sent", ())) for about in abouts))
    for name in sorted(everywhere):
        (call.layout.wal_spool / name).unlink(missing_ok=True)
    for path in call.layout.wal_spool.glob("*.*"):
        if wal.is_label(path.name):
            path.unlink(missing_ok=True)
    if everywhere:
        durable.sync_directory(call.layout.wal_spool)
    for about in abouts:
        about["sent"] = [name for name in about.get("sent", ()) if name not in everywhere]
    known["waiting_bytes"] = sum(path.stat().st_size for path in _spooled(call.layout.wal_spool))


def by_unit(call: Call) -> dict[str, Any]:
    """A turn of the timer's. Before the host has its keys nothing can go anywhere: that is told already."""
    found = kept.read(call)
    if not found.point_in_time or not kept.is_equipped(call):
        return {"sent": {}, "until": None}
    try:
        return send(call, found)
    except LockHeld:
        return {"sent": {}, "until": None}  # a backup is at it, which sends all that there is


def refresh(call: Call, found: Settings, name: str) -> wal_chain.Log:
    """What a target has, as its repository says it; kept for those who ask this host alone, if nobody is sending.

    Raises: BackupFailed: it does not answer.
    """
    log = wal_chain.read(Repository(call, found, name, beside=WAL).snapshots())
    with contextlib.suppress(LockHeld), wal_state.alone(call, _PATIENCE_SECONDS):
        known = wal_state.read(call)
        about = wal_state.target(known, name)
        about["windows"] = [list(one) for one in wal_chain.windows(log)]
        if log.bases:
            about["based_at"] = log.bases[-1].at
        wal_state.write(call, known)
    return log
