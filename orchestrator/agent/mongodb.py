"""MongoDB: its replica set of one, the app's user and password, and how it is. Asked by its own shell, as an admin.

What is secret is on the shell's standard input, in no argument. docs/mongodb.md says what of it was never run for real.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from orchestrator.agent import administrator, durable, programs
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.mongodb_scripts import ENSURE, HEALTH, MARK

ADMIN = "vpsdeploy"
_TOOLS = "mongodb.yml"
"""What mongodump and mongorestore take as --config: an administrator on the host has no password to type."""

_SHELL = ("mongosh", "--nodb", "--quiet", "--norc", "--file", "/dev/stdin")
"""Nothing connects before the script does: an address with a password in it would be an argument."""

_START_MS = 60_000
"""Longest wait for a server that starts, and for its replica set to have a primary (our choice)."""

_WAIT_MS = 10_000
"""Longest wait for one connection (our choice)."""

_MOST_WHY = 500


def ensure(call: Call, settings: dict[str, Any], password: str) -> list[str]:
    """The replica set, and the app's user with this password and every right in its own database.

    Returns: What was changed.
    Raises: HostNotReady: the server does not answer, or refuses.
    """
    for_tools(call, settings)
    wish = {"user": settings["user"], "word": password, "startMs": _START_MS}
    answer = _asked(call, settings, ENSURE, wish)
    return [str(text) for text in answer["changed"]]


def health(call: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Version, connections and size, as the server says.

    Raises: HostNotReady: it does not answer, or takes no writes.
    """
    told = _asked(call, settings, HEALTH, {"user": settings["user"]})
    if not told["primary"]:
        raise HostNotReady(
            "mongodb takes no writes", why="it is not the primary of its replica set", next=_next(settings)
        )
    waits = [name for name, wanted in settings["settings"].items() if told["settings"].get(name) != wanted]
    return {
        "version": str(told["version"]), "connections": int(told["connections"]),
        "data_bytes": int(told["data_bytes"]), "waits": waits,
    }  # fmt: skip


def client(settings: dict[str, Any], password: str) -> tuple[list[str], dict[str, str]]:
    """MongoDB's shell as the app's user; what it keeps is in a /tmp of its own, which goes with it."""
    address = f"[{settings['address']}]" if ":" in settings["address"] else settings["address"]
    login = f"{settings['user']}:{quote(password, safe='')}@{address}:{settings['port']}"
    url = f"mongodb://{login}/{settings['database']}?directConnection=true{_tls(settings)}"
    command = ["mongosh", "--nodb", "--quiet", "--norc", "--shell"]
    command += ["--eval", "void (db = connect(process.env.MONGODB_URI))"]
    return command, {"MONGODB_URI": url, "HOME": "/tmp"}  # noqa: S108 - the console has a /tmp of its own


def admin(call: Call) -> str:
    """The administrator's password: made here the first time, root's alone."""
    return administrator.password(call, "mongodb", ADMIN)


def for_tools(call: Call, settings: dict[str, Any]) -> Path:
    """The file that mongodump and mongorestore log in with, root's alone.

    Source: mongodb.com/docs/database-tools/mongodump, --config: `uri`, so that no argument has it.
    """
    base = f"127.0.0.1:{settings['port']}/?authSource=admin&directConnection=true{_tls(settings)}"
    text = f"uri: mongodb://{ADMIN}:{admin(call)}@{base}\n"
    file = call.layout.services / _TOOLS
    if not file.exists() or file.read_text() != text:
        durable.write(file, text.encode(), 0o600)
    return file


def _asked(call: Call, settings: dict[str, Any], script: str, more: dict[str, Any]) -> dict[str, Any]:
    """Have the shell carry out a script. Returns: its answer.

    Raises: HostNotReady: it has none.
    """
    word = admin(call)
    wish = {
        "mark": MARK, "server": f"127.0.0.1:{settings['port']}", "port": settings["port"], "tls": _tls(settings),
        "waitMs": _WAIT_MS, "set": settings["replica_set"], "database": settings["database"], "admin": ADMIN,
        "adminWord": word, **more,
    }  # fmt: skip
    home = str(call.layout.run)
    done = programs.fed(("env", f"HOME={home}", *_SHELL), f"const wish = {json.dumps(wish)};\n{script}")
    lines = [line.removeprefix(MARK) for line in done.output.splitlines() if line.startswith(MARK)]
    if done.code == 0 and lines:
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    why = _why(done.errors or done.output, [word, str(more.get("word") or word)])
    raise HostNotReady("mongodb does not do what it is asked", why=why, next=_next(settings))


def _tls(settings: dict[str, Any]) -> str:
    """Where it is reached from elsewhere it takes nothing without TLS, from loopback either."""
    certificate = settings["certificate"]
    return f"&tls=true&tlsCAFile={quote(certificate, safe='/')}" if certificate else ""


def _why(text: str, words: list[str]) -> str:
    """The last lines that it wrote, without what is secret."""
    for word in words:
        text = text.replace(word, "[redacted]").replace(quote(word, safe=""), "[redacted]")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-3:])[:_MOST_WHY] or "it said nothing"


def _next(settings: dict[str, Any]) -> str:
    return f"journalctl -u {settings['unit']}; then vpsdeploy provision host"
