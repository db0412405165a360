"""maintenance: 503 for everybody but some addresses, from this load balancer, without a reload."""

from __future__ import annotations

import ipaddress
from typing import Any

from orchestrator.agent import closing, mutex
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.closing import Wanted
from orchestrator.agent.failures import HostNotReady, UsageError
from orchestrator.agent.layout import AppLayout

_MUTEX_SECONDS = 30.0
_MOST_MESSAGE = 500
_MOST_ADDRESSES = 1024
"""A file each."""
_MOST_SECONDS = 86400


def maintenance(call: Call) -> dict[str, Any]:
    """Turn it on (again: with other settings) or off.

    Holds neither the lock nor the mutex of the other verbs: it must be possible while a release runs, whose step may
    wait for a worker's last job.


    Returns: `maintenance` as it is now and `before` as it was, null where it is off.
    """
    app = call.app
    if not app.routes.is_dir():
        raise HostNotReady("the host has no route for the app", why=f"{app.routes} does not exist")
    with mutex.held(app.closing_file, _MUTEX_SECONDS):
        return _turned(call, app)


def _turned(call: Call, app: AppLayout) -> dict[str, Any]:
    before = closing.read(app)
    if call.request.flag("on"):
        _on(call, before)
    elif app.closed.is_symlink():
        closing.reopen(app)
        call.record("maintenance", old="on", new="off", result="off", since=(before or {}).get("since"))
    now = closing.read(app)
    return {"maintenance": now, "before": before, "changed": now != before}


def _on(call: Call, before: dict[str, Any] | None) -> None:
    wanted = _wanted(call)
    asked: dict[str, Any] = {
        "message": wanted.message,
        "allow": list(wanted.allow),
        "retry_after_seconds": wanted.retry_after_seconds,
    }
    if before and {**before, **asked} == before:
        return
    # `since` is handed in where a change is taken back: then nothing must look as if it had happened.
    since = call.request.text("since", "") or (before or {}).get("since") or timestamp()
    by = call.request.text("on_behalf_of", "") or call.request.by
    closing.close(call.app, wanted, {**asked, "since": since, "by": by})
    call.record("maintenance", old="on" if before else "off", new="on", result="on", **asked)


def _wanted(call: Call) -> Wanted:
    """What is asked for, checked here too: it ends up in file names and in a page.

    Raises: UsageError: naming what is wrong.
    """
    message = call.request.text("message")
    if (
        not message.strip()
        or len(message) > _MOST_MESSAGE
        or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in message)
    ):
        raise UsageError(
            "the message is wrong", why=f"1 to {_MOST_MESSAGE} characters, without control characters"
        )
    seconds = call.request.count("retry_after_seconds", most=_MOST_SECONDS)
    asked = call.request.fields.get("allow")
    if not isinstance(asked, list) or not all(isinstance(one, str) for one in asked):
        raise UsageError("the request is wrong", why="allow is not a list of texts")
    addresses = dict.fromkeys(address for one in asked for address in _addresses(one))
    if len(addresses) > _MOST_ADDRESSES:
        raise UsageError("too many addresses", why=f"{len(addresses)} addresses, at most {_MOST_ADDRESSES}")
    return Wanted(message, tuple(asked), tuple(addresses), seconds)


def _addresses(asked: str) -> list[str]:
    """Each address of a network, as nginx writes it (RFC 5952; so does ipaddress)."""
    try:
        network = ipaddress.ip_network(asked, strict=False)
    except ValueError:
        raise UsageError("the request is wrong", why=f"{asked[:100]!r} is not an address") from None
    if network.num_addresses > _MOST_ADDRESSES:
        raise UsageError("too many addresses", why=f"{asked} has more than {_MOST_ADDRESSES}")
    return [str(address) for address in network]
