"""NATS' streams back from a dump: proven in a server beside the real one, put in the place of those that are there."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.backup import refusals, replaced
from orchestrator.agent.backup.nats_dump import index_of, load, server, streams, version_number, write
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, BackupFailed, UsageError
from orchestrator.agent.nats_connection import Connection, Refused

_START_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LIMITS = "limits"
_SETTINGS = """host: "127.0.0.1"
port: {port}
log_file: "{log}"
jetstream {{ store_dir: "{place}", max_file_store: 1TB }}
authorization {{ user: "{user}", password: "{password}" }}
"""


def prove(call: Call, _: tuple[dict[str, Any], ...], dumped: Dumped, path: Path) -> dict[str, int]:
    """Load every stream into a server of nobody's, and count.

    Raises: BackupFailed: one does not come back.
    """
    found = index_of(path)
    with _beside(call, path.parent) as connection:
        messages = [_loaded(connection, path, one) for one in found]
    if lacking := dumped.rows.keys() - {one["name"] for one in found}:
        raise BackupFailed("streams are missing in the dump", why=", ".join(sorted(lacking)))
    return {"tables": len(found), "rows": sum(messages), "checks": 0}


def refuse(call: Call, dumped: Dumped) -> None:
    """See whether streams may be replaced.

    Raises: UsageError: the server is older than the dump, has them, and nobody said --force.
    """
    with server(call) as connection:
        here = str(connection.info.get("version", ""))
        found = [one for one in streams(connection) if one["config"]["name"] in dumped.rows]
    if version_number(here) < int(dumped.about["version_number"]):
        raise refusals.older("NATS", here, dumped.about["version"])
    if call.request.text("into", ""):
        raise refusals.nothing_beside("NATS")
    if found and not call.request.flag("force"):
        told = (f"{one['config']['name']} has {one['state']['messages']} messages" for one in found)
        raise UsageError(
            "streams of the backup are in use", why=", ".join(told), state="nothing was touched",
            next="--force replaces them, after a dump of what is there now; other streams stay as they are",
        )  # fmt: skip


def restore(call: Call, dumped: Dumped, file: Path, done: dict[str, Any]) -> None:
    """Put streams in the place of those that are there, after they were proven, and those kept.

    Raises: BackupFailed: its state says what the server holds.
    """
    prove(call, (), dumped, file)
    restored, kept = list[str](), ""
    with server(call) as connection:
        here = {one["config"]["name"] for one in streams(connection)}
        if here & dumped.rows.keys():
            kept = f"nats as it was before: {_keep(call, connection)}"
            done["kept"].append(kept)
        for one in index_of(file):
            try:
                if one["name"] in here:
                    connection.asked(f"STREAM.DELETE.{one['name']}")
                restored.append(f"{one['name']}: {_loaded(connection, file, one)} messages")
            except (Refused, OSError, ValueError, BackupFailed) as error:
                raise BackupFailed(
                    f"the stream {one['name']} does not come back", why=_why(error),
                    state=f"restored are {', '.join(restored) or 'none'}; kept: {kept or 'nothing was there before'}",
                    next="run it again: streams that the app makes meanwhile are in the way, maintenance keeps it out",
                ) from None  # fmt: skip
    done["restored"].append(f"nats: {'; '.join(restored) or 'no stream'}")


def _why(error: Exception) -> str:
    return error.why if isinstance(error, AgentError) else str(error)


def _loaded(connection: Connection, path: Path, one: dict[str, Any]) -> int:
    """Load one, and compare. Returns: messages in it.

    Every message that was stored before the snapshot began has come back, or its stream has let go of it by its rules.

    Raises: BackupFailed: something is missing.
    """
    state, dumped = load(connection, path, one), one["state"]
    keeps_all = one["config"].get("retention", _LIMITS) == _LIMITS and not one["config"].get("max_age")
    same_begin = int(state["first_seq"]) == int(dumped["first_seq"])
    if int(state["last_seq"]) < int(dumped["last_seq"]) or (
        keeps_all and same_begin and int(state["messages"]) < int(dumped["messages"])
    ):
        raise BackupFailed(
            "messages are missing in the restored stream",
            why=f"{one['name']}: {state['messages']} of {dumped['messages']}, up to number {state['last_seq']} "
            f"of {dumped['last_seq']}",
        )  # fmt: skip
    return int(state["messages"])


@contextlib.contextmanager
def _beside(call: Call, directory: Path) -> Iterator[Connection]:
    """A server of nobody's, on loopback, with its data beside the dump; both are gone afterwards.

    Raises: BackupFailed: it does not start, or does not take a stream.
    """
    port, password, place = _free_port(), secrets.token_urlsafe(24), directory / "drill"
    place.mkdir(mode=0o700)
    file, log = place / "server.conf", place / "log"
    settings = _SETTINGS.format(port=port, log=log, place=place, user=call.app.name, password=password)
    durable.write(file, settings.encode(), 0o600, sync=False)
    with subprocess.Popen(
        ["nats-server", "-c", str(file)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            with contextlib.closing(_awaited(process, log, port, call.app.name, password)) as connection:
                yield connection
        except (Refused, OSError, ValueError) as error:
            raise BackupFailed("the dump cannot be loaded", why=str(error)) from None
        finally:
            process.kill()
            shutil.rmtree(place, ignore_errors=True)


def _awaited(process: subprocess.Popen[bytes], log: Path, port: int, user: str, password: str) -> Connection:
    """Its connection, once it listens."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = log.read_text(errors="replace") if log.exists() else ""
            raise BackupFailed("the dump cannot be loaded", why=said.strip()[-500:])
        with contextlib.suppress(OSError):
            return Connection("127.0.0.1", port, user, password)
        time.sleep(_POLL_SECONDS)
    raise BackupFailed("the dump cannot be loaded", why=f"no server within {_START_SECONDS:g} s")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _keep(call: Call, connection: Connection) -> Path:
    """What is there now."""
    return replaced.keep(call, "nats", ".tar", lambda path: _written(connection, path))


def _written(connection: Connection, path: Path) -> None:
    write(connection, path)
