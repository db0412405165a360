"""Redis back from its dump: a server beside the real one loads it, and the real one takes it over as a replica does.

So nothing is restarted; its own log of writes (AOF) is written anew by itself, and that is waited for.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import redis_dump, refusals, replaced
from orchestrator.agent.backup.redis_dump import Client
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, BackupFailed, UsageError

_COPY_SECONDS = 900.0
_POLL_SECONDS = 0.2


def prove(call: Call, _: tuple[dict[str, Any], ...], dumped: Dumped, path: Path) -> dict[str, int]:
    """Load a dump beside the real server, and count its keys."""
    with redis_dump.loaded(call, path) as server:
        size = server.client.size()
    redis_dump.compare(dumped, size)
    return {"tables": 0, "rows": size, "checks": 0}


def refuse(call: Call, dumped: Dumped) -> None:
    """See whether the data may be replaced.

    Raises: UsageError: the server is older than the dump, has keys, and nobody said --force.
    """
    asked = redis_dump.client(call)
    here = int(asked.figure("server", "redis_version").partition(".")[0] or 0)
    if here < int(dumped.about["version_number"]):
        raise refusals.older("Redis", str(here), dumped.about["version"])
    if call.request.text("into", ""):
        raise refusals.nothing_beside("Redis")
    if (size := asked.size()) and not call.request.flag("force"):
        raise UsageError(
            "the data of Redis are in use", why=f"{size} keys", state="nothing was touched",
            next="--force replaces them, after a dump of what is there now",
        )  # fmt: skip


def restore(call: Call, dumped: Dumped, file: Path, done: dict[str, Any]) -> None:
    """Put a dump's data in the place of what is there, after that was kept.

    Raises: BackupFailed: its state says what the server holds.
    """
    asked = redis_dump.client(call)
    with redis_dump.loaded(call, file) as server:
        redis_dump.compare(dumped, server.client.size())
        kept = f"redis as it was before: {_safety_dump(call, asked)}" if asked.size() else ""
        done["kept"] += [kept] if kept else []
        try:
            _take_over(asked, server)
        except AgentError as error:
            error.state = f"Redis may hold a part of it; kept: {kept or 'nothing was there before'}"
            raise
    done["restored"].append(f"redis: {asked.size()} keys")


def _take_over(asked: Client, server: redis_dump.Server) -> None:
    """Become a replica of the server beside it until everything is here, and then its own again."""
    asked.ask("CONFIG", "SET", "masteruser", "default")
    asked.ask("CONFIG", "SET", "masterauth", server.password)
    try:
        asked.ask("REPLICAOF", "127.0.0.1", str(server.port))
        deadline = time.monotonic() + _COPY_SECONDS
        while asked.figure("replication", "master_link_status") != "up":
            if time.monotonic() > deadline:
                raise BackupFailed("Redis did not take the data over", why=f"not within {_COPY_SECONDS:g} s")
            time.sleep(_POLL_SECONDS)
    finally:
        asked.ask("REPLICAOF", "NO", "ONE")
        for name in ("masteruser", "masterauth"):
            asked.ask("CONFIG", "SET", name, "")
    _await_log(asked)


def _await_log(asked: Client) -> None:
    """Until its log of writes holds what was taken over: a restart before that would bring the old data back.

    Raises: BackupFailed: it does not.
    """
    deadline = time.monotonic() + _COPY_SECONDS
    while asked.figure("persistence", "aof_enabled") == "1" and not _is_logged(asked):
        if time.monotonic() > deadline:
            raise BackupFailed(
                "Redis did not write its log of writes anew", why=f"not within {_COPY_SECONDS:g} s"
            )
        time.sleep(_POLL_SECONDS)


def _is_logged(asked: Client) -> bool:
    busy = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
    return asked.figure("persistence", "aof_last_bgrewrite_status") == "ok" and all(
        asked.figure("persistence", name) == "0" for name in busy
    )


def _safety_dump(call: Call, asked: Client) -> Path:
    """What is there now, as a dump that was read to its end."""

    def write(path: Path) -> None:
        asked.ask("--rdb", str(path))
        redis_dump.contents(call, path)

    return replaced.keep(call, "redis", ".rdb", write)
