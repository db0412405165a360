"""Asking a certificate authority, by certbot; and before that, whether the names point here at all, which is free."""

from __future__ import annotations

import http.client
import re
import secrets
import socket
from collections.abc import Iterable
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.call import Call

CHALLENGES = ".well-known/acme-challenge"
_TIMEOUT_SECONDS = 5
_CERTBOT_SECONDS = 300
_MOST_LINES = 8
_NOISE = re.compile(
    r"^(?:Saving debug log|Ask for help|See the logfile|Plugins selected|Requesting a certificate|Renewing an existing|"
    r"Account registered|Some challenges have failed|An unexpected error occurred|Certbot failed to authenticate|"
    r"Hint: |Certificate not|Attempting to|[- ]*$)"
)
_UNREACHABLE = re.compile(
    r"ConnectionError|NewConnectionError|Max retries exceeded|timed out|Connection refused|Connection reset|"
    r"Temporary failure in name resolution|SSLError|ReadTimeout|ConnectTimeout|5\d\d Server Error"
)
_SWALLOWED = "AttributeError: can't set attribute"
_PROBLEM = re.compile(
    r'"type": *"urn:ietf:params:acme:error:(\w+)".{0,200}?"detail": *"([^"]{1,500})"', re.DOTALL
)
_BUSY = "Another instance of Certbot is already running"
"""Source: certbot, certbot/_internal/lock.py; it does not wait."""

_LIMITED = re.compile(r"rate ?limit|too many|HTTP 429", re.IGNORECASE)


def astray(call: Call, names: Iterable[str]) -> list[str]:
    """Names that lead to somebody else, one sentence each; asked over HTTP, as a certificate authority would.

    One that cannot be reached from here is no proof: a router may not lead a host back to itself. The CA decides.
    """
    token, text = f"vpsdeploy-{secrets.token_hex(8)}", secrets.token_hex(16)
    directory = call.layout.acme / CHALLENGES
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    file = directory / token
    durable.write(file, text.encode(), sync=False)
    try:
        return [why for name in names if (why := _astray(name, token, text))]
    finally:
        file.unlink(missing_ok=True)


def _astray(name: str, token: str, text: str) -> str:
    try:
        found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"{name} has no address ({error.strerror or error}): point an A or AAAA record to the load balancers"
    for address in dict.fromkeys(str(entry[4][0]) for entry in found):
        answer = _answer(address, name, token)
        if answer is not None and answer != text:
            return f"{name} does not point here: {address} answers for it, and is none of the app's load balancers"
    return ""


def _answer(address: str, name: str, token: str) -> str | None:
    """What is there in place of our text; None where nobody answers, or the question is sent elsewhere (a CDN)."""
    connection = http.client.HTTPConnection(address, 80, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"/{CHALLENGES}/{token}", headers={"Host": name})
        answered = connection.getresponse()
        said = answered.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return None if 300 <= answered.status < 400 else said.strip()


def ask(call: Call, wanted: dict[str, Any], *, force: bool) -> tuple[str, str]:
    """Ask for a certificate. Returns: issued, busy, unreachable, limited or refused, and why in a few lines."""
    who = ["--email", wanted["email"]] if wanted["email"] else ["--register-unsafely-without-email"]
    domains = [word for name in wanted["domains"] for word in ("--domain", name)]
    done = call.systemd.ask(
        [
            "timeout", str(_CERTBOT_SECONDS), "certbot", "certonly", "--non-interactive", "--agree-tos", *who,
            "--config-dir", str(call.layout.certbot), "--server", wanted["directory_url"],
            "--webroot", "--webroot-path", str(call.layout.acme), "--cert-name", call.app.name, *domains,
            "--key-type", "ecdsa", "--elliptic-curve", "secp256r1", "--renew-with-new-domains",
            "--force-renewal" if force else "--keep-until-expiring", "--no-directory-hooks",
        ]
    )  # fmt: skip
    if done.code == 0:
        return "issued", ""
    said = f"{done.output}\n{done.errors}"
    if _SWALLOWED in said:
        said = _logged(call) or said
    return _judged(said, wanted["directory_url"], timed_out=done.code == 124)


def _logged(call: Call) -> str:
    """The authority's own words, which Debian 12's certbot loses on their way out; they are in its log."""
    try:
        text = (call.layout.root / "var/log/letsencrypt/letsencrypt.log").read_text(errors="replace")
    except OSError:
        return ""
    found = _PROBLEM.findall(text)
    return ": ".join(found[-1]) if found else ""


def _judged(said: str, url: str, *, timed_out: bool) -> tuple[str, str]:
    lines = list(dict.fromkeys(line.strip() for line in said.splitlines() if not _NOISE.match(line.strip())))
    text = "\n".join(lines[:_MOST_LINES])
    if _BUSY in said:
        return "busy", "certbot is busy for another app of this host, or by its own timer; nobody was asked"
    if _LIMITED.search(said):
        return "limited", f"the certificate authority refuses for now, it was asked too often: {text}"
    if timed_out:
        return "unreachable", f"{url} did not answer within {_CERTBOT_SECONDS} s"
    if _UNREACHABLE.search(said) and "challenge" not in text.lower():
        return "unreachable", f"{url} cannot be reached: {lines[-1][:300] if lines else 'no reason given'}"
    return "refused", text or "certbot said nothing; see /var/log/letsencrypt/letsencrypt.log"
