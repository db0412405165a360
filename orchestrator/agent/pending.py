"""A change of the route that nobody has confirmed yet: what it was before, and until when somebody must say so.

`pending.json`: {"from", "to", "share" (of the requests, 100: a flip), "deadline" (seconds since the epoch, for people),
"until" (CLOCK_MONOTONIC, which no change of the clock moves; boot takes everything back), "mark" (where the access log
stood)}. The timer only wakes `verbs/expire.py`, which waits while `until` is put off: to renew is to write one file,
and there is no moment in which nothing would take the change back.
"""

from __future__ import annotations

import json
import time
from typing import Any

from orchestrator.agent import canary, durable, pools
from orchestrator.agent.call import Call
from orchestrator.agent.layout import AGENT, AppLayout
from orchestrator.agent.version import PROTOCOL


def read(app: AppLayout) -> dict[str, Any] | None:
    """What is pending; None where nothing is."""
    found: dict[str, Any] | None = durable.read_json(app.pending_file)
    return found


def write(app: AppLayout, fields: dict[str, Any], seconds: float) -> None:
    """Put a change on record, to be taken back some seconds from now."""
    times = {"deadline": time.time() + seconds, "until": time.monotonic() + seconds}
    durable.write_json(app.pending_file, {**fields, **times})


def arm(call: Call, seconds: float) -> None:
    """Before the change: there is no moment in which it is pending and nothing would take it back."""
    request = {
        "protocol": PROTOCOL, "app": call.app.name, "by": f"timer of {call.request.by}", "change": call.request.change,
    }  # fmt: skip
    command = [AGENT, "return", "--request", json.dumps(request)]
    options = [f"--on-active={seconds}", "--timer-property=AccuracySec=100ms"]
    options += ["--property=StartLimitIntervalSec=0"]  # by default five quick failures would be the end of it
    call.systemd.run_transient(call.app.return_unit, command, options)


def disarm(call: Call) -> None:
    """Stop the timer, never its service: that may be us. It is gone then, as it is when it has elapsed (--collect)."""
    call.systemd.stop([f"{call.app.return_unit}.timer"])


def undo(call: Call, verb: str, why: str = "") -> None:
    """The route first: until pending.json is gone, the next call starts over."""
    found = read(call.app)
    if found is None:
        return
    canary.end(call.app)
    pools.make_live(call.app, found["from"])
    durable.remove(call.app.pending_file)
    disarm(call)
    more: dict[str, Any] = {"why": why} if why else {}
    if "across" in found:
        more["across_irreversible_migration_of"] = found["across"]
    call.record(
        verb, old=found["to"], new=found["from"], result="returned", change=change_of(found),
        share=found.get("share", 100), **more,
    )  # fmt: skip


def change_of(found: dict[str, Any] | None) -> str:
    """The change that made a flip: its end is told with it, whoever brings it about."""
    return str((found or {}).get("change") or "")


def left(found: dict[str, Any]) -> float:
    """Seconds until it is taken back; a record without a time is over."""
    return float(found.get("until", 0.0)) - time.monotonic()
