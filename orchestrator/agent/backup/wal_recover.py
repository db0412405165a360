"""A server of its own beside the real one, that a base and its log have brought to one moment; gone afterwards.

It listens on a socket in its own directory and nowhere else. It dies with us: whatever kills the agent, the kernel ends
it, and the next turn of the log's timer removes its files.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from orchestrator.agent import space
from orchestrator.agent.backup import state, wal, wal_base, wal_chain, wal_send
from orchestrator.agent.backup.postgres import AS_POSTGRES, Cluster
from orchestrator.agent.backup.postgres_guest import GUEST
from orchestrator.agent.backup.restic import Repository
from orchestrator.agent.backup.wal import Segment
from orchestrator.agent.backup.wal_chain import Chain, Log, Piece
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, HostNotReady, LockHeld

_PORT = 5433
"""Of the socket's name only: nothing listens."""

_POLL_SECONDS = 0.2
_STOP_SECONDS = 60
_AT_ONCE = 4
"""Pieces of the log that are fetched at the same time: each costs restic half a second before the first byte."""

_SETTINGS = """
SELECT current_setting('shared_preload_libraries'), current_setting('max_prepared_transactions'),
current_setting('max_locks_per_transaction')"""
"""Without which some databases cannot be opened: as the real server has them."""

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_CONF = """\
listen_addresses = ''
unix_socket_directories = '{place}'
port = {port}
shared_preload_libraries = '{libraries}'
max_prepared_transactions = {prepared}
max_locks_per_transaction = {locks}
shared_buffers = 64MB
max_connections = 20
autovacuum = off
archive_mode = off
hot_standby = off
fsync = off
full_page_writes = off
jit = off
logging_collector = off
log_timezone = 'UTC'
timezone = 'UTC'
restore_command = 'cp -- "{place}/wal/%f" "%p"'
recovery_target_time = '{moment}'
recovery_target_inclusive = on
recovery_target_timeline = 'current'
recovery_target_action = 'promote'
"""
"""Nothing here has to outlive a crash, so nothing waits for the disk."""

_HBA = f"local all postgres peer\nlocal all {GUEST} scram-sha-256\n"


class Recovered(NamedTuple):
    """The server, and what it came from.

    Attributes:
        moment: That it was brought to (seconds since the epoch).
        segments: Of the log that were there for it (count).
    """

    cluster: Cluster
    chain: Chain
    moment: float
    segments: int


@contextlib.contextmanager
def server(call: Call, repository: Repository, log: Log, found: Chain, moment: float) -> Iterator[Recovered]:
    """The server as it was at a moment.

    Args:
        call: For the app; nobody else may be at a backup, a drill or a restore.
        repository: With the base and its log.
        log: What is in it.
        found: The base, and how far it leads.
        moment: One that it leads to.
    Raises: BackupFailed: it cannot be brought there. HostNotReady: no room, or no server of that version.
    """
    place = call.layout.wal_recovery
    programs = _programs(call, found.base.version)
    sweep(call)
    place.mkdir(mode=0o700)
    try:
        pieces = wal_chain.needed(log, found, moment)
        count = sum(last.number - first.number + 1 for one in pieces for first, last in one.runs)
        space.require(place, found.base.bytes + count * wal.SEGMENT_BYTES, 5000)
        _fetch_base(call, repository, found, place)
        wal_base.own(call, place)
        _check_base(call, programs, place / "data")
        _fetch_log(repository, found, pieces, place)
        _settings(call, place, moment)
        wal_base.own(call, place)
        with _running(call, programs, place) as cluster:
            yield Recovered(cluster, found, moment, count)
    finally:
        sweep(call)


def sweep(call: Call) -> None:
    """Remove what is there of it. The server itself never outlives the agent that started it."""
    shutil.rmtree(call.layout.wal_recovery, ignore_errors=True)
    shutil.rmtree(call.layout.wal_base, ignore_errors=True)


def sweep_left(call: Call) -> None:
    """The same, where nobody is at it."""
    if not (call.layout.wal_recovery.exists() or call.layout.wal_base.exists()):
        return
    with contextlib.suppress(LockHeld), state.alone(call, "a sweep"):
        sweep(call)


def _programs(call: Call, version: int) -> Path:
    """Where the server's own programs are.

    Raises: HostNotReady: this host has none of that version.
    """
    place = call.layout.root / "usr/lib/postgresql" / str(version) / "bin"
    if not place.is_dir():
        raise HostNotReady(
            f"this host has no PostgreSQL {version}",
            why=f"the base backup is of that version, and {place} does not exist",
            state="nothing was touched", next="restore on a host of that Debian, or apt-get install it from there",
        )  # fmt: skip
    return place


