"""Databases and brokers that this host carries for an app: what their roles wrote down about them."""

from __future__ import annotations

import re
from collections.abc import Callable
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
    """

    ensure: Callable[[Call, dict[str, Any], str], list[str]]
    health: Callable[[Call, dict[str, Any]], dict[str, Any]]
    client: Callable[[dict[str, Any], str], tuple[list[str], dict[str, str]]] | None = None


KINDS = {
    "postgresql": Kind(postgresql.ensure, postgresql.health, postgresql.client),
    "mariadb": Kind(mariadb.ensure, mariadb.health, mariadb.client),
    "redis": Kind(redis.ensure, redis.health, redis.client),
    "rabbitmq": Kind(rabbitmq.ensure, rabbitmq.health),
    "nats": Kind(nats.ensure, nats.health),
    "mongodb": Kind(mongodb.ensure, mongodb.health, mongodb.client),
    "kafka": Kind(kafka.ensure, kafka.health),
}


def here(call: Call) -> list[dict[str, Any]]:
    """The app's services on this host, as their roles describe them; sorted by name."""
    read = (durable.read_json(path) for path in sorted(call.layout.services.glob("*.json")))
    return [_checked(one) for one in read if one["app"] == call.app.name and one["service"] in KINDS]


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
