"""Bans: clients that hosts keep out."""

from __future__ import annotations

from dataclasses import dataclass

ADDED = "added"
"""The source of a ban that a person made; others are named after fail2ban's jails."""

DEFAULT_FOR = "1d"
"""How long a person's ban holds where nobody says otherwise (our choice)."""


@dataclass(frozen=True, slots=True)
class Ban:
    """One client that one host keeps out.

    Attributes:
        host: Which host; its inventory name.
        address: An address or a network.
        source: fail2ban's jail, or ADDED.
        since: Seconds since the epoch, by the clock of the host that found it out.
        until: The same; None: until it is lifted.
        ports: "web" (80 and 443) or "all".
        times: How often the jail has banned it.
        origin: The load balancer that told the host; empty: it found it out itself, or a person told it.
        by: Who added it.
    """

    host: str
    address: str
    source: str
    since: float
    until: float | None
    ports: str
    times: int
    origin: str
    by: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the hosts said.

    Attributes:
        stage: Its name.
        bans: Of all hosts, in the order of the inventory.
        hosts: Those that answered.
        unwatched: Those of them where fail2ban does not run.
        silent: Why others did not answer, by host.
    """

    stage: str
    bans: tuple[Ban, ...]
    hosts: tuple[str, ...]
    unwatched: tuple[str, ...] = ()
    silent: tuple[tuple[str, str], ...] = ()