def _fetch_base(call: Call, repository: Repository, found: Chain, place: Path) -> None:
    """The base, where the server will have it."""
    into = place / "fetched"
    repository.restore(found.base.snapshot, str(into), [])
    (into / str(call.layout.wal_base).lstrip("/") / "data").rename(place / "data")
    shutil.rmtree(into)


def _fetch_log(repository: Repository, found: Chain, pieces: list[Piece], place: Path) -> None:
    """The log's segments under their own names, each looked at, none missing between the first and the last.

    Raises: BackupFailed: one is not what its name says, or is not there.
    """
    log = place / "wal"
    log.mkdir(mode=0o700)

    from concurrent.futures import ThreadPoolExecutor  # late: every backup would import it

    def fetch(one: Piece) -> None:
        into = place / f"fetched-{one.snapshot}"
        repository.restore(one.snapshot, str(into), [])
        for path in [path for path in into.rglob("*") if path.is_file() and wal.segment(path.name)]:
            path.replace(log / path.name)
        shutil.rmtree(into)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(fetch, pieces))
    check_log(log, found, max((last for one in pieces for _, last in one.runs), default=found.base.last))


def check_log(log: Path, found: Chain, last: Segment) -> None:
    """See that segments are what their names say, and that none is missing from a base to the last one.

    Raises: BackupFailed: a recovery would be another one than it says.
    """
    base, there = found.base, [one for path in log.iterdir() if (one := wal.segment(path.name))]
    for one in there:
        if wal.owner(log / one.name, one) != base.system:
            raise BackupFailed("a segment of the log is another server's", why=one.name)
    end = min(last, found.last or last)
    runs = [run for run in wal.runs(there) if run[0].timeline == base.first.timeline]
    if not any(first <= base.first and end <= final for first, final in runs):
        are = ", ".join(f"{first.name} to {final.name}" for first, final in runs) or "nothing"
        raise BackupFailed(
            "a part of PostgreSQL's log is missing",
            why=f"from {base.first.name} to {end.name} there is {are}",
        )


def _settings(call: Call, place: Path, moment: float) -> None:
    """What this server is told; nothing of what the real one was."""
    live = Cluster(call, wal_send.service_of(call).port)
    ((libraries, prepared, locks),) = live.ask("postgres", _SETTINGS)
    asked = datetime.fromtimestamp(moment, UTC).isoformat(sep=" ", timespec="microseconds")
    words = {"place": place, "port": _PORT, "libraries": libraries.replace("'", "''"), "prepared": prepared,
             "locks": locks, "moment": asked}  # fmt: skip
    data = place / "data"
    for name, text in {
        "postgresql.conf": _CONF.format(**words), "pg_hba.conf": _HBA, "pg_ident.conf": "",
        "recovery.signal": "", "postgresql.auto.conf": "",
    }.items():  # fmt: skip
        (data / name).write_text(text)


def _check_base(call: Call, programs: Path, data: Path) -> None:
    """Every file of the base against its own list of digests.

    Raises: BackupFailed: it is not what the server gave us.
    """
    done = call.systemd.program([*AS_POSTGRES, str(programs / "pg_verifybackup"), "--quiet", str(data)])
    if done.code != 0:
        raise BackupFailed("the base backup is damaged", why=done.errors.strip()[-500:])


@contextlib.contextmanager
def _running(call: Call, programs: Path, place: Path) -> Iterator[Cluster]:
    """The server, once it has played the log and takes questions.

    Raises: BackupFailed: it has not reached the moment, with its own words.
    """
    said = place / "log"
    # The kernel sends SIGQUIT where we are killed: the server's own word for ending at once, with all its processes.
    words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=QUIT", "--",
             str(programs / "postgres"), "-D", str(place / "data")]  # fmt: skip
    with said.open("wb") as log, subprocess.Popen(
        words, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_ENVIRONMENT
    ) as process:  # fmt: skip
        try:
            cluster = Cluster(call, _PORT, place)
            _wait(cluster, process, said)
            yield cluster
        finally:
            _end(process)


def _wait(cluster: Cluster, process: subprocess.Popen[bytes], said: Path) -> None:
    while True:
        with contextlib.suppress(BackupFailed):
            if cluster.one("postgres", "SELECT pg_is_in_recovery()") == "f":
                return
        if process.poll() is not None:
            lines = said.read_text(errors="replace").strip().splitlines()
            grave = [line.partition(": ")[2] for line in lines if "FATAL" in line or "PANIC" in line]
            raise BackupFailed(
                "PostgreSQL could not be brought to that moment",
                why="; ".join([*grave[-2:], *lines[-1:]])[-800:],
            )
        time.sleep(_POLL_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS / 6)
    except subprocess.TimeoutExpired:
        process.send_signal(3)  # SIGQUIT
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
