"""traffic: what each pool did with its requests since the flip, and before it, by the load balancer's access log."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

from orchestrator.agent import access_log, history, pending, pools
from orchestrator.agent.call import Call
from orchestrator.agent.tally import Tally

_PROBE = "vpsdeploy-probe"
"""User agent of the controller's own requests: they are judged apart from the users'."""

_LOOK_BACK_BYTES = 4 << 20
"""About 10,000 requests: enough to tell half a percent from nothing (our choice)."""

_LOOK_BACK_LINES = 500
_NAME = re.compile(r"_(blue|green)_\d+(?:_without_.*)?$")
"""How the role nginx calls its upstreams."""

_PORT = re.compile(r":(\d+)$")


def traffic(call: Call) -> dict[str, Any]:
    """Figures of the requests since a mark; without a mark: since the flip, and those before it too."""
    found = pending.read(call.app) or {}
    asked = _mark(call.request.fields.get("mark"))
    since = asked or _mark(found.get("mark")) or access_log.end(call.app.access_log)
    lines, mark = access_log.after(call.app.access_log, since)
    told = {"mark": mark, "pending": found.get("to"), "share": found.get("share", 0)}
    answer = {**told, "after": _by_pool(call, lines)}
    return answer if asked else {**answer, "before": _by_pool(call, _earlier(call, since))}


def _mark(value: Any) -> access_log.Mark | None:
    """What the controller hands back is not trusted; None where it is no mark."""
    fields = value if isinstance(value, dict) else {}
    numbers = {key: fields.get(key) for key in ("inode", "offset")}
    mark = {key: n for key, n in numbers.items() if isinstance(n, int) and n >= 0}
    return mark if len(mark) == len(numbers) else None


def _earlier(call: Call, mark: access_log.Mark) -> list[dict[str, Any]]:
    """As far back as the release that was live at the mark was."""
    oldest = max(time.time() - call.request.seconds("look_back_seconds"), _live_since(call))
    found = []
    for line in access_log.before(call.app.access_log, mark, _LOOK_BACK_BYTES):
        if _time(line) < oldest:
            break
        found.append(line)
    return found


def _live_since(call: Call) -> float:
    """When the release that is live was confirmed (seconds since the epoch); 0 where that is not on record."""
    lines = reversed(history.last(call.app.history_file, _LOOK_BACK_LINES))
    last: dict[str, Any] = next((line for line in lines if line.get("verb") == "confirm"), {})
    return _time(last)


def _time(line: dict[str, Any]) -> float:
    try:
        return datetime.fromisoformat(str(line.get("time"))).timestamp()
    except ValueError:
        return 0.0


def _by_pool(call: Call, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures by colour, those of users and those of the probe apart."""
    base = int(call.app_facts()["port"])
    tallies = {colour: {"users": Tally(), "probe": Tally()} for colour in ("blue", "green")}
    for line in lines:
        upstream = re.split(r"[,:] ", str(line.get("upstream") or ""))[-1]
        colour = _colour(upstream, base)
        if colour:
            who = "probe" if line.get("agent") == _PROBE else "users"
            tallies[colour][who].add(line, upstream)
    return {colour: {who: tally.fields() for who, tally in both.items()} for colour, both in tallies.items()}


def _colour(upstream: str, base: int) -> str:
    """By the instance that answered: a request that began before the flip belongs to the pool that it was sent to.

    Where nginx found none that answers, it names the pool itself. Empty: it sent the request to nobody (maintenance).
    """
    port = _PORT.search(upstream)
    if port:
        return next((c for c in ("blue", "green") if int(port[1]) in pools.ports_of(base, c, 99)), "")
    named = _NAME.search(upstream)
    return named[1] if named else ""
