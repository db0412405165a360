"""Maintenance mode: what users are told instead of being served."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_MESSAGE = "We are working on this service. Please try again shortly."
"""For users, where the command line names none."""

RETRY_AFTER_SECONDS = 300
"""What clients are told to wait where nobody says otherwise (our choice)."""

MAX_RETRY_AFTER_SECONDS = 86400
"""A day: what takes longer is no maintenance (our choice)."""

MAX_MESSAGE = 500
"""Longest message (characters)."""

MAX_ADDRESSES = 1024
"""Most addresses that are let through: each is a file that nginx looks for (count)."""

HEADER = "Vpsdeploy-Maintenance"
"""Header of the answers that nginx gives for an app in maintenance (roles/nginx)."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What a load balancer answers while it is on; equal where users notice no difference.

    Attributes:
        message: For users.
        allow: Addresses and networks that reach the app all the same.
        retry_after_seconds: For Retry-After.
        since: ISO 8601, UTC.
        by: Who turned it on, or changed it last.
    """

    message: str
    allow: tuple[str, ...]
    retry_after_seconds: int
    since: str = field(compare=False)
    by: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Balancer:
    """One load balancer; `maintenance` is None where it serves the app."""

    name: str
    maintenance: Maintenance | None
