"""Addresses of hosts that an inventory knows by name.

What a host reads when it starts (its firewall, nginx) holds addresses: there is no name service yet, and nft and nginx
refuse a whole file for one name that they cannot find.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket


def addresses(name: str) -> tuple[str, ...]:
    """Where a name leads from here, IPv4 first; an address leads to itself, and a name that is unknown nowhere."""
    if not name:
        return ()
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return (name,)
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    unique = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(sorted(unique, key=lambda address: (ipaddress.ip_address(address).version, address)))
