"""receivers: who is told about this host's troubles. alerts: the timer's look at all apps (agent/alerts/)."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.alerts import watch
from orchestrator.agent.alerts.at_once import at_once
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, HostNotReady, UsageError
from orchestrator.agent.request import Request

TIMER = "vpsdeploy-alerts.timer"
LOOK_SECONDS = 90.0
"""For all apps together; systemd ends us half a minute later (our choice)."""

_NAME = re.compile(r"[!-~]{1,300}")
_CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z0-9_]{5,32}|")


def receivers(call: Call) -> dict[str, Any]:
    """Keep whom to tell, in a file of root's; one whose URL is not given keeps the one that it had under this name.

    Returns: `changed`; `lacking`: names whose URL nobody has given yet, so that they are not told.
    """
    given = call.request.fields.get("receivers")
    if not isinstance(given, list):
        raise UsageError("the request is wrong", why="receivers is no list")
    before = watch.receivers(call)
    urls = {one["name"]: one["url"] for one in before}
    wanted = [_checked(one, urls) for one in given]
    whole = [one for one in wanted if one["url"]]
    changed = whole != before
    if changed:
        call.layout.alerts.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.write_json(call.app.alerts_file, whole, 0o600)
    _arm(call)
    return {"changed": changed, "lacking": [one["name"] for one in wanted if not one["url"]]}


def by_unit(call: Call) -> dict[str, Any]:
    """A look at every app that somebody wants to hear of, at once: one that hangs or breaks keeps none from it."""
    calls = {
        name: call._replace(request=Request({**call.request.fields, "app": name}))
        for name in call.layout.app_names()
    }
    told = {}
    for name, found in at_once({name: partial(_looked, one) for name, one in calls.items()}, LOOK_SECONDS):
        if isinstance(found, AgentError):
            sys.stderr.write(f"{name}: {found.what}: {found.why}\n")
        elif isinstance(found, Exception):
            sys.stderr.write(f"{name}: {type(found).__name__}: {found}\n")
        elif found is not None:
            told[name] = found
    return {"apps": dict(sorted(told.items()))}


def _looked(call: Call) -> dict[str, Any] | None:
    return watch.look(call) if watch.receivers(call) else None


def _arm(call: Call) -> None:
    """The timer runs where somebody wants to hear of an app, and nowhere else.

    Seen to each time: whoever handed the receivers over may have been killed before.

    Raises: HostNotReady: it does not.
    """
    files = (call.layout.app(name).alerts_file for name in call.layout.app_names())
    is_wanted = any(durable.read_json(file) for file in files)
    shown = call.systemd.show([TIMER], ["ActiveState", "UnitFileState"]).get(TIMER, {})
    states = (shown.get("UnitFileState") == "enabled", shown.get("ActiveState") == "active")
    if states == (is_wanted, is_wanted):
        return
    done = call.systemd.ask(["systemctl", "enable" if is_wanted else "disable", "--now", TIMER])
    if done.code != 0:
        raise HostNotReady(
            "the host cannot look after its apps", why=done.errors.strip() or f"{TIMER}: exit code {done.code}",
            state="it tells nobody of troubles", next="vpsdeploy provision host --full",
        )  # fmt: skip


def _checked(raw: Any, urls: dict[str, str]) -> dict[str, Any]:
    told = raw if isinstance(raw, dict) else {}
    name, kind, chat = (str(told.get(key) or "") for key in ("name", "type", "chat_id"))
    url = str(told.get("url") or urls.get(name, ""))
    right = _NAME.fullmatch(name) and kind in ("webhook", "slack", "telegram") and _CHAT.fullmatch(chat)
    if not right or (url and not url.startswith(("https://", "http://"))):
        raise UsageError("the request is wrong", why=f"receiver {name[:60]!r} of type {kind[:20]!r}")
    return {"name": name, "type": kind, "url": url, "chat_id": chat}
