"""service, services, trust: the app's login on a database or broker, how those are, which certificates are trusted."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import durable
from orchestrator.agent import services as carried
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, UsageError
from orchestrator.agent.systemd import number

_MOST_PASSWORD = 200
_MOST_PEM = 1 << 16
_NONSENSE = (AttributeError, KeyError, TypeError, ValueError)
"""What comes of an answer that is made otherwise than we know; no reason to say nothing of the other services."""


def service(call: Call) -> dict[str, Any]:
    """Make the app's user with this password, and its database. Returns: `changed`: what was, in words."""
    settings = carried.one(call, call.request.text("service"))
    password = call.request.text("password")
    if not 16 <= len(password) <= _MOST_PASSWORD or not password.isascii() or not password.isprintable():
        raise UsageError("the password cannot be used", why="it must be 16 to 200 printable ASCII characters")
    changed = carried.KINDS[settings["service"]].ensure(call, settings, password)
    carried.mark(call, settings["service"])
    if changed:
        call.record("service", old=None, new=settings["service"], result="changed", changed=changed)
    return {"changed": changed, "certificate": carried.certificate(call, settings)}


def services(call: Call) -> dict[str, Any]:
    """How each service is. Returns: `services`, one that does not answer with `why`."""
    here = carried.here(call)
    shown = call.systemd.show([one["unit"] for one in here], ["ActiveState", "SubState", "MemoryCurrent"])
    return {"services": [_health(call, one, shown.get(one["unit"], {})) for one in here]}


def trust(call: Call) -> dict[str, Any]:
    """Keep the certificates of the app's services on other hosts, where its instances may read them.

    Returns: `changed`.
    """
    text = call.request.text("certificates")
    if (
        len(text) > _MOST_PEM
        or text.count("BEGIN CERTIFICATE") != text.count("-----BEGIN")
        or not text.isascii()
    ):
        raise UsageError("the certificates cannot be used", why="they must be PEM, and certificates only")
    file = call.layout.trust / f"{call.app.name}.pem"
    if file.exists() and file.read_text() == text:
        return {"changed": False}
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    durable.write(file, text.encode())
    return {"changed": True}


def _health(call: Call, settings: dict[str, Any], unit: dict[str, str]) -> dict[str, Any]:
    known = {
        "service": settings["service"], "memory_bytes": number(unit.get("MemoryCurrent", "")),
        "connections_max": settings.get("connections", 0), "certificate": carried.certificate(call, settings),
    }  # fmt: skip
    nothing: dict[str, Any] = {"version": "", "connections": None, "data_bytes": None, "waits": []}
    try:
        told = carried.KINDS[settings["service"]].health(call, settings)
    except AgentError as error:
        why = error.why
    except _NONSENSE as error:
        why = f"its answer cannot be read: {type(error).__name__}: {error}"
    else:
        return {**known, **told, "running": True, "why": ""}
    state = f"{settings['unit']} is {unit.get('ActiveState')} ({unit.get('SubState')})"
    return {**known, **nothing, "running": False, "why": f"{state}: {why}"}
