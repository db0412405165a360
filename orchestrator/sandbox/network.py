"""A free subnet for a sandbox, and the addresses in it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Iterator

from orchestrator.errors import SandboxError

# 10.192.0.0 to 10.223.255.255, one /24 for each sandbox: away from the 10.0.x.x of providers' private networks
# and from podman's own 10.88 to 10.89.
_FIRST_OCTETS = range(192, 224)
_LOADBALANCERS_FROM, _HOSTS_FROM = 20, 100


def choose_subnet(name: str, owner: str, taken: Iterable[str]) -> str:
    """The first free /24, searched from a place that depends on the name: a sandbox gets the same addresses again.

    Args:
        name: The sandbox's.
        owner: The state directory, so that two of them do not start at the same place.
        taken: Networks that exist, in CIDR form.
    Raises: SandboxError: None is free.
    """
    used = [ipaddress.ip_network(net) for net in taken]
    for candidate in _candidates(f"{owner}:{name}"):
        if not any(candidate.overlaps(net) for net in used):
            return str(candidate)
    why = "every network from 10.192.0.0/24 to 10.223.255.0/24 is routed somewhere"
    raise SandboxError("no free subnet for the sandbox", why=why, next="vpsdeploy sandbox down --all")


def address(subnet: str, host: str) -> str:
    """A host's address: it depends on its name only, so that it stays when hosts come and go."""
    kind, _, number = host.rpartition("-")
    base = _LOADBALANCERS_FROM if kind == "lb" else _HOSTS_FROM
    return str(ipaddress.ip_network(subnet)[base + int(number)])


def parse_routes(text: str) -> tuple[str, ...]:
    """IPv4 networks out of `ip -json -4 route show table all`; the default route is not one."""
    found = (route.get("dst", "default") for route in json.loads(text or "[]"))
    return tuple(str(ipaddress.ip_network(dst, strict=False)) for dst in found if _is_network(dst))


def _is_network(text: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).prefixlen > 0
    except ValueError:
        return False


def _candidates(seed: str) -> Iterator[ipaddress.IPv4Network]:
    count = len(_FIRST_OCTETS) * 256
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") % count
    for offset in range(count):
        second, third = divmod((start + offset) % count, 256)
        yield ipaddress.IPv4Network(f"10.{_FIRST_OCTETS[second]}.{third}.0/24")
