"""What `vpsdeploy maintenance on` may be asked for. Pure: refused before any host is asked."""

from __future__ import annotations

import ipaddress
import unicodedata
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.model.maintenance import MAX_ADDRESSES, MAX_MESSAGE, MAX_RETRY_AFTER_SECONDS, Maintenance

_LEAST_RETRY_AFTER_SECONDS = 1
_REFUSED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories: control characters, halves of a pair, line and paragraph separators."""
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows, up to the end of the page."""


def request(message: str, allow: tuple[str, ...], retry_after_seconds: int) -> dict[str, Any]:
    """The verb's request for maintenance that is on.

    Raises: UsageError: what cannot be asked for, and what can.
    """
    if not _LEAST_RETRY_AFTER_SECONDS <= retry_after_seconds <= MAX_RETRY_AFTER_SECONDS:
        raise _refused(
            f"--retry-after {retry_after_seconds} is not allowed",
            f"from {_LEAST_RETRY_AFTER_SECONDS} to {MAX_RETRY_AFTER_SECONDS} seconds",
        )
    allowed = list(dict.fromkeys(_network(one) for one in allow))
    count = sum(ipaddress.ip_network(one).num_addresses for one in allowed)
    if count > MAX_ADDRESSES:
        raise _refused(
            f"--allow names {count} addresses", f"at most {MAX_ADDRESSES}: nginx looks for a file for each"
        )
    return {
        "on": True, "message": _checked(message), "allow": allowed, "retry_after_seconds": retry_after_seconds,
    }  # fmt: skip


def back_to(before: Maintenance | None) -> dict[str, Any]:
    """The request that makes a load balancer what it was."""
    if before is None:
        return {"on": False}
    kept = {"since": before.since, "on_behalf_of": before.by}
    return {"on": True, "message": before.message, "allow": list(before.allow), **kept,
            "retry_after_seconds": before.retry_after_seconds}  # fmt: skip


def _checked(message: str) -> str:
    if not message.strip() or len(message) > MAX_MESSAGE:
        raise _refused(f"--message has {len(message)} characters", f"1 to {MAX_MESSAGE} characters")
    for position, character in enumerate(message, 1):
        if unicodedata.category(character) in _REFUSED or character in _TURNING:
            why = f"character {position} is U+{ord(character):04X}; control characters and line ends are refused"
            raise _refused("--message holds a control character", why)
    return message


def _network(text: str) -> str:
    """An address or a network in the form in which it is kept."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise _refused(
            f"--allow {text!r} is not an address",
            "an address such as 203.0.113.7, 2001:db8::7 or 203.0.113.0/24",
        ) from None
    if network.version == 6 and network.num_addresses > MAX_ADDRESSES:
        raise _refused(
            f"--allow {text} has too many addresses",
            "IPv6 addresses are named one by one: nginx looks for a file for each",
        )
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _refused(what: str, why: str) -> UsageError:
    return UsageError(what, why=why, state="nothing was touched", next="vpsdeploy maintenance on --help")
