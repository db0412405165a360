"""Addresses and networks in vpsdeploy.yml: who is trusted, and whose word about others is."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator

from orchestrator.config.fields import Allowed

_LEAST_PROXY_PREFIX = {4: 8, 6: 19}
"""A network larger than these is no proxy's: the largest that a registry hands out are 10.0.0.0/8 and an IPv6 /19."""


def _network(text: str) -> str:
    """In the form in which nginx and fail2ban are told: an address alone, or a network without bits of a host."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text[:60]}" is no address and no network; {EXAMPLES}') from None
    if "%" in text:
        raise ValueError(f'"{text[:60]}" names an interface: it is another one on each host')
    if network.num_addresses > 1 and ipaddress.ip_interface(text).ip != network.network_address:
        raise ValueError(f'"{text}" is an address inside a network; write {network} if you mean the network')
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _proxy(text: str) -> str:
    """Whoever is in it may claim to be any client, so it cannot be everybody."""
    network = ipaddress.ip_network(text)
    if network.prefixlen < _LEAST_PROXY_PREFIX[network.version]:
        raise ValueError(
            f'"{text}" would let anybody claim to be anybody; name the networks of your proxy only'
        )
    return text


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f'"{value}" is there twice')
    return values


EXAMPLES = "write 203.0.113.7, 2001:db8::7, 203.0.113.0/24 or 2001:db8::/32, for example"
_WORDS = "an address or a network, such as 203.0.113.7 or 2001:db8::/32"
_MANY = "a list of addresses and networks, such as [203.0.113.7, 2001:db8::/32]"

Network = Annotated[str, AfterValidator(_network), Allowed(_WORDS)]
ProxyNetwork = Annotated[str, AfterValidator(_network), AfterValidator(_proxy), Allowed(_WORDS)]
Networks = Annotated[tuple[Network, ...], AfterValidator(_unique), Allowed(_MANY)]
ProxyNetworks = Annotated[tuple[ProxyNetwork, ...], AfterValidator(_unique), Allowed(_MANY)]
