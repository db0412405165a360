"""What `vpsdeploy bans` may be asked for. Pure: refused before any host is asked."""

from __future__ import annotations

import ipaddress
import re

from orchestrator.errors import UsageError

FOREVER = "ever"
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_MOST_SECONDS = 366 * 86400
_LEAST_PREFIX = {4: 16, 6: 32}
"""Larger networks are providers and countries; the agent refuses them too."""


def address(text: str) -> str:
    """An address or a network, in the form in which it is kept.

    Raises: UsageError: it is none.
    """
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise _refused(
            f"{text[:60]!r} is no address", "an address or a network, such as 203.0.113.7 or 2001:db8::/64"
        ) from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def bannable(text: str) -> str:
    """The same, of what may be banned.

    Raises: UsageError: it is none, it is this machine's own, or far too many.
    """
    checked = address(text)
    network = ipaddress.ip_network(checked)
    if network.is_loopback or network.is_unspecified or network.is_multicast:
        raise _refused(f"{checked} cannot be banned", "it is no client's address")
    if network.prefixlen < _LEAST_PREFIX[network.version]:
        raise _refused(
            f"{checked} is too wide",
            f"at most a /{_LEAST_PREFIX[network.version]}: more would meet people, not attackers",
        )
    return checked


def seconds(text: str) -> int:
    """How long a ban holds; 0: until it is lifted.

    Raises: UsageError: no length of time.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})([mhdw])", text)
    length = 0 if match is None else int(match[1]) * _UNITS[match[2]]
    if text != FOREVER and not 0 < length <= _MOST_SECONDS:
        raise _refused(
            f"--for {text[:20]} is not allowed", f"such as 30m, 12h, 7d or 4w, up to a year; or {FOREVER}"
        )
    return length


def _refused(what: str, why: str) -> UsageError:
    return UsageError(what, why=why, state="nothing was touched", next="vpsdeploy bans --help")
