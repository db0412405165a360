"""One look: what began, what ended, who has to be told. A receiver that cannot be reached is told by a later look."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.alerts import post, record, troubles
from orchestrator.agent.alerts.at_once import at_once
from orchestrator.agent.alerts.messages import News, payload
from orchestrator.agent.call import Call, timestamp

TELL_SECONDS = 30.0
"""For all receivers together: no limit of a connection knows of a name server that is silent (our choice)."""

_KEPT_SECONDS = 86400.0
"""What has ended and could not be told for so long is told no more (our choice)."""

Json = dict[str, Any]
Open = dict[str, Json]
"""What has begun, by name: `text`, `since`, `ended` (empty: it has not), `at`, who was `told` of it and of its end."""


def receivers(call: Call) -> list[Json]:
    """Who is told, as the controller has handed it over."""
    found = durable.read_json(call.app.alerts_file)
    return found if isinstance(found, list) else []


def look(call: Call) -> Json:
    """Compare what is wrong with what was told, and tell the difference.

    What is seen is kept before anybody is told of it, and who was told at once: whoever is killed in between tells
    neither nothing nor everything again.

    Returns: `open`: names of what is wrong; `told`: receivers that were told something.
    """
    told_to, known = receivers(call), record.read(call)
    open_: Open = known.get("open", {})
    is_known = {name for name, one in open_.items() if not one["ended"]}
    found = troubles.of(call, troubles.Past(is_known, known.get("restarts", {})))
    twice = {
        name: text for name, text in found.passing.items() if name in {*is_known, *known.get("seen", ())}
    }
    here, now = {**found.lasting, **twice}, timestamp()
    _begin(open_, here, now)
    _end(open_, here, found.blind, now)
    looked = _left(known, found)
    record.write(call, {"open": open_, **looked})
    reached = []
    for name, begun, ended in _told(call, told_to, open_, now):
        reached.append(name)
        _note(open_, name, begun, ended)
        record.write(call, {"open": open_, **looked})
        record.note(call, name, sorted(begun), sorted(ended))
    names = {one["name"] for one in told_to}
    owed = {name: one for name, one in open_.items() if not _is_over(one, names)}
    record.write(call, {"open": owed, **looked})
    return {"open": sorted(name for name, one in owed.items() if not one["ended"]), "told": sorted(reached)}


def _left(known: Json, found: troubles.Found) -> Json:
    """What the next look has to know of this one; of a part out of sight what the one before knew."""
    unseen = (name for name in known.get("seen", ()) if troubles.part_of(name) in found.blind)
    restarts = known.get("restarts", {}) if troubles.SERVICES in found.blind else found.restarts
    return {"seen": sorted({*found.passing, *unseen}), "restarts": restarts}


def _note(open_: Open, receiver: str, begun: list[str], ended: list[str]) -> None:
    for name in begun:
        open_[name]["told"].append(receiver)
    for name in ended:
        open_[name]["told_end"].append(receiver)


def _begin(open_: Open, here: dict[str, str], now: str) -> None:
    for name, text in here.items():
        if name not in open_ or open_[name]["ended"]:
            kept = {"text": text, "since": now, "ended": "", "at": time.time(), "told": [], "told_end": []}
            open_[name] = kept


def _end(open_: Open, here: dict[str, str], blind: set[str], now: str) -> None:
    """What cannot be looked at has not ended."""
    for name, one in open_.items():
        if name not in here and not one["ended"] and troubles.part_of(name) not in blind:
            one["ended"], one["at"] = now, time.time()


def _told(
    call: Call, told_to: list[Json], open_: Open, now: str
) -> Iterable[tuple[str, list[str], list[str]]]:  # fmt: skip
    """Tell all receivers at once what each does not know yet, in one message.

    Yields: whoever has taken it, with the names of what has begun and of what has ended.
    """
    owed = {str(one["name"]): _owed(str(one["name"]), open_) for one in told_to}
    posts = {
        str(one["name"]): partial(post.post, str(one["url"]), _message(call, one, owed[str(one["name"])], open_, now))
        for one in told_to if any(owed[str(one["name"])])
    }  # fmt: skip
    for name, why in at_once(posts, TELL_SECONDS):
        if why:
            sys.stderr.write(f"{name} was not told: {why}\n")
        else:
            yield (name, *owed[name])


def _owed(receiver: str, open_: Open) -> tuple[list[str], list[str]]:
    begun = [name for name, one in open_.items() if not one["ended"] and receiver not in one["told"]]
    ended = [
        name for name, one in open_.items()
        if one["ended"] and receiver in one["told"] and receiver not in one["told_end"]
    ]  # fmt: skip
    return begun, ended


def _message(call: Call, receiver: Json, owed: tuple[list[str], list[str]], open_: Open, now: str) -> Json:
    facts, host = durable.read_json(call.app.facts_file) or {}, durable.read_json(call.layout.host_file) or {}
    begun, ended = owed
    news = News(
        call.app.name, str(host.get("stage", "")), str(facts.get("name", "")), now,
        [_shown(name, open_[name], "text", "since") for name in begun],
        [_shown(name, open_[name], "text", "since", "ended") for name in ended],
    )  # fmt: skip
    return payload(str(receiver["type"]), news, str(receiver.get("chat_id") or ""))


def _shown(name: str, one: Json, *keys: str) -> dict[str, str]:
    return {"name": name, **{key: str(one[key]) for key in keys}}


def _is_over(one: Json, names: set[str]) -> bool:
    """Whether nobody has to be told about it any more."""
    if not one["ended"]:
        return False
    owed = (names & set(one["told"])) - set(one["told_end"])
    return not owed or time.time() - float(one["at"]) > _KEPT_SECONDS
