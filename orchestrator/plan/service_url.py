"""The URL that an app finds its service by: made, and recognised again. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.model.service import POSTGRESQL, REDIS, TRUST_FILE, Service
from orchestrator.secret import Secret

PASSWORD_BYTES = 32
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{43}")
"""What secrets.token_urlsafe(PASSWORD_BYTES) makes: nothing in it needs quoting, in a URL or anywhere."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How a URL of a service looks.

    Attributes:
        scheme: By loopback.
        by_tls: Between hosts.
        path: Where there is no database of a name.
        query: What is added between hosts: the client is told whom to trust; others learn it from TRUST_VARIABLE.
    """

    scheme: str
    by_tls: str
    path: str = ""
    query: str = ""


_FORMS = {
    POSTGRESQL: _Form("postgresql", "postgresql", query=f"?sslmode=verify-full&sslrootcert={TRUST_FILE}"),
    REDIS: _Form("redis", "rediss", path="0"),
}


def make(service: Service, app: str, password: Secret) -> Secret:
    """The URL with the password in it.

    Args:
        service: Where to.
        app: Whose certificates are trusted, where it is on another host.
        password: Of the service's user.
    """
    form = _FORMS[service.kind]
    scheme, query = (form.by_tls, form.query.format(app=app)) if service.is_remote else (form.scheme, "")
    address = f"[{service.address}]" if ":" in service.address else service.address
    login = f"{service.user}:{password.reveal()}@{address}:{service.port}"
    return Secret(f"{scheme}://{login}/{service.database or form.path}{query}")


def password_in(url: Secret, service: Service, addresses: Collection[str]) -> Secret | None:
    """The password of a URL that we made; None where somebody set another one by hand.

    Args:
        url: Of the stage's secrets.
        service: What it is for.
        addresses: Of the stage's hosts: a service that moved from one to the other keeps its password.
    """
    try:
        parts = urlsplit(url.reveal())
        host, user, password = parts.hostname or "", parts.username or "", parts.password or ""
    except ValueError:
        return None
    form = _FORMS[service.kind]
    is_ours = (
        parts.scheme in (form.scheme, form.by_tls)
        and user == service.user
        and parts.path == f"/{service.database or form.path}"
        and host in {"127.0.0.1", *addresses}
        and _PASSWORD.fullmatch(password)
    )
    return Secret(password) if is_ours else None


def trusts_by_variable(service: Service) -> bool:
    """Whether its clients learn from TRUST_VARIABLE whom to trust: the URL has no place for it."""
    return service.is_remote and not _FORMS[service.kind].query
