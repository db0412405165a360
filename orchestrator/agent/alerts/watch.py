"""One look: what began, what ended, who has to be told. A receiver that cannot be reached is told by a later look."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.alerts import post, troubles
from orchestrator.agent.alerts.messages import News, payload
from orchestrator.agent.call import Call, timestamp

_KEPT_SECONDS = 86400.0
"""What has ended and could not be told for so long is told no more (our choice)."""

Json = dict[str, Any]


def receivers(call: Call) -> list[Json]:
    """Who is told, as the controller has handed it over."""
    found = durable.read_json(call.app.alerts_file)
    return found if isinstance(found, list) else []


def look(call: Call) -> Json:
    """Compare what is wrong with what was told, and tell the difference.

    Returns: `open`: names of what is wrong; `told`: receivers that were told something.
    """
    told_to, known = receivers(call), durable.read_json(call.app.alerts_state_file) or {}
    before = json.dumps(known)
    open_: dict[str, Json] = known.get("open", {})
    now = timestamp()
    lasting, passing = troubles.of(call, {name for name, one in open_.items() if not one["ended"]})
    seen = set(known.get("seen", ()))
    here = {**lasting, **{name: text for name, text in passing.items() if name in seen or name in open_}}
    _begin(open_, here, now)
    _end(open_, here, now)
    reached = [one["name"] for one in told_to if _told(call, one, open_, now)]
    kept = {name: one for name, one in open_.items() if not _is_over(one, {r["name"] for r in told_to})}
    after = {"open": kept, "seen": sorted(passing)}
    if json.dumps(after) != before:
        durable.write_json(call.app.alerts_state_file, after)
    return {"open": sorted(here), "told": reached}


def _begin(open_: dict[str, Json], here: dict[str, str], now: str) -> None:
    for name, text in here.items():
        if name not in open_ or open_[name]["ended"]:
            open_[name] = {
                "text": text,
                "since": now,
                "ended": "",
                "at": time.time(),
                "told": [],
                "told_end": [],
            }


def _end(open_: dict[str, Json], here: dict[str, str], now: str) -> None:
    for name, one in open_.items():
        if name not in here and not one["ended"]:
            one["ended"], one["at"] = now, time.time()


def _told(call: Call, receiver: Json, open_: dict[str, Json], now: str) -> bool:
    """Tell one receiver what it does not know yet, in one message. Returns: whether it was told anything."""
    name = str(receiver["name"])
    begun = {key: one for key, one in open_.items() if not one["ended"] and name not in one["told"]}
    ended = {
        key: one
        for key, one in open_.items()
        if one["ended"] and name in one["told"] and name not in one["told_end"]
    }
    if not begun and not ended:
        return False
    facts, host = durable.read_json(call.app.facts_file) or {}, durable.read_json(call.layout.host_file) or {}
    news = News(
        call.app.name, str(host.get("stage", "")), str(facts.get("name", "")), now,
        [_shown(key, one, "text", "since") for key, one in begun.items()],
        [_shown(key, one, "text", "since", "ended") for key, one in ended.items()],
    )  # fmt: skip
    message = payload(str(receiver["type"]), news, str(receiver.get("chat_id") or ""))
    if why := post.post(str(receiver["url"]), message):
        sys.stderr.write(f"{name} was not told: {why}\n")
        return False
    for one in begun.values():
        one["told"].append(name)
    for one in ended.values():
        one["told_end"].append(name)
    call.record(
        "alert", old=None, new=None, result="told", begun=sorted(begun), ended=sorted(ended), receiver=name
    )
    return True


def _shown(name: str, one: Json, *keys: str) -> dict[str, str]:
    return {"name": name, **{key: str(one[key]) for key in keys}}


def _is_over(one: Json, names: set[str]) -> bool:
    """Whether nobody has to be told about it any more."""
    if not one["ended"]:
        return False
    owed = (names & set(one["told"])) - set(one["told_end"])
    return not owed or time.time() - float(one["at"]) > _KEPT_SECONDS
