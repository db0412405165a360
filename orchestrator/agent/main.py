"""The agent's entry: read a request, carry out its verb, answer. In a session: one after another, until nobody asks.

A session saves a command the start of sudo and Python for each of its verbs.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from orchestrator.agent import amnesty, programs, space, trust
from orchestrator.agent.answers import Answers
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, InternalError, UsageError
from orchestrator.agent.layout import Layout
from orchestrator.agent.request import Request, parse
from orchestrator.agent.systemd import Systemd

_MUTEX_SECONDS = 120.0
_MOST_REQUEST_BYTES = 4 << 20
"""Lists of files are no part of a request: they follow it, as bodies."""
_MOST_EXEC_BYTES = 4 << 20
"""More than the kernel takes as the arguments of a command (ARG_MAX is 2 MiB)."""


class Verb(NamedTuple):
    """How a verb is carried out.

    Attributes:
        where: Module of verbs/ and its function.
        token: Whether the caller must hold the app's lock.
        body: Whether a body follows the request.
        alone: Whether only one such verb of the app may run at a time.
        app: Whether an app must be named.
        quotes: Whether an answer may quote what the app wrote: its secrets are masked in it.
    """

    where: str
    token: bool = False
    alone: bool = False
    app: bool = True
    body: bool = False
    quotes: bool = False


VERBS = {
    "facts": Verb("facts.facts", app=False),
    "lock": Verb("lock.lock"),
    "unlock": Verb("lock.unlock", alone=True),
    "renew": Verb("lock.renew", token=True),
    "offer": Verb("offer.offer", token=True, body=True),
    "receive": Verb("receive.receive", token=True, body=True),
    "install": Verb("install.install", token=True),
    "assemble": Verb("assemble.assemble", token=True, alone=True),
    "migrate": Verb("migrate.migrate", token=True, quotes=True),
    "migrated": Verb("migrate.migrated", token=True, alone=True),
    "start": Verb("start.start", token=True, alone=True),
    "gate": Verb("gate.gate", token=True, quotes=True),
    "flip": Verb("flip.flip", token=True, alone=True),
    "hold": Verb("flip.hold", token=True, alone=True),
    "traffic": Verb("traffic.traffic", token=True),
    "instances": Verb("instances.instances", token=True, quotes=True),
    "confirm": Verb("flip.confirm", token=True, alone=True),
    "return": Verb("flip.return_", token=True, alone=True),
    "drain": Verb("drain.drain", token=True, alone=True),
    "leave": Verb("membership.leave", token=True, alone=True),
    "join": Verb("membership.join", token=True, alone=True),
    "retire": Verb("retire.retire", token=True, alone=True),
    "describe": Verb("handover.describe", token=True),
    "copy": Verb("handover.copy", token=True),
    "stop": Verb("stop.stop", token=True, alone=True),
    "jobs": Verb("jobs.jobs", token=True, alone=True, quotes=True),
    "prune": Verb("prune.prune", token=True, alone=True),
    "maintenance": Verb("maintenance.maintenance"),
    "bans": Verb("bans.bans"),
    "ban": Verb("bans.ban"),
    "lift": Verb("bans.lift"),
    "certificate": Verb("certificate.certificate"),
    "backup": Verb("backup.backup"),
    "backup-keys": Verb("backup.keys"),
    "backup-list": Verb("backup.snapshots"),
    "backup-show": Verb("backup.snapshot"),
    "backup-verify": Verb("backup.verify"),
    "backup-prune": Verb("backup.prune"),
    "drill": Verb("backup.drill"),
    "restore": Verb("backup.restore_"),
    "rebuild": Verb("rebuild.rebuild"),
    "receivers": Verb("alerts.receivers"),
    "service": Verb("services.service", alone=True),
    "services": Verb("services.services"),
    "trust": Verb("services.trust", alone=True),
    "console": Verb("console.console"),
    "db-dump": Verb("database.dump"),
    "db-load": Verb("database.load", body=True),
    "exec": Verb("exec.exec_"),
    "cron-run": Verb("cron_run.cron_run", quotes=True),
    "logs": Verb("logs.logs", quotes=True),
    "compare": Verb("compare.compare"),
    "hook": Verb("hook.hook", quotes=True),
    "history": Verb("history.history"),
    "audit": Verb("audit.audit", app=False),
    "updates": Verb("updates.updates", app=False),
    "upgrade": Verb("updates.upgrade", token=True),
    "reboot": Verb("updates.reboot", token=True),
    "boot": Verb("boot.boot", app=False),
}
STREAMED = ("copy", "db-dump", "exec", "console", "cron-run", "logs", "boot")
"""What a session cannot carry: verbs that read or write a stream of their own, and the boot unit's."""

_JOINED = ("exec", "console")
"""Verbs whose command goes on reading where the request ends."""

UNITS_VERBS = {
    "return": Verb("expire.expire"),
    "drain": Verb("drain.wait"),
    "ran": Verb("ran.ran"),
    "exchange": Verb("bans.exchange", app=False),
    "restore-bans": Verb("bans.restore", app=False),
    "certificate": Verb("certificate.by_unit"),
    "backup": Verb("backup.by_unit"),
    "drill": Verb("backup.drill_by_unit"),
    "wal": Verb("backup.wal_by_unit"),
    "integrity": Verb("integrity.integrity", app=False),
    "alerts": Verb("alerts.by_unit", app=False),
    "boot": VERBS["boot"],
}
"""What units of the host call (with --request): they hold no lock, and there is nobody to hold one."""


