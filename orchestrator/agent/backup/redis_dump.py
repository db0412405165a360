"""Redis: all of its data in one file, as a replica gets them; read to its end, and loaded again beside the server."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from orchestrator.agent import space
from orchestrator.agent.backup.postgres_dump import digest
from orchestrator.agent.backup.services import REDIS, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

_START_SECONDS = 120.0
_POLL_SECONDS = 0.1
_KEYS = re.compile(r"(\d+) (keys read|expires|already expired)")
"""Source: redis, src/redis-check-rdb.c, rdbShowGenericInfo."""


class Client:
    """The server's own client, logged in as its administrator.

    The password goes from a file of root's into its environment; no argument ever holds it.
    """

    def __init__(self, call: Call, access: Path) -> None:
        self._call, self._access = call, access

    def ask(self, *words: str) -> str:
        """One answer.

        Raises: BackupFailed: the server refuses, or does not answer.
        """
        script = (
            '. "$0"; export REDISCLI_AUTH; exec redis-cli -s "$REDIS_SOCKET" --user "$REDIS_USER" -e "$@"'
        )
        done = self._call.systemd.program(["sh", "-c", script, str(self._access), *words])
        if done.code != 0:
            why = (done.errors.strip() or done.output.strip())[-500:]
            raise BackupFailed("Redis refused", why=why or f"redis-cli ended with {done.code}")
        return done.output

    def figure(self, section: str, name: str) -> str:
        """A figure of INFO; empty where there is none."""
        lines = (line.partition(":") for line in self.ask("INFO", section).splitlines())
        return next((value.strip() for key, _, value in lines if key == name), "")

    def size(self) -> int:
        """How many keys there are, in all databases."""
        return sum(int(count) for count in re.findall(r"keys=(\d+)", self.ask("INFO", "keyspace")))


def client(call: Call) -> Client:
    """Of this host's server.

    Raises: BackupFailed: nobody has written down how it is reached.
    """
    access = call.layout.services / "redis.env"
    if not access.exists():
        raise BackupFailed(
            "Redis cannot be asked", why=f"{access} does not exist", next="vpsdeploy provision host"
        )
    return Client(call, access)


class Contents(NamedTuple):
    """What is in a dump: keys, and how many of them may end by themselves."""

    keys: int
    expires: int


def dump(call: Call, _: Service, directory: Path) -> Dumped:
    """Take the data as they are at one moment.

    Raises: BackupFailed: nothing that could be restored was written. HostNotReady: there is no room for it.
    """
    asked, file = client(call), f"{REDIS}/dump.rdb"
    path = directory / file
    path.parent.mkdir(mode=0o700, exist_ok=True)
    space.require(directory, int(asked.figure("memory", "used_memory") or 0), 16)
    at = time.time()
    asked.ask("--rdb", str(path))
    found = contents(call, path)
    version = asked.figure("server", "redis_version")
    about = {"version": version, "version_number": _major(version), "expires": found.expires}
    return Dumped(REDIS, REDIS, file, path.stat().st_size, digest(path), at, {"keys": found.keys}, about)


def _major(version: str) -> int:
    return int(version.partition(".")[0] or 0)


def contents(call: Call, path: Path) -> Contents:
    """Read a dump to its end, its checksum too.

    Raises: BackupFailed: it is damaged.
    """
    done = call.systemd.program(["redis-check-rdb", str(path)])
    if done.code != 0:
        raise BackupFailed("the dump is damaged", why=f"{path.name}: {done.output.strip()[-500:]}")
    found = {name: int(count) for count, name in _KEYS.findall(done.output)}
    return Contents(found.get("keys read", 0), found.get("expires", 0))


class Server(NamedTuple):
    """A server of nobody's, on loopback, that holds what a dump holds."""

    port: int
    password: str
    client: Client


@contextlib.contextmanager
def loaded(call: Call, path: Path) -> Iterator[Server]:
    """Load a dump beside the real server.

    Raises: BackupFailed: it cannot be loaded.
    """
    port, password = _free_port(), secrets.token_urlsafe(24)
    place = call.layout.run / f"redis-{os.getpid()}"  # a socket's path is short
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket_path, access = place / "socket", place / "access"
    settings = {
        "port": port, "bind": "127.0.0.1", "requirepass": password, "unixsocket": socket_path, "unixsocketperm": 700,
        "dir": path.parent, "dbfilename": path.name, "appendonly": "no", "save": '""', "daemonize": "no",
        "repl-diskless-sync": "no",
    }  # fmt: skip
    access.touch(mode=0o600)
    access.write_text(
        f"REDISCLI_AUTH={password}\nREDIS_USER=default\nREDIS_SOCKET={shlex.quote(str(socket_path))}\n"
    )
    text = "".join(f"{name} {value}\n" for name, value in settings.items())
    with subprocess.Popen(
        ["redis-server", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            if process.stdin:
                process.stdin.write(text)
                process.stdin.close()
            made = Client(call, access)
            _await(process, made)
            yield Server(port, password, made)
        finally:
            process.kill()
            shutil.rmtree(place, ignore_errors=True)


def _await(process: subprocess.Popen[str], asked: Client) -> None:
    """Until it has read its file."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.stdout.read() if process.stdout else ""
            raise BackupFailed("the dump cannot be loaded", why=said.strip()[-500:])
        with contextlib.suppress(BackupFailed):
            if asked.figure("persistence", "loading") == "0":
                return
        time.sleep(_POLL_SECONDS)
    raise BackupFailed("the dump cannot be loaded", why=f"it was not there within {_START_SECONDS:g} s")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def compare(dumped: Dumped, size: int) -> None:
    """Whether as many keys are back as the dump holds; those that end by themselves may have ended meanwhile.

    Raises: BackupFailed: keys are missing.
    """
    wanted, may_end = dumped.rows["keys"], int(dumped.about["expires"])
    if not wanted - may_end <= size <= wanted:
        raise BackupFailed("keys are missing in the restored data", why=f"{size} of {wanted} keys")
