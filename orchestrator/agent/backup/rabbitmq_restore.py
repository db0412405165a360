"""RabbitMQ's definitions back: proven in a virtual host beside the app's, and added to what is in the app's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.backup import refusals, replaced
from orchestrator.agent.backup.rabbitmq_dump import Server, counts, missing, read
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError
from orchestrator.agent.rabbitmq_api import Refused

_PREFIX = "vpsdeploy_drill_"


def prove(call: Call, _: tuple[dict[str, Any], ...], __: Dumped, path: Path) -> dict[str, int]:
    """Declare everything once more in a virtual host of its own, compare, and take that away again.

    But parameters: a shovel or an upstream among them would begin to move the app's messages.

    Raises: BackupFailed: it does not come back as it was.
    """
    server, wanted = Server(call), {**read(path), "parameters": []}
    _sweep(server)
    scratch = f"{_PREFIX}{int(time.time())}"
    try:
        _told(lambda: server.api.put(("vhosts", scratch), {}))
        _declare(server, scratch, wanted)
    finally:
        _sweep(server)
    return {"tables": 0, "rows": sum(counts(wanted).values()), "checks": 0}


def refuse(call: Call, dumped: Dumped) -> None:
    """See whether the definitions may be added.

    Raises: UsageError: the server is older than the dump, has others, and nobody said --force.
    """
    here = Server(call).definitions()
    version = here["rabbitmq_version"]
    if int(version.partition(".")[0] or 0) < int(dumped.about["version_number"]):
        raise refusals.older("RabbitMQ", version, dumped.about["version"])
    if call.request.text("into", ""):
        raise refusals.nothing_beside("RabbitMQ")
    if any(counts(here).values()) and not call.request.flag("force"):
        raise UsageError(
            "the virtual host of the app is in use", why=_words(here), state="nothing was touched",
            next="--force adds what is missing, after the definitions of now were kept; it removes nothing",
        )  # fmt: skip


def restore(call: Call, _: Dumped, file: Path, done: dict[str, Any]) -> None:
    """Declare what is missing. Queues that are there stay with their messages.

    Raises: BackupFailed: something is there already and is another than the dump's.
    """
    server, wanted = Server(call), read(file)
    here = server.definitions()
    if any(counts(here).values()):
        done["kept"].append(f"rabbitmq's definitions as they were before: {_keep(call, here)}")
    try:
        _declare(server, server.vhost, wanted)
    except BackupFailed as error:
        error.state = "what was there is there; what was missing may have been added"
        raise
    done["restored"].append(f"rabbitmq: {_words(wanted)}, without messages")


def _declare(server: Server, vhost: str, wanted: dict[str, Any]) -> None:
    """Have it declared, and see that it is.

    Raises: BackupFailed
    """
    _told(lambda: server.api.post(("definitions", vhost), wanted))
    if left := missing(wanted, server.definitions(vhost)):
        raise BackupFailed("definitions are missing, or others", why="; ".join(left[:10]))


def _told(action: Callable[[], None]) -> None:
    try:
        action()
    except (Refused, OSError) as error:
        raise BackupFailed("RabbitMQ does not take the definitions", why=str(error)) from None


def _sweep(server: Server) -> None:
    """Remove drills' virtual hosts: ours, and what an interrupted drill left."""
    try:
        found = [str(one["name"]) for one in server.api.get("vhosts") or []]
        for name in found:
            if name.startswith(_PREFIX):
                server.api.delete("vhosts", name)
    except (Refused, OSError) as error:
        raise BackupFailed("RabbitMQ keeps the drill's virtual host", why=str(error)) from None


def _keep(call: Call, definitions: dict[str, Any]) -> Path:
    """What is there now."""
    text = json.dumps(definitions, indent=2).encode()
    return replaced.keep(call, "rabbitmq", ".json", lambda path: durable.write(path, text, 0o600))


def _words(definitions: dict[str, Any]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts(definitions).items() if count) or "nothing"
