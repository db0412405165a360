"""instances: how the instances of a pool are right now: running, crashed since they were started, healthy."""

from __future__ import annotations

import http.client
import threading
import time
from typing import Any

from orchestrator.agent import pools
from orchestrator.agent.call import Call
from orchestrator.agent.systemd import number

_ANSWER_SECONDS = 3.0
"""Longest wait for a health answer."""

_JOURNAL_LINES = 10
_SHOWN = ("ActiveState", "SubState", "NRestarts")


def instances(call: Call) -> dict[str, Any]:
    """One look at each instance of a pool; `start` has set the counters of restarts to 0."""
    pool = pools.read(call.app)[call.request.colour]
    if pool is None:
        return {"release": None, "instances": []}
    path = call.request.url_path("path")
    shown = call.systemd.show([call.app.unit(port) for port in pool.ports], _SHOWN)
    answers = _ask_all(pool.ports, path)
    looked = [_look(call, port, shown.get(call.app.unit(port), {}), answers[port]) for port in pool.ports]
    return {"release": pool.release, "instances": looked}


def _look(call: Call, port: int, unit: dict[str, str], answer: str) -> dict[str, Any]:
    restarts = number(unit.get("NRestarts", "")) or 0
    runs = (unit.get("ActiveState"), unit.get("SubState")) == ("active", "running")
    crashed = restarts > 0 or not runs
    return {
        "port": port, "unit": call.app.unit(port), "state": unit.get("ActiveState"), "restarts": restarts,
        "sub_state": unit.get("SubState"), "unhealthy": answer, "why": _obituary(call, port) if crashed else "",
    }  # fmt: skip


def _obituary(call: Call, port: int) -> str:
    """How an instance ended, as systemd logged it, and its own last lines."""
    unit = call.app.unit(port)
    started = (call.app.slot(port) / "env").stat().st_mtime
    ends = call.systemd.ends(unit, started)
    written = call.systemd.journal(unit, _JOURNAL_LINES, started) or "(it wrote nothing)"
    return "\n".join([*([ends] if ends else []), "its last lines:", written])


def _ask_all(ports: tuple[int, ...], path: str) -> dict[int, str]:
    """What is wrong with each instance's health answer; empty where nothing is. All are asked at once."""
    found = dict.fromkeys(ports, f"no answer within {_ANSWER_SECONDS:g} s")

    def ask(port: int) -> None:
        found[port] = _ask(port, path)

    threads = [threading.Thread(target=ask, args=(port,), daemon=True) for port in ports]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _ANSWER_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(found)


def _ask(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        headers = {"Connection": "close", "User-Agent": "vpsdeploy-watch"}
        connection.request("GET", path, headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"GET {path}: {type(error).__name__} {error}".rstrip()
    finally:
        connection.close()
    return "" if 200 <= status < 300 else f"GET {path} answered {status}"