def main() -> int:
    """Run the verb of the command line on this host. Returns: the exit code."""
    for name in (signal.SIGHUP, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    os.umask(0o022)
    layout = Layout()
    came_from = trust.caller()
    if trust.note(layout, came_from):
        amnesty.grant(layout, came_from)
    return run(sys.argv[1:], sys.stdin.buffer, 1, layout, Systemd(programs.run))


def run(words: list[str], stream: BinaryIO, descriptor: int, layout: Layout, systemd: Systemd) -> int:
    """The same with everything handed in."""
    answers = Answers(descriptor)

    def one(understood: Callable[[], tuple[Verb, Request]], body: Body) -> int:
        def act() -> dict[str, Any] | int:
            verb, request = understood()
            body.follows = verb.body
            return _carry_out(verb, Call(layout, systemd, request, answers, body))

        return _answered(answers, layout, act)

    if words != ["session"]:
        return one(lambda: _understand(words, stream), Body(stream))
    whole = True
    while whole and answers.read and (line := stream.readline(_MOST_REQUEST_BYTES)):
        body = Body(stream)
        one(functools.partial(_said, line), body)
        whole = line.endswith(b"\n") and not body.unread  # else what comes next is no request
    return 0


def _answered(answers: Answers, layout: Layout, act: Callable[[], dict[str, Any] | int]) -> int:
    """Act, and answer with the result or the error. Returns: the exit code."""
    try:
        with _clear_of_full_disks(layout):
            result = act()
    except AgentError as error:
        answers.line(error.answer())
        return 1
    except Exception as error:  # noqa: BLE001 - nothing but answer lines may reach the controller
        import traceback  # late: it costs a seventh of the agent's start (13 ms)

        traceback.print_exc()
        answers.line(InternalError("the agent failed", why=f"{type(error).__name__}: {error}").answer())
        return 1
    if isinstance(result, int):
        return result
    answers.line({"event": "result", **result})
    return 0


def _said(line: bytes) -> tuple[Verb, Request]:
    """The verb and its request in one line of a session."""
    if len(line) == _MOST_REQUEST_BYTES:
        raise UsageError("the request is wrong", why=f"it is longer than {_MOST_REQUEST_BYTES} bytes")
    request = parse(line)
    name = request.text("verb")
    verb = VERBS.get(name)
    if verb is None or name in STREAMED:
        raise UsageError("the verb is unknown", why=f"{name[:200]!r} is not a verb of a session")
    return verb, _for(verb, request)


def _for(verb: Verb, request: Request) -> Request:
    if verb.app and not request.app:
        raise UsageError("the request is wrong", why="app is missing")
    return request


def _understand(words: list[str], stream: BinaryIO) -> tuple[Verb, Request]:
    """The verb and its request: the first line of standard input, or the word after --request."""
    name = words[0] if words else ""
    by_unit = words[1:2] == ["--request"]
    verb = (UNITS_VERBS if by_unit else VERBS).get(name)
    if verb is None or len(words) not in ((3,) if by_unit else (1,)):
        raise UsageError(
            "the verb is unknown", why=f"{' '.join(words)[:200]!r} is not one of {', '.join(VERBS)}"
        )
    if name == "boot":
        return verb, Request({})
    line = words[2].encode() if by_unit else _first_line(name, stream)
    return verb, _for(verb, parse(line))


def _first_line(verb: str, stream: BinaryIO) -> bytes:
    """The request. Of some not a byte more is read: what follows is the command's standard input."""
    if verb not in _JOINED:
        return stream.readline(_MOST_REQUEST_BYTES)
    line = b""
    while len(line) < _MOST_EXEC_BYTES and not line.endswith(b"\n") and (byte := os.read(stream.fileno(), 1)):
        line += byte
    return line


def _carry_out(verb: Verb, call: Call) -> dict[str, Any] | int:
    module, function = verb.where.split(".")
    action: Callable[[Call], dict[str, Any] | int] = getattr(
        importlib.import_module(f"orchestrator.agent.verbs.{module}"), function
    )
    call.answers.mask = _mask(call) if verb.quotes else None
    if not (verb.token or verb.alone):
        return action(call)
    from orchestrator.agent import lease, mutex

    with mutex.held(call.app.mutex_file, _MUTEX_SECONDS) if verb.alone else contextlib.nullcontext():
        if verb.token:
            lease.renew(call.app.lock_file, call.request.text("token"))
        return action(call)


def _mask(call: Call) -> Callable[[Any], Any]:
    from orchestrator.agent import redact  # late: few verbs quote

    return redact.Mask(call.app)


@contextlib.contextmanager
def _clear_of_full_disks(layout: Layout) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in space.FULL:
            raise
        place = Path(error.filename).parent if isinstance(error.filename, str) else layout.state
        raise space.full(place if place.is_dir() else layout.root, str(error)) from None
