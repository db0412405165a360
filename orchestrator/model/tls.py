"""HTTPS of an app on one load balancer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ALERT_PART = 0.25
"""Of a certificate's life: with less than this left somebody is told (equal to the agent's; a test compares them)."""


@dataclass(frozen=True, slots=True)
class Served:
    """A certificate as the host has it.

    Attributes:
        fingerprint: SHA-256 of the whole, in hex: what the host answers with is this one and no other.
    """

    names: tuple[str, ...]
    issuer: str
    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime

    def part_left(self, now: datetime) -> float:
        """How much of its life is left: 1 when it begins, 0 and less when it has ended."""
        return (self.not_after - now) / (self.not_after - self.not_before)


@dataclass(frozen=True, slots=True)
class Tried:
    """The last time that a certificate authority was asked.

    Attributes:
        time: ISO 8601, UTC.
        result: issued, astray, busy, unreachable, limited, refused or unused.
        why: In a few lines; empty where it was issued.
    """

    time: str
    result: str
    why: str


@dataclass(frozen=True, slots=True)
class Tls:
    """What a load balancer says about the app's certificate.

    Attributes:
        mode: acme or files.
        domains: Names that it should be for.
        missing: Those that it is not for: they are served by HTTP.
        certificate: None where there is none yet.
        tried: None where nobody was asked yet.
    """

    mode: str
    domains: tuple[str, ...]
    missing: tuple[str, ...]
    certificate: Served | None
    tried: Tried | None = None

    def pin(self, domain: str) -> str:
        """Fingerprint of the certificate that a domain is answered with; empty where it is served by HTTP."""
        is_served = self.certificate and domain in self.domains and domain not in self.missing
        return self.certificate.fingerprint if self.certificate and is_served else ""


@dataclass(frozen=True, slots=True)
class TlsBalancer:
    """One load balancer; `tls` is None where it has no HTTPS for the app."""

    name: str
    tls: Tls | None
