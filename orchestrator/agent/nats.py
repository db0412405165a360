"""NATS: the app's user and password, and how the server is.

The server reads its users from a file of root's making; passwords are in it as bcrypt digests.
"""

from __future__ import annotations

import grp
import http.client
import json
import re
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import administrator, bcrypt, durable
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.nats_connection import Connection, Refused

ADMIN = "vpsdeploy"
USERS = "etc/nats/users.conf"
_USER = re.compile(r'user: "([a-z0-9_]+)", password: "([^"]+)"')
_START_SECONDS = 30.0
_POLL_SECONDS = 0.1
_TIMEOUT_SECONDS = 10.0


def ensure(call: Call, settings: dict[str, Any], password: str) -> list[str]:
    """The app's user with this password. Read again by the server, which stays up: other connections stay.

    Returns: What was changed.
    Raises: HostNotReady: the server does not answer, or does not read its users again.
    """
    file, user = call.layout.root / USERS, settings["user"]
    waits = _waits(_told(settings, "/varz"), settings)
    wanted = {ADMIN: admin_password(call), user: password}
    kept = dict(_USER.findall(_read(file)))
    fitting = {name: kept[name] for name, word in wanted.items() if bcrypt.fits(kept.get(name, ""), word)}
    if fitting.keys() == wanted.keys() == kept.keys() and _lets_in(call, settings, user, password):
        return []
    _write(file, {name: fitting.get(name) or bcrypt.digest(word) for name, word in wanted.items()})
    if waits:
        raise HostNotReady(
            "nats takes a user only with a restart", state="its users are written down for its next start",
            why=f"what it reads only then has changed ({', '.join(waits)}), and so it reads nothing before",
            next=f"systemctl restart {settings['unit']} on the host, then vpsdeploy provision host",
        )  # fmt: skip
    call.systemd.run_checked(["systemctl", "reload", settings["unit"]])
    deadline = time.monotonic() + _START_SECONDS
    while not _lets_in(call, settings, user, password):
        if time.monotonic() > deadline:
            raise HostNotReady(
                "nats does not let the app in", why=f"not within {_START_SECONDS:.0f} s",
                next=f"journalctl -u {settings['unit']}",
            )  # fmt: skip
        time.sleep(_POLL_SECONDS)
    return [f"user {user}"]


def health(_: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Version, connections and size, as the server says.

    Raises: HostNotReady: it does not answer.
    """
    told, stored = _told(settings, "/varz"), _told(settings, "/jsz")
    return {
        "version": str(told.get("version", "")), "connections": int(told.get("connections", 0)),
        "data_bytes": int(stored.get("storage", 0)) + int(stored.get("memory", 0)),
        "waits": _waits(told, settings),
    }  # fmt: skip


def connected(call: Call, settings: dict[str, Any]) -> Connection:
    """As the administrator.

    Raises: HostNotReady: the server does not answer, or does not know its administrator.
    """
    try:
        return _login(call, settings, ADMIN, admin_password(call))
    except (Refused, OSError, ValueError) as error:
        raise HostNotReady(
            "nats does not answer", why=str(error), next=f"journalctl -u {settings['unit']}"
        ) from None


def admin_password(call: Call) -> str:
    """The administrator's: made here the first time, root's alone, for us and for backups."""
    return administrator.password(call, "nats", ADMIN)


def _login(call: Call, settings: dict[str, Any], user: str, password: str) -> Connection:
    """Where the server listens now: another address is one that waits for a restart."""
    told = _told(settings, "/varz")
    certificate = str(settings["certificate"]) if told.get("tls_required") else ""
    trusted = str(call.layout.root / certificate.lstrip("/")) if certificate else ""
    address = str(told.get("host") or settings["address"])
    return Connection(address, int(settings["port"]), user, password, trusted)


def _lets_in(call: Call, settings: dict[str, Any], user: str, password: str) -> bool:
    try:
        _login(call, settings, user, password).close()
    except (Refused, OSError, ValueError):
        return False
    return True


def _told(settings: dict[str, Any], path: str) -> dict[str, Any]:
    """What the server says of itself.

    Raises: HostNotReady: it does not answer.
    """
    try:
        return _monitored(settings, path)
    except (OSError, ValueError) as error:
        raise HostNotReady(
            "nats does not answer", why=str(error), next=f"journalctl -u {settings['unit']}"
        ) from None


def _write(file: Path, digests: dict[str, str]) -> None:
    users = "\n".join(f'    {{user: "{name}", password: "{digest}"}}' for name, digest in digests.items())
    text = f"# Written by vpsdeploy: digests of passwords.\nauthorization {{\n  users: [\n{users}\n  ]\n}}\n"
    try:
        group = grp.getgrnam("nats").gr_gid
    except KeyError as error:
        raise HostNotReady("nats is not installed", why=str(error), next="vpsdeploy provision host") from None
    durable.write(file, text.encode(), 0o640, group=group)


def _monitored(settings: dict[str, Any], path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(settings["monitoring"]), timeout=_TIMEOUT_SECONDS
    )
    try:
        connection.request("GET", path)
        found = json.loads(connection.getresponse().read())
    except http.client.HTTPException as error:
        raise OSError(f"no answer that is HTTP: {error}") from None
    finally:
        connection.close()
    return dict(found)


def _waits(told: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """What the server takes from its configuration only when it starts."""
    limits = told.get("jetstream", {}).get("config", {})
    alike = {
        "address": told.get("host") == settings["address"],
        "tls": bool(told.get("tls_required")) == bool(settings["certificate"]),
        "max_memory_store": limits.get("max_memory") == settings["memory_store"],
        "max_file_store": limits.get("max_storage") == settings["file_store"],
    }
    return [name for name, is_so in alike.items() if not is_so]


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""
