"""Redis: the app's user and password, its limits, and how it is. Asked over its own socket, as an administrator.

The server reads its users from a file of root's making; passwords are in it as digests.
"""

from __future__ import annotations

import grp
import hashlib
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady

ADMIN = "vpsdeploy"
SOCKET = "run/redis/redis-server.sock"
USERS = "etc/redis/users.d/vpsdeploy.conf"

# INFO, KEYS and FLUSHDB are an app's business (BullMQ, tests); reading the server's settings, other clients' commands
# and moving data to other servers are not.
_RULES = {ADMIN: "~* &* +@all", "": "~* &* +@all -@admin -migrate +client|list"}
_START_SECONDS = 30.0
_TIMEOUT_SECONDS = 10.0
_POLL_SECONDS = 0.05


class Refused(Exception):
    """The server said no; its own words."""


class Connection:
    """The server's protocol, as far as it is needed. Source: redis.io/docs/reference/protocol-spec (RESP 2)."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_TIMEOUT_SECONDS)
        try:
            self._socket.connect(str(path.resolve()))  # a socket's path is short, whatever leads to it
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    def ask(self, *words: str) -> Any:
        """One command. Raises: Refused: an error is the answer."""
        encoded = [word.encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)]
        self._socket.sendall(b"".join(parts))
        return self._answer()

    def _answer(self) -> Any:
        line = self._file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise Refused(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        if not kind:
            raise Refused("the connection was closed")
        return rest.decode(errors="replace")

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


def ensure(call: Call, settings: dict[str, Any], password: str) -> list[str]:
    """The app's user with this password, and the limits that are asked for.

    Returns: What was changed.
    Raises: HostNotReady: the server does not answer.
    """
    admin, file = _admin(call), call.layout.root / USERS
    wanted = _users(settings["user"], password, admin)
    changed = [f"user {settings['user']}"] if _read(file) != wanted else []
    if changed:
        _write(file, wanted)
    connection = _login(call, ADMIN, admin)
    if connection is None:
        # Nobody is there before the administrator is: the server has never been told of any user.
        call.systemd.run_checked(["systemctl", "restart", settings["unit"]])
        connection = _awaited(call, admin, settings["unit"])
    try:
        if changed or not _fits(call, settings["user"], password):
            rules = _RULES[""].split()
            connection.ask("ACL", "SETUSER", settings["user"], "reset", "on", f"#{_digest(password)}", *rules)
            changed = [f"user {settings['user']}"]
        return changed + _limits(connection, settings)
    except Refused as error:
        raise HostNotReady("redis does not do what it is asked", why=str(error)) from None
    finally:
        connection.close()


def health(call: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Version, connections and size, as the server says.

    Raises: HostNotReady: it does not answer.
    """
    connection = _as_admin(call, settings, _admin(call))
    try:
        told = _pairs(connection.ask("INFO", "everything"))
        clients = connection.ask("CLIENT", "LIST").splitlines()
        waits = [name for name in ("port", "tls-port") if _setting(connection, name) != str(settings[name])]
    except Refused as error:
        raise HostNotReady("redis does not answer", why=str(error)) from None
    finally:
        connection.close()
    ours = f" user={settings['user']} "
    return {
        "version": told.get("redis_version", ""), "connections": sum(ours in f"{client} " for client in clients),
        "data_bytes": int(told.get("used_memory", 0)), "waits": waits,
    }  # fmt: skip


def client(settings: dict[str, Any], password: str) -> tuple[list[str], dict[str, str]]:
    """redis-cli as the app's user; nothing that is typed is kept."""
    command = ["redis-cli", "-h", settings["address"], "-p", str(settings["port"] or settings["tls-port"])]
    if settings["certificate"]:
        command += ["--tls", "--cacert", settings["certificate"]]
    environment = {"REDISCLI_AUTH": password, "REDISCLI_HISTFILE": "/dev/null"}
    return [*command, "--user", settings["user"]], environment


def _admin(call: Call) -> str:
    """The administrator's password: made here the first time, root's alone, for us and for backups."""
    file = call.layout.services / "redis.env"
    lines = (_read(file) or "").splitlines()
    found = next((line.partition("=")[2] for line in lines if line.startswith("REDISCLI_AUTH=")), "")
    if found:
        return found
    made = secrets.token_urlsafe(32)
    text = f"REDISCLI_AUTH={made}\nREDIS_USER={ADMIN}\nREDIS_SOCKET=/{SOCKET}\n"
    durable.write(file, text.encode(), 0o600)
    return made


def _users(user: str, password: str, admin: str) -> str:
    named = {ADMIN: (admin, _RULES[ADMIN]), user: (password, _RULES[""])}
    lines = [f"user {name} on #{_digest(word)} {rules}" for name, (word, rules) in named.items()]
    return "\n".join(["# Written by vpsdeploy: digests of passwords.", *lines, ""])


def _write(file: Path, text: str) -> None:
    try:
        group = grp.getgrnam("redis").gr_gid
    except KeyError as error:
        raise HostNotReady(
            "redis is not installed", why=str(error), next="vpsdeploy provision host"
        ) from None
    durable.write(file, text.encode(), 0o640, group=group)


def _limits(connection: Connection, settings: dict[str, Any]) -> list[str]:
    """What can be changed while it runs is changed so."""
    wanted = str(settings["maxmemory"])
    if _setting(connection, "maxmemory") == wanted:
        return []
    connection.ask("CONFIG", "SET", "maxmemory", wanted)
    return ["memory"]


def _as_admin(call: Call, settings: dict[str, Any], admin: str) -> Connection:
    connection = _login(call, ADMIN, admin)
    if connection is None:
        raise HostNotReady(
            "redis does not answer", why=f"nobody listens at /{SOCKET}, or it does not know us",
            next=f"journalctl -u {settings['unit']}; then vpsdeploy provision host",
        )  # fmt: skip
    return connection


def _fits(call: Call, user: str, password: str) -> bool:
    """Whether the running server lets the app in, with the rights that it has here."""
    connection = _login(call, user, password)
    if connection is None:
        return False
    try:
        connection.ask("PING")
        connection.ask("CLIENT", "LIST")
    except Refused:
        return False
    finally:
        connection.close()
    return True


def _login(call: Call, user: str, password: str) -> Connection | None:
    """A connection that is logged in; None where the server is not there or refuses."""
    try:
        connection = Connection(call.layout.root / SOCKET)
    except OSError:
        return None
    try:
        connection.ask("AUTH", user, password)
    except (Refused, OSError):
        connection.close()
        return None
    return connection


def _awaited(call: Call, admin: str, unit: str) -> Connection:
    """The administrator's connection, once the server has read its data."""
    deadline = time.monotonic() + _START_SECONDS
    while (connection := _login(call, ADMIN, admin)) is None:
        if time.monotonic() > deadline:
            why = f"no answer for {_START_SECONDS:.0f} s"
            raise HostNotReady("redis does not start", why=why, next=f"journalctl -u {unit}")
        time.sleep(_POLL_SECONDS)
    return connection


def _setting(connection: Connection, name: str) -> str:
    answer = connection.ask("CONFIG", "GET", name)
    return str(answer[1]) if len(answer) > 1 else ""


def _pairs(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition(":") for line in text.splitlines())}


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _read(file: Path) -> str | None:
    try:
        return file.read_text()
    except FileNotFoundError:
        return None
