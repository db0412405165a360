"""RabbitMQ: what the app has declared in its virtual host, by the server's own export. Not its messages.

Those are on their way, and only their consumers know which they have seen.
Users are not in it either: provisioning makes them, and the digest of a password has no business in a backup.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent import services as carried
from orchestrator.agent.backup.postgres_dump import digest
from orchestrator.agent.backup.services import RABBITMQ, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.rabbitmq_api import Api, Refused, connected

KINDS = ("queues", "exchanges", "bindings", "policies", "parameters")
_CLASSIC = {"x-queue-type": "classic"}
"""What 4.0 says of a queue of which 3.10 says nothing: the default of both."""


class Server:
    """The host's server, and the app's virtual host in it.

    Raises: HostNotReady: it does not answer.
    """

    def __init__(self, call: Call) -> None:
        settings = carried.one(call, RABBITMQ)
        self.api: Api = connected(call, settings)
        self.vhost: str = settings["user"]

    def definitions(self, vhost: str = "") -> dict[str, Any]:
        """What is declared in a virtual host.

        Raises: BackupFailed: it does not tell.
        """
        try:
            told = self.api.get("definitions", vhost or self.vhost)
        except (Refused, OSError) as error:
            raise BackupFailed("RabbitMQ does not tell its definitions", why=str(error)) from None
        if told is None:
            raise BackupFailed("RabbitMQ has no such virtual host", why=vhost or self.vhost)
        version = str(told.get("rabbitmq_version") or told.get("rabbit_version") or "")
        return {"rabbitmq_version": version, **{kind: told.get(kind) or [] for kind in KINDS}}


def dump(call: Call, _: Service, directory: Path) -> Dumped:
    """Write down what is declared at this moment.

    Raises: BackupFailed: nothing that could be restored was written.
    """
    file = f"{RABBITMQ}/definitions.json"
    path = directory / file
    path.parent.mkdir(mode=0o700, exist_ok=True)
    at = time.time()
    found = Server(call).definitions()
    text = json.dumps(found, sort_keys=True, indent=2)
    durable.write(path, f"{text}\n".encode(), 0o600)
    version = found["rabbitmq_version"]
    about = {"version": version, "version_number": int(version.partition(".")[0] or 0)}
    return Dumped(RABBITMQ, RABBITMQ, file, path.stat().st_size, digest(path), at, counts(found), about)


def counts(definitions: dict[str, Any]) -> dict[str, int]:
    """How many there are of each kind."""
    return {kind: len(definitions[kind]) for kind in KINDS}


def read(path: Path) -> dict[str, Any]:
    """A dump.

    Raises: BackupFailed: it is none.
    """
    try:
        found = json.loads(path.read_bytes())
        counts(found)
    except (ValueError, KeyError, TypeError) as error:
        raise BackupFailed("the dump is damaged", why=f"{path.name}: {error}") from None
    return dict(found)


def missing(wanted: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """What is not there as it was dumped, in words."""
    there = {kind: {_comparable(one) for one in here[kind]} for kind in KINDS}
    return [
        f"{kind}: {_name(one)}"
        for kind in KINDS
        for one in wanted[kind]
        if _comparable(one) not in there[kind]
    ]


def _comparable(one: dict[str, Any]) -> str:
    """Of one version as of the other, and of one virtual host as of the other."""
    arguments = dict(one.get("arguments") or {})
    if _CLASSIC.items() <= arguments.items():
        arguments.pop("x-queue-type")
    kind = None if one.get("type") == "classic" else one.get("type")
    return json.dumps({**one, "vhost": None, "type": kind, "arguments": arguments}, sort_keys=True)


def _name(one: dict[str, Any]) -> str:
    return str(one.get("name") or f"{one.get('source')} to {one.get('destination')}")
