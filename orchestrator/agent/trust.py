"""Who is no stranger: where somebody came from who logged in with a key of this host, a file for each.

nginx does not limit such an address, and fail2ban does not ban it; a ban from before ends. A release's own probe comes
from there, and whoever holds the key should not lock themselves out. It outlives a reboot, after which somebody may
release at once; systemd-tmpfiles ends it after a day (roles/fail2ban).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agent.layout import Layout

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

CLIENT_PREFIX = 64
"""What one IPv6 client has at least. Source: RFC 6177."""

_MOST_ANCESTORS = 5
"""sudo, its monitor, a shell, `timeout`: what may stand between sshd and us (count; our choice)."""


def client(address: str) -> Network:
    """What nginx and fail2ban count as one client: an IPv4 address, or the /64 of an IPv6 address.

    Raises: ValueError: no address and no network.
    """
    network = ipaddress.ip_network(address, strict=False)
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped and network.prefixlen == network.max_prefixlen:
            return ipaddress.ip_network(mapped)
        if network.prefixlen > CLIENT_PREFIX:
            return network.supernet(new_prefix=CLIENT_PREFIX)
    return network


def note(layout: Layout, address: str) -> bool:
    """Remember where somebody with a key came from. What cannot be written is no reason to refuse a verb.

    Returns: whether nobody had come from there lately.
    """
    is_new = False
    with contextlib.suppress(OSError, ValueError):
        for name in _names(client(address)):
            path = layout.trusted / name
            is_new = is_new or not path.exists()
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            path.touch(mode=0o644)
            os.utime(path)
    return is_new


def noted(layout: Layout) -> Iterator[Network]:
    """Everybody who is remembered."""
    for path in layout.trusted.rglob("*"):
        with contextlib.suppress(ValueError):
            if path.is_file():
                yield ipaddress.ip_network(path.relative_to(layout.trusted).as_posix())


def caller(proc: Path = Path("/proc")) -> str:
    """The address at the other end of the SSH connection that we are called over; empty where there is none.

    sudo gives us an environment of its own, but started with the one that sshd made.
    """
    process = os.getppid()
    for _ in range(_MOST_ANCESTORS):
        try:
            environment = (proc / str(process) / "environ").read_bytes()
            process = int((proc / str(process) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return ""
        for entry in environment.split(b"\0"):
            if entry.startswith(b"SSH_CLIENT="):
                return entry.partition(b"=")[2].split(b" ")[0].decode(errors="replace")
    return ""


def _names(network: Network) -> set[str]:
    """As fail2ban writes it, and as nginx does, which leaves zeros at the end of a /64 where an address has them."""
    if network.version == 4:
        return {str(network.network_address)}
    groups = network.network_address.exploded.split(":")[:4]
    return {str(network), ":".join(group.lstrip("0") or "0" for group in groups) + "::/64"}
