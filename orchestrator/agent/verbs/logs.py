"""logs: stream the journal of the app's instances."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

from orchestrator.agent import services
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError

_CHECK_SECONDS = 1.0


def logs(call: Call) -> dict[str, Any]:
    """Pass journal lines on, until there are no more or nobody reads them."""
    count = 0
    with subprocess.Popen(_command(call), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as journal:
        try:
            for line in lines_of(journal.stdout, call):  # type: ignore[arg-type] # it is a pipe: we asked for one
                call.answers.line({"event": "log", **entry(json.loads(line))})
                count += 1
        finally:
            journal.terminate()
        errors = journal.stderr.read().decode(errors="replace").strip() if journal.stderr else ""
    if errors and not count and "No entries" not in errors:
        raise UsageError("the journal refused", why=errors)
    return {"lines": count}


def _command(call: Call) -> list[str]:
    request = call.request
    units = [f"--unit={unit}" for unit in _units(call)]
    command = ["journalctl", *units, "--output=json", "--no-pager", "--quiet", "--all"]
    command += [f"--lines={request.count('lines', 100)}"]
    if since := request.text("since", ""):
        command += [f"--since={since}"]
    return command + (["--follow"] if request.flag("follow") else [])


def _units(call: Call) -> list[str]:
    """What is asked for: one instance, a worker, a cron entry, a service, or all of the app's."""
    request, name = call.request, call.app.name
    if service := request.text("service", ""):
        return [services.one(call, service)["unit"]]
    if port := request.count("port", 0, most=65535):
        return [call.app.unit(port)]
    worker, entry = (request.name(kind) for kind in ("worker", "cron"))
    if worker or entry:
        return [f"{name}-worker-{worker}@*.service" if worker else call.app.cron_unit(entry)]
    return [f"{name}@*.service", f"{name}-worker-*@*.service", f"{name}-cron-*.service"]


def lines_of(pipe: IO[bytes], call: Call, is_over: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """Lines as they come. Also ends where our reader is gone, or all is over, while the journal is silent."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    poll.register(sys.stdout.fileno(), 0)
    rest = b""
    while call.answers.read:
        ready = dict(poll.poll(_CHECK_SECONDS * 1000))
        if ready.get(sys.stdout.fileno(), 0):
            return
        if pipe.fileno() not in ready:
            if is_over():
                return
            continue
        chunk = pipe.read1(1 << 16)  # type: ignore[attr-defined] # Popen's pipes are buffered readers
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if not chunk:
            return


def entry(fields: dict[str, Any]) -> dict[str, Any]:
    """One line of the journal, as an answer says it."""
    message = fields.get("MESSAGE") or ""
    if isinstance(message, list):
        message = bytes(message).decode(errors="replace")
    microseconds = int(fields.get("__REALTIME_TIMESTAMP", 0))
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(microseconds // 1_000_000))
    unit = fields.get("_SYSTEMD_UNIT") or fields.get("UNIT", "")
    return {
        "time": f"{moment}.{microseconds % 1_000_000:06d}Z", "unit": unit, "pid": fields.get("_PID"),
        "priority": int(fields.get("PRIORITY", 6)), "message": message,
    }  # fmt: skip
