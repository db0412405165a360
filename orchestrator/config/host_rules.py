"""What an inventory says about who gets in: networks, open ports, further logins. Judged before any connection.

The values are Ansible's (roles `firewall` and `ssh`); a network that is none would be refused by nft on the host, after
half of everything else was done.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.config.groups import HostEntry, Variable
from orchestrator.config.problems import KeyPath, nearest, shown

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_LAST_PORT = 65535
_RULE_KEYS = ("port", "protocol", "from")
_PROTOCOLS = ("tcp", "udp")

# A file's lists arrive as tuples (config/document.py).
Wrong = tuple[KeyPath, str]
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def problems_of(entry: HostEntry) -> list[Wrong]:
    """What is wrong with a host's variables of this kind, and where."""
    found = ((entry.variables.get(name), judge) for name, judge in _JUDGES.items())
    return [wrong for written, judge in found if written for wrong in judge(written)]


def _networks(written: Variable) -> Iterator[Wrong]:
    yield from _networks_at(written.value, written.path)


def _networks_at(value: Any, path: KeyPath) -> Iterator[Wrong]:
    if not isinstance(value, tuple):
        yield path, f"{shown(value)} is not allowed; it must be a list of networks: [198.51.100.0/24]"
        return
    seen: list[_Network] = []
    for n, item in enumerate(value):
        network = _network(item)
        if isinstance(network, str):
            yield (*path, n), network
            continue
        clash = next((other for other in seen if _overlap(other, network)), None)
        if clash:
            yield (*path, n), f"{shown(item)} overlaps with {clash}: leave the smaller one out"
        seen.append(network)


def _network(item: Any) -> _Network | str:
    """The network, or what is wrong with it."""
    text = str(item)
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        return (
            f"{shown(text)} has bits beyond its prefix; it must be {ipaddress.ip_network(text, strict=False)}"
        )
    except ValueError:
        return f"{shown(text)} is not allowed; it must be a network or an address: 198.51.100.0/24, 2001:db8::/32"


def _overlap(one: _Network, other: _Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _rules(written: Variable) -> Iterator[Wrong]:
    if not isinstance(written.value, tuple):
        yield (
            written.path,
            f"{shown(written.value)} is not allowed; it must be a list: [{{port: 5432, from: [10.0.0.0/8]}}]",
        )
        return
    for n, rule in enumerate(written.value):
        yield from _rule(rule, (*written.path, n))


def _rule(rule: Any, path: KeyPath) -> Iterator[Wrong]:
    if not isinstance(rule, dict) or "port" not in rule:
        yield path, f"{shown(rule)} is not allowed; it must say a port: {{port: 5432, from: [10.0.0.0/8]}}"
        return
    for key in rule:
        if key not in _RULE_KEYS:
            yield (
                (*path, str(key)),
                f"unknown key{nearest(str(key), _RULE_KEYS)}; known are {', '.join(_RULE_KEYS)}",
            )
    if not _is_port(str(rule["port"])):
        yield (
            (*path, "port"),
            f"{shown(rule['port'])} is not allowed; it must be a port, or two: 5432, 60000-60010",
        )
    if rule.get("protocol", "tcp") not in _PROTOCOLS:
        yield (*path, "protocol"), f"{shown(rule['protocol'])} is not allowed; it must be tcp or udp"
    if "from" in rule:
        yield from _networks_at(rule["from"], (*path, "from"))


def _is_port(text: str) -> bool:
    if not re.fullmatch(r"[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?", text):
        return False
    first, _, last = text.partition("-")
    return int(first) <= int(last or first) <= _LAST_PORT


def _users(written: Variable) -> Iterator[Wrong]:
    if not isinstance(written.value, tuple):
        yield written.path, f"{shown(written.value)} is not allowed; it must be a list of users: [anna]"
        return
    for n, user in enumerate(written.value):
        if not isinstance(user, str) or not _USER.fullmatch(user) or user == "root":
            yield (
                (*written.path, n),
                f"{shown(user)} is not allowed; it must be a user's name (root: vpsdeploy_root_login)",
            )


def _switch(written: Variable) -> Iterator[Wrong]:
    if not isinstance(written.value, bool):
        yield written.path, f"{shown(written.value)} is not allowed; it must be true or false"


def _seconds(written: Variable) -> Iterator[Wrong]:
    """The proof of a change takes some seconds; a change that waits for long is a change that is not proven."""
    value = written.value
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or 10 <= value <= 3600):
        yield written.path, f"{shown(value)} is not allowed; it must be 10 to 3600 seconds, or 0 for no proof"


_JUDGES: dict[str, Callable[[Variable], Iterator[Wrong]]] = {
    "access_guard_seconds": _seconds,
    "firewall_allow": _rules,
    "firewall_ssh_from": _networks,
    "firewall_guard_seconds": _seconds,
    "ssh_guard_seconds": _seconds,
    "vpsdeploy_login_users": _users,
    "vpsdeploy_root_login": _switch,
}

UNDERSTOOD = frozenset(_JUDGES)
"""Variables that are judged here, and therefore must stand in hosts.yml."""
