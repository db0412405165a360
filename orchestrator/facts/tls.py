"""What a load balancer says about its certificate: parse(answer) -> Tls; what of it people should look at. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from orchestrator.model.tls import ALERT_PART, Served, Tls, TlsBalancer, Tried

Json = dict[str, Any]


def parse(raw: Json | None) -> Tls | None:
    """The field `tls` of the verb `facts`, and `state` of `certificate`."""
    if not raw:
        return None
    found, tried = raw["certificate"], raw["tried"]
    return Tls(
        str(raw["mode"]), tuple(raw["domains"]), tuple(raw["missing"]), _served(found) if found else None,
        Tried(str(tried["time"]), str(tried["result"]), str(tried["why"])) if tried else None,
    )  # fmt: skip


def _served(raw: Json) -> Served:
    begin, end = (datetime.fromisoformat(str(raw[key])) for key in ("not_before", "not_after"))
    issuer, serial, fingerprint = (str(raw[key]) for key in ("issuer", "serial", "fingerprint"))
    return Served(tuple(raw["names"]), issuer, serial, fingerprint, begin, end)


def ending(balancers: Iterable[TlsBalancer], now: datetime) -> list[str]:
    """Certificates that have ended, or whose end comes near though they should have been renewed long ago."""
    found = []
    for one in balancers:
        served = one.tls.certificate if one.tls else None
        if served and (left := served.part_left(now)) < ALERT_PART:
            when = f"{served.not_after:%Y-%m-%d %H:%M} UTC"
            days = (served.not_after - now).days
            text = f"has expired on {when}" if left <= 0 else f"ends on {when}, in {days} days"
            found.append(f"the certificate on {one.name} {text}: vpsdeploy tls status")
    return found


def missing(balancers: Iterable[TlsBalancer]) -> list[str]:
    """Names that are served by HTTP because there is no certificate for them yet."""
    found = []
    for one in balancers:
        if one.tls and one.tls.missing:
            why = f" ({one.tls.tried.why.splitlines()[0]})" if one.tls.tried and one.tls.tried.why else ""
            names = ", ".join(one.tls.missing)
            found.append(f"no certificate for {names} on {one.name}{why}: served by HTTP")
    return found
