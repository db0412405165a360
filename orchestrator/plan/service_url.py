"""The URL that an app finds its service by: made, and recognised again. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote, urlsplit

from orchestrator.model.service import (
    KAFKA,
    MARIADB,
    MONGODB,
    NATS,
    POSTGRESQL,
    RABBITMQ,
    REDIS,
    TRUST_FILE,
    Service,
)
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
        path: Where there is no database of a name; `{user}` is the app's.
        query: What is added between hosts.
        always: What is added in any case, before that; `{pool}` is how many connections a process may open.
        by_variable: Whether the client learns from TRUST_VARIABLE whom to trust: the URL has no place for it.
        beside: Further env variables, where apps look elsewhere too, or drivers take no login from a URL.
    """

    scheme: str
    by_tls: str
    path: str = ""
    query: str = ""
    always: str = ""
    by_variable: bool = True
    beside: Mapping[str, str] = field(default_factory=dict)


_FORMS = {
    POSTGRESQL: _Form(
        "postgresql", "postgresql", query=f"?sslmode=verify-full&sslrootcert={TRUST_FILE}", by_variable=False
    ),
    MARIADB: _Form("mysql", "mysql", query="?ssl=%7B%22verifyIdentity%22%3Atrue%7D"),
    REDIS: _Form("redis", "rediss", path="0"),
    RABBITMQ: _Form("amqp", "amqps", path="{user}", beside={"RABBITMQ_URL": "{url}"}),
    # One host, asked for itself: drivers would go on to the name that the replica set has for it. Without a limit each
    # process opens up to 100 connections. Source: MongoDB, connection string options.
    MONGODB: _Form(
        "mongodb",
        "mongodb",
        query=f"&tls=true&tlsCAFile={TRUST_FILE}",
        always="?directConnection=true&maxPoolSize={pool}",
        by_variable=False,
        beside={"MONGODB_URL": "{url}"},
    ),
    # Both drivers for Node (nats 2, @nats-io/transport-node 3) take no login from a URL.
    NATS: _Form("nats", "tls", beside={"NATS_USER": "{user}", "NATS_PASSWORD": "{password}"}),
    # No client for Node takes a URL: they are given each part. Its scheme is what other platforms have made usual.
    KAFKA: _Form("kafka", "kafka+ssl", beside={
        "KAFKA_BROKERS": "{place}", "KAFKA_USERNAME": "{user}", "KAFKA_PASSWORD": "{password}",
        "KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_SSL": "{tls}",
    }),
}  # fmt: skip


def variables(service: Service) -> tuple[str, ...]:
    """Every env variable that its credentials are in; the URL's comes first."""
    return (service.variable, *_FORMS[service.kind].beside)


def beside(service: Service, url: Secret, password: Secret) -> dict[str, Secret]:
    """What the further variables hold."""
    known = {"url": url.reveal(), "password": password.reveal(), **_parts(service, service.address)}
    return {name: Secret(text.format(**known)) for name, text in _FORMS[service.kind].beside.items()}


def is_made(value: Secret, service: Service, addresses: Collection[str]) -> bool:
    """Whether we have made what one of its variables holds; else it is somebody's own."""
    if _PASSWORD.fullmatch(value.reveal()) or password_in(value, service, addresses):
        return True
    made = {service.user}
    for address in ("127.0.0.1", service.address, *addresses):
        for remote in (replace(service, clients=()), replace(service, clients=(address,))):
            known = {"url": "", "password": "", **_parts(remote, address)}
            made |= {text.format(**known) for text in _FORMS[service.kind].beside.values()}
    return value.reveal() in made - {""}


def make(service: Service, app: str, password: Secret) -> Secret:
    """The URL with the password in it.

    Args:
        service: Where to.
        app: Whose certificates are trusted, where it is on another host.
        password: Of the service's user.
    """
    form = _FORMS[service.kind]
    scheme, query = (form.by_tls, form.query.format(app=app)) if service.is_remote else (form.scheme, "")
    query = form.always.format(pool=service.pool) + query
    place = _parts(service, service.address)["place"]
    login = f"{quote(service.user, safe='')}:{quote(password.reveal(), safe='')}@{place}"
    return Secret(f"{scheme}://{login}{_path(service)}{query}")


def password_in(url: Secret, service: Service, addresses: Collection[str]) -> Secret | None:
    """The password of a URL that we made; None where somebody set another one by hand.

    Args:
        url: Of the stage's secrets.
        service: What it is for.
        addresses: Of the stage's hosts: a service that moved from one to the other keeps its password.
    """
    try:
        parts = urlsplit(url.reveal())
        host, user, password = (
            parts.hostname or "",
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )
    except ValueError:
        return None
    form = _FORMS[service.kind]
    is_ours = (
        parts.scheme in (form.scheme, form.by_tls)
        and user == service.user
        and parts.path == _path(service)
        and host in {"127.0.0.1", *addresses}
        and _PASSWORD.fullmatch(password)
    )
    return Secret(password) if is_ours else None


def trusts_by_variable(service: Service) -> bool:
    """Whether its clients learn from TRUST_VARIABLE whom to trust: the URL has no place for it."""
    return service.is_remote and _FORMS[service.kind].by_variable


def _parts(service: Service, address: str) -> dict[str, str]:
    """What stands in further variables, were the service at this address."""
    host = f"[{address}]" if ":" in address else address
    return {
        "user": service.user, "place": f"{host}:{service.port}",
        "tls": "true" if service.is_remote else "false",
    }  # fmt: skip


def _path(service: Service) -> str:
    """Behind the address; empty where a URL of its kind has none."""
    name = service.database or _FORMS[service.kind].path.format(user=service.user)
    return f"/{quote(name, safe='')}" if name else ""
