"""certificate: see that the app has its certificate: ask for it, renew it, give it to nginx. HTTP goes on meanwhile."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.agent import acme, certificates, durable, mutex, x509
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import HostNotReady, UsageError

RENEW_PART = 1 / 3
"""Of the certificate's life. Source: certbot 4.0; Debian 12's 2.1 waits until 30 days are left, whatever the life."""

PATIENCE_SECONDS = {"astray": 0.0, "unreachable": 3000.0, "refused": 6 * 3600.0, "limited": 12 * 3600.0}
"""How long the timer waits after such an answer (our choice): asking a busy or unwilling authority makes it worse."""

_MUTEX_SECONDS = 400.0


def certificate(call: Call) -> dict[str, Any]:
    """What people and provisioning ask for: now, whatever was answered last time.

    Returns: `state`; `names` of the certificate; `changed`; `notices`: what keeps it from being as it should.
    """
    return _tended(call, force=call.request.flag("renew"))


def came_back(call: Call) -> dict[str, Any]:
    """Files of a certificate were put there: nginx gets what is best now; nobody is asked for another."""
    return _tended(call, force=False, ask=False)


def by_unit(call: Call) -> dict[str, Any]:
    """What units of the host ask for: `boot`, `tend` (the timer), `deploy` (certbot)."""
    act = call.request.text("act")
    if certificates.settings(call.app) is None:
        return {"notices": []}
    if act == "boot":
        certificates.prepare(call)
    elif act == "deploy":
        with mutex.held(call.app.tls_mutex, _MUTEX_SECONDS):
            _deploy(call, certificates.current(call))
    elif act == "tend":
        return _watched(call)
    else:
        raise UsageError("the request is wrong", why=f"act is {act!r}")
    return {"notices": []}


def _watched(call: Call) -> dict[str, Any]:
    """The timer's: ask where it is time, and fail loudly where the end comes near.

    Raises: HostNotReady: less than a quarter of the certificate's life is left, and it could not be renewed.
    """
    answer = _tended(call, force=False, ask=_is_time(call))
    found = certificates.current(call)
    if found and found.part_left(time.time()) < certificates.ALERT_PART:
        troubles = certificates.troubles(call, time.time())
        raise HostNotReady(troubles[-1], why="; ".join(answer["notices"]), next="vpsdeploy tls status")
    return answer


def _is_time(call: Call) -> bool:
    tried = durable.read_json(call.app.tls_tried_file) or {}
    return time.time() - float(tried.get("at", 0)) >= PATIENCE_SECONDS.get(str(tried.get("result")), 0.0)


def _tended(call: Call, *, force: bool, ask: bool = True) -> dict[str, Any]:
    """Give nginx what it does not have yet, then ask for what is missing or due."""
    wanted = certificates.settings(call.app)
    if wanted is None:
        raise HostNotReady(
            "the host has no HTTPS for the app", why=f"{call.app.tls_file} does not exist",
            next="set domains and tls in vpsdeploy.yml, then vpsdeploy provision host",
        )  # fmt: skip
    with mutex.held(call.app.tls_mutex, _MUTEX_SECONDS):
        certificates.make_ready(call)
        changed = False
        notices: list[str] = []
        if certificates.is_behind(call):
            _catch_up(call)
        certificates.mark(call)
        if wanted["mode"] == certificates.ACME and ask:
            changed, notices = _asked(call, wanted, force=force)
        elif force:
            notices = [
                "mode files: the certificate is yours to renew; put it there, then vpsdeploy provision host"
            ]
        found = certificates.current(call)
        return {
            "state": certificates.state(call), "names": list(found.names) if found else [], "changed": changed,
            "notices": notices or certificates.troubles(call, time.time()),
        }  # fmt: skip


def _asked(call: Call, wanted: dict[str, Any], *, force: bool) -> tuple[bool, list[str]]:
    """Ask the authority where it is needed. Returns: whether there is a new certificate, and what went wrong."""
    before = certificates.current(call)
    fits = before and set(before.names) == set(wanted["domains"]) and not certificates.stands_in(call)
    if fits and not force and before and before.part_left(time.time()) > RENEW_PART:
        return False, []
    if why := acme.astray(call, wanted["domains"]):
        return False, [_tried(call, before, "astray", "; ".join(why))]
    result, reason = acme.ask(call, wanted, force=force or bool(fits))
    if result != "issued":
        return False, [_tried(call, before, result, reason)]
    _deploy(call, before)
    _tried(call, before, result, "")
    after = certificates.current(call)
    old, new = (one and one.serial for one in (before, after))
    call.record("certificate", old=old, new=new, result="issued", names=list(after.names) if after else [])
    return True, []


def _catch_up(call: Call) -> None:
    """Give nginx what an earlier try could not."""
    before = certificates.current(call)
    _deploy(call, before)
    if (durable.read_json(call.app.tls_tried_file) or {}).get("result") == "unused":
        _tried(call, before, "issued", "")


def _deploy(call: Call, before: x509.Certificate | None) -> None:
    """Give nginx the certificate; where it does not take it, that is what the last try came to."""
    try:
        certificates.deploy(call)
    except HostNotReady as error:
        _tried(call, before, "unused", f"{error.what}: {error.why}")
        raise


def _tried(call: Call, before: x509.Certificate | None, result: str, why: str) -> str:
    """Keep what the last try came to, for people and for the timer. Returns: a notice that says what goes on now."""
    kept = {"at": time.time(), "time": timestamp(), "result": result, "why": why}
    call.app.tls_tried_file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    durable.write_json(call.app.tls_tried_file, kept)
    if before:
        goes_on = f"the old certificate stays, until {before.fields()['not_after']}"
    else:
        goes_on = "the app is served by HTTP"
    return f"no new certificate: {why}; {goes_on}; the host tries again by itself, or: vpsdeploy tls renew"
