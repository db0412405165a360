"""Who is banned here: by fail2ban, by a person, and by the other load balancers. Read anew at each question.

fail2ban's own database is the record of its bans: it outlives reboots. The rest is ours, in /var/lib/vpsdeploy/bans.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import durable, trust
from orchestrator.agent.layout import Layout
from orchestrator.agent.trust import Network

ADDED = "added"
"""The source of a ban that a person made; others are named after fail2ban's jails."""

WEB, ALL = "web", "all"
"""What a ban closes: ports 80 and 443, or everything."""

MOST = 20_000
"""Most bans that a host takes from another one (count; our choice)."""

_LEAST_PREFIX = {4: 16, 6: 32}
"""Larger networks are nobody's to ban: they are providers and countries (our choice)."""


class Ban(NamedTuple):
    """One client that is kept out.

    Attributes:
        address: An address, or a network.
        source: fail2ban's jail, or ADDED.
        since: Seconds since the epoch.
        until: The same; None: until it is lifted.
        ports: WEB or ALL.
        times: How often this jail banned it.
        origin: The load balancer that told us; empty: this host.
        by: Who added it.
    """

    address: str
    source: str
    since: float
    until: float | None
    ports: str = ALL
    times: int = 1
    origin: str = ""
    by: str = ""

    @property
    def network(self) -> Network:
        """The same to compare with."""
        return trust.client(self.address)

    def over(self, now: float) -> bool:
        """Whether it has ended."""
        return self.until is not None and self.until <= now


def settings(layout: Layout) -> dict[str, Any]:
    """What provisioning wrote; empty where the role is not there."""
    found = durable.read_json(layout.bans_file)
    return found if isinstance(found, dict) else {}


def every(layout: Layout) -> list[Ban]:
    """All that holds now, by address."""
    now = time.time()
    found = [*own(layout), *received(layout)]
    return sorted(
        (ban for ban in found if not ban.over(now)), key=lambda ban: (ban.network.version, ban.network)
    )


def own(layout: Layout) -> list[Ban]:
    """What a person told this host, and what it found out itself: what it tells the others, as far as they listen."""
    now = time.time()
    return [ban for ban in (*added(layout), *_by_fail2ban(layout)) if not ban.over(now)]


def added(layout: Layout) -> list[Ban]:
    """What a person told this host."""
    return list(parse(durable.read_json(layout.bans / "added.json")))


def received(layout: Layout) -> list[Ban]:
    """What the other load balancers told; without whom we trust, and what a person lifted here since."""
    lifted = durable.read_json(layout.bans / "lifted.json") or {}
    ended = [(trust.client(address), float(when)) for address, when in lifted.items()]
    spared = list(trusted(layout))
    known = {peer["name"] for peer in settings(layout).get("peers", ())}
    found = []
    for path in layout.bans.glob("from-*.json"):
        origin = path.stem.removeprefix("from-")
        for ban in parse((durable.read_json(path) or {}).get("bans")) if origin in known else ():
            if any(ban.since <= when and overlaps(ban.network, network) for network, when in ended):
                continue
            if not any(overlaps(ban.network, network) for network in spared):
                found.append(ban._replace(origin=origin))
    return found


def trusted(layout: Layout) -> Iterator[Network]:
    """Whom no ban may meet: loopback, the fleet, its owner, its proxies, whoever logged in with a key lately."""
    for address in ("127.0.0.0/8", "::1", *settings(layout).get("trusted", ())):
        yield trust.client(address)
    yield from trust.noted(layout)


def overlaps(one: Network, other: Network) -> bool:
    """Whether two networks have an address in common."""
    if one.version != other.version:
        return False
    wide, narrow = sorted((one, other), key=lambda network: network.prefixlen)
    return narrow.network_address in wide


def is_too_wide(network: Network) -> bool:
    """Whether a ban would meet far more than an attacker."""
    return network.prefixlen < _LEAST_PREFIX[network.version]


def parse(value: Any) -> Iterator[Ban]:
    """Bans out of JSON; what is none is left out, at most MOST of them."""
    for fields in value[:MOST] if isinstance(value, list) else ():
        with contextlib.suppress(TypeError, ValueError):
            ban = Ban(**fields)
            until = None if ban.until is None else float(ban.until)
            ban = ban._replace(since=float(ban.since), until=until, ports=WEB if ban.ports == WEB else ALL)
            if not is_too_wide(ban.network):
                yield ban


def fields(bans: Iterable[Ban]) -> list[dict[str, Any]]:
    """For JSON."""
    return [ban._asdict() for ban in bans]


def _by_fail2ban(layout: Layout) -> Iterator[Ban]:
    """Out of its database; rows stay there for a while after a ban has ended."""
    for jail, address, since, seconds, times in _rows(layout.fail2ban_file):
        until = None if seconds < 0 else float(since + seconds)
        ports = WEB if str(jail).startswith("nginx-") else ALL
        ban = Ban(str(address), str(jail), float(since), until, ports, int(times))
        with contextlib.suppress(ValueError):
            ban.network  # noqa: B018 - what is no address is left out
            yield ban


def _rows(path: Path) -> list[tuple[str, str, int, int, int]]:
    """Its table of bans; none where fail2ban never ran."""
    import sqlite3  # late: only this verb and the exchange need it

    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        try:
            return database.execute("SELECT jail, ip, timeofban, bantime, bancount FROM bips").fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
