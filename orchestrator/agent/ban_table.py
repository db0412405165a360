"""The firewall's table with the bans that are not fail2ban's: those of persons and of other load balancers.

It is our own, replaced whole in one transaction: nobody else's rules are touched, and no packet passes between the old
table and the new one. Each element carries its own end, so a ban ends though nobody of us runs any more.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable

from orchestrator.agent.ban_list import ALL, WEB, Ban
from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.trust import Network

TABLE = "inet vpsdeploy_bans"
_PRIORITY = -2
"""Before fail2ban's own chain (-1) and the firewall's (0)."""

_PORTS = "80, 443"


def text(bans: Iterable[Ban], now: float) -> str:
    """The table, for `nft -f`: nothing but its removal where nobody is banned."""
    found = [ban for ban in bans if not ban.over(now)]
    lines = [f"add table {TABLE}", f"delete table {TABLE}"]
    if not found:
        return "\n".join([*lines, ""])
    lines.append(f"table {TABLE} {{")
    rules = []
    for ports in (ALL, WEB):
        for version, kind, word in ((4, "ipv4_addr", "ip"), (6, "ipv6_addr", "ip6")):
            elements = _elements(
                [ban for ban in found if (ban.ports, ban.network.version) == (ports, version)], now
            )
            if elements:
                inside = f"elements = {{ {', '.join(elements)} }}"
                lines.append(f"  set {ports}{version} {{ type {kind}; flags interval, timeout; {inside}; }}")
                meets = f"tcp dport {{ {_PORTS} }} " if ports == WEB else ""
                rules.append(f"    {meets}{word} saddr @{ports}{version} drop")
    hook = f"    type filter hook input priority {_PRIORITY}; policy accept;"
    return "\n".join([*lines, "  chain input {", hook, *rules, "  }", "}", ""])


def apply(bans: Iterable[Ban]) -> None:
    """Make the firewall drop these, and no others of ours.

    Raises: HostNotReady: nft refused it; the table is as it was.
    """
    done = subprocess.run(
        ["nft", "-f", "-"], input=text(bans, time.time()), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise HostNotReady(
            "the firewall did not take the bans", why=done.stderr.strip()[-500:], state="it is as it was",
            next="nft list ruleset, on the host",
        )  # fmt: skip


def _elements(bans: list[Ban], now: float) -> list[str]:
    """Networks that do not overlap, as the kernel wants them: a wider one stands for those in it, to the latest end."""
    ends: dict[Network, float | None] = {}
    widths: list[int] = []
    for network, until in sorted(
        ((ban.network, ban.until) for ban in bans), key=lambda one: one[0].prefixlen
    ):
        within = _within(network, ends, widths)
        known = ends.get(within, 0.0)
        ends[within] = None if known is None or until is None else max(known, until)
    return [
        str(network) if end is None else f"{network} timeout {max(1, round(end - now))}s"
        for network, end in ends.items()
    ]


def _within(network: Network, ends: dict[Network, float | None], widths: list[int]) -> Network:
    """The widest that holds a network; itself where there is none. Asked for by width: there are few, and many bans."""
    for width in widths:
        wider = network if width == network.prefixlen else network.supernet(new_prefix=width)
        if wider in ends:
            return wider
    if network.prefixlen not in widths:
        widths.append(network.prefixlen)
    return network
