"""What `vpsdeploy tls` shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from orchestrator.facts import tls as facts
from orchestrator.model.tls import Tls, TlsBalancer
from orchestrator.report import table

_HEAD = ("host", "mode", "names", "issuer", "ends", "left", "last try")


def text(balancers: Sequence[TlsBalancer], *, changed: Sequence[str] | None) -> str:
    """For people.

    Args:
        balancers: All of the stage.
        changed: Those that have a new certificate; None where nobody was asked.
    """
    now = datetime.now(UTC)
    lines = [f"warning: {line}" for line in (*facts.ending(balancers, now), *facts.missing(balancers))]
    lines.append(table.render(_HEAD, [_row(one.name, one.tls, now) for one in balancers if one.tls]))
    if changed is not None:
        lines += ["", f"new on {', '.join(changed)}" if changed else "no certificate was changed"]
    return "\n".join(lines)


def _row(name: str, tls: Tls, now: datetime) -> tuple[str, ...]:
    tried = f"{tls.tried.time} {tls.tried.result}" if tls.tried else "-"
    found = tls.certificate
    if found is None:
        return (name, tls.mode, "none yet", "-", "-", "-", tried)
    left = f"{max(0, (found.not_after - now).days)} d"
    end = f"{found.not_after:%Y-%m-%d %H:%M}"
    return (name, tls.mode, ", ".join(found.names), found.issuer, end, left, tried)


def fields(stage: str, balancers: Sequence[TlsBalancer], *, changed: Sequence[str]) -> dict[str, Any]:
    """For programs (kind "tls")."""
    return {
        "stage": stage,
        "changed": list(changed),
        "hosts": [{"name": one.name, "tls": of(one.tls)} for one in balancers],
    }


def of(tls: Tls | None) -> dict[str, Any] | None:
    """One load balancer's, for programs."""
    if tls is None:
        return None
    return {
        "mode": tls.mode, "domains": list(tls.domains), "missing": list(tls.missing),
        "certificate": _certificate(tls), "tried": _tried(tls),
    }  # fmt: skip


def _certificate(tls: Tls) -> dict[str, Any] | None:
    found = tls.certificate
    if found is None:
        return None
    return {
        "names": list(found.names), "issuer": found.issuer, "serial": found.serial, "fingerprint": found.fingerprint,
        "not_before": found.not_before.isoformat(), "not_after": found.not_after.isoformat(),
    }  # fmt: skip


def _tried(tls: Tls) -> dict[str, Any] | None:
    if tls.tried is None:
        return None
    return {"time": tls.tried.time, "result": tls.tried.result, "why": tls.tried.why}
