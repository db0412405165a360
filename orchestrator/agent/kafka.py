"""Kafka: the app's user with its password and rights, and how the server is.

Asked over its own protocol: its own programs start a Java machine each, some seconds every time, and read a password
from their command line only, where everybody on the host sees it. The server is told a salted digest.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.agent import connections, kafka_scram
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.kafka_admin import Admin, Right
from orchestrator.agent.kafka_connection import PLAIN, Connection, Refused

ADMIN = "vpsdeploy-admin"
"""No user of an app has a name with a dash: whoever the server calls so is the administrator."""

ADMIN_FILE = "etc/kafka/admin.properties"
CERTIFICATES = "etc/kafka/tls"
NODE = 1
_PASSWORD = re.compile(r'password="([A-Za-z0-9]+)"')
_HEAP = re.compile(r"-Xmx(\d+)m")
_START_SECONDS = 90.0
_KNOWN_SECONDS = 30.0
_POLL_SECONDS = 0.2
_TROUBLE = (Refused, OSError, ValueError)

_TOPIC, _GROUP, _TRANSACTION = 2, 3, 5
_LITERAL, _PREFIXED, _ALL, _DENY, _ALLOW = 3, 4, 2, 2, 3
RIGHTS = frozenset({
    Right(_TOPIC, "*", _LITERAL, _ALL, _ALLOW),
    Right(_GROUP, "*", _LITERAL, _ALL, _ALLOW),
    Right(_TRANSACTION, "*", _LITERAL, _ALL, _ALLOW),
    Right(_TOPIC, "__", _PREFIXED, _ALL, _DENY),
})  # fmt: skip
"""The server is the app's alone: every topic but the server's own; users, rights and settings are not the app's."""

_LISTENERS, _PROTOCOLS = "advertised.listeners", "listener.security.protocol.map"


def ensure(call: Call, settings: dict[str, Any], password: str) -> list[str]:
    """The app's user with this password, and its rights.

    Returns: What was changed.
    Raises: HostNotReady: the server does not answer, or does not take it.
    """
    user, changed = settings["user"], list[str]()
    _await(call, settings)
    with administrator(call, settings) as admin:
        where = _client(call, settings, admin.settings(NODE, [_LISTENERS, _PROTOCOLS]))
        if not _lets_in(where, user, password):
            admin.set_password(user, password)
            changed.append(f"user {user}")
        if missing := RIGHTS - admin.rights(user):
            admin.grant(user, sorted(missing))
            changed.append(f"rights of {user}")
    deadline = time.monotonic() + _KNOWN_SECONDS
    while changed and not _lets_in(where, user, password):
        if time.monotonic() > deadline:
            raise HostNotReady(
                "kafka does not let the app in", why=f"not within {_KNOWN_SECONDS:.0f} s at {where[0]}",
                next=f"journalctl -u {settings['unit']}",
            )  # fmt: skip
        time.sleep(_POLL_SECONDS)
    return changed


def health(call: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Version, connections and size; settings that wait for a restart.

    Raises: HostNotReady: it does not answer.
    """
    with administrator(call, settings) as admin:
        sizes, told = admin.sizes(), admin.settings(NODE, list(settings["wanted"]))
    process = _process(call, settings)
    running = _version(process)
    waits = [name for name, value in settings["wanted"].items() if told.get(name) != value]
    waits += ["version"] if running not in ("", settings["version"]) else []
    waits += ["heap"] if _heap(process) not in (None, settings["heap_mib"]) else []
    return {
        "version": running or settings["version"],
        "connections": connections.count(call.layout.proc, {int(settings["port"])}),
        "data_bytes": sum(size for name, size in sizes.items() if not name.startswith("__")),
        "waits": waits,
    }  # fmt: skip


@contextmanager
def administrator(call: Call, settings: dict[str, Any]) -> Iterator[Admin]:
    """The server, asked as its administrator.

    Raises: HostNotReady: it does not answer, or refuses.
    """
    try:
        with _connected(call, settings) as connection:
            yield Admin(connection)
    except _TROUBLE as error:
        raise _silent(settings, error) from None


def _connected(call: Call, settings: dict[str, Any]) -> Connection:
    word = _PASSWORD.search((call.layout.root / ADMIN_FILE).read_text())
    if word is None:
        raise ValueError(f"/{ADMIN_FILE} has no password")
    return Connection("127.0.0.1", int(settings["admin_port"]), ADMIN, word[1], PLAIN)


def _silent(settings: dict[str, Any], error: Exception) -> HostNotReady:
    what = "kafka refuses" if isinstance(error, Refused) else "kafka does not answer"
    return HostNotReady(what, why=str(error), next=f"journalctl -u {settings['unit']}")


def _await(call: Call, settings: dict[str, Any]) -> None:
    """Until the server answers: its first start takes Java and the disk a while.

    Raises: HostNotReady: it does not, or systemd has given it up.
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            _connected(call, settings).close()
        except _TROUBLE as error:
            if time.monotonic() > deadline:
                raise _silent(settings, error) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _client(call: Call, settings: dict[str, Any], told: dict[str, str]) -> tuple[str, int, str]:
    """Where the app is let in now: address, port, certificate. Another address is one that waits for a restart."""
    places = dict(one.split("://", 1) for one in told.get(_LISTENERS, "").split(",") if "://" in one)
    address, _, port = places.get("CLIENT", "").rpartition(":")
    address = address.strip("[]")
    if not address or not port.isdigit():
        raise HostNotReady(
            "kafka has to be restarted before it can let the app in",
            why=f"it listens as {told.get(_LISTENERS) or 'nobody knows'}",
            next=f"systemctl restart {settings['unit']} on the host, then vpsdeploy provision host",
        )
    by_tls = "CLIENT:SASL_SSL" in told.get(_PROTOCOLS, "")
    trusted = call.layout.root / CERTIFICATES / f"{address.replace(':', '-')}.crt"
    return address, int(port), str(trusted) if by_tls else ""


def _lets_in(where: tuple[str, int, str], user: str, password: str) -> bool:
    address, port, trusted = where
    try:
        Connection(address, port, user, password, kafka_scram.MECHANISM, trusted).close()
    except _TROUBLE:
        return False
    return True


def _process(call: Call, settings: dict[str, Any]) -> Path | None:
    """The server's directory below /proc."""
    shown = call.systemd.show([settings["unit"]], ["MainPID"]).get(settings["unit"], {})
    number = shown.get("MainPID", "")
    return call.layout.proc / number if number.isdigit() and number != "0" else None


def _version(process: Path | None) -> str:
    """Which release runs: its unit starts it in the directory of that. Empty where nobody can say."""
    try:
        return (process / "cwd").readlink().name.rpartition("-")[2] if process else ""
    except OSError:
        return ""


def _heap(process: Path | None) -> int | None:
    """Of the process that runs (MiB)."""
    try:
        found = _HEAP.search((process / "cmdline").read_text()) if process else None
    except OSError:
        return None
    return int(found[1]) if found else None
