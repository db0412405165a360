"""Databases and brokers that this host carries for an app: what their roles wrote down about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import durable, kafka, mariadb, mongodb, nats, postgresql, rabbitmq, redis
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Kind(NamedTuple):
    """How a service is asked and told.

    Attributes:
        ensure: Make the app's user, with this password, and what it owns. Returns: what was changed, in words.
        health: What the server says of itself: version, connections, data_bytes, waits.
        client: Its own program for people, logged in as the app: the command, and the environment with the password;
            None where it has none.
        packages: Names of the packages whose upgrade restarts it, or that go only together with one of those (regular
            expression); empty where none does.
    """

    ensure: Callable[[Call, dict[str, Any], str], list[str]]
    health: Callable[[Call, dict[str, Any]], dict[str, Any]]
    client: Callable[[dict[str, Any], str], tuple[list[str], dict[str, str]]] | None = None
    packages: str = ""


KINDS = {
    "postgresql": Kind(postgresql.ensure, postgresql.health, postgresql.client, "postgresql(-.+)?"),
    "mariadb": Kind(mariadb.ensure, mariadb.health, mariadb.client, "mariadb-.+"),
    "redis": Kind(redis.ensure, redis.health, redis.client, "redis(-.+)?"),
    "rabbitmq": Kind(rabbitmq.ensure, rabbitmq.health, packages="rabbitmq-server|erlang-.+"),
    "nats": Kind(nats.ensure, nats.health, packages="nats-server"),
    "mongodb": Kind(mongodb.ensure, mongodb.health, mongodb.client, "mongodb-.+"),
    "kafka": Kind(kafka.ensure, kafka.health),
}


def here(call: Call) -> list[dict[str, Any]]:
    """The app's services on this host, as their roles describe them; sorted by name."""
    read = (durable.read_json(path) for path in sorted(call.layout.services.glob("*.json")))
    return [_checked(one) for one in read if one["app"] == call.app.name and one["service"] in KINDS]


def units(call: Call) -> dict[str, str]:
    """The app's services on this host, by the names of their units."""
    return {one["unit"]: one["service"] for one in here(call)}


def restarted_by(package: str, services: Iterable[str]) -> str:
    """Which of these services an upgrade of a package restarts; empty where none.

    Args:
        package: As apt names it, with the architecture where it is a foreign one.
        services: Such as postgresql.
    """
    name = package.partition(":")[0]
    return next((one for one in services if re.fullmatch(KINDS[one].packages, name)), "")


def one(call: Call, name: str) -> dict[str, Any]:
    """One of them.

    Raises: HostNotReady: this host does not carry it for the app.
    """
    found = next((one for one in here(call) if one["service"] == name), None)
    if found is None:
        raise HostNotReady(
            f"the host carries no {name} for the app",
            why=f"{call.layout.services / name}.json is not there, or another's",
            next="vpsdeploy provision host",
        )  # fmt: skip
    return found


def certificate(call: Call, settings: dict[str, Any]) -> str:
    """What app hosts elsewhere are to trust; empty where there are none."""
    path = str(settings.get("certificate") or "")
    file = call.layout.root / path.lstrip("/")
    return file.read_text() if path and file.exists() else ""


def mark(call: Call, name: str) -> None:
    """From now on the app's data are here: what would break its connections waits (roles: `serving`)."""
    place: Path = call.layout.service_marks
    place.mkdir(mode=0o755, parents=True, exist_ok=True)
    (place / name).touch()


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    for name in ("user", "database"):
        if settings.get(name) and not _IDENTIFIER.fullmatch(settings[name]):
            raise HostNotReady(
                f"{settings['service']} is described wrongly", why=f"{name} is {settings[name]!r}"
            )
    return settings
