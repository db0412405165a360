"""The administrators of services: each has a password of its own, which only root of its host can read."""

from __future__ import annotations

import secrets

from orchestrator.agent import durable
from orchestrator.agent.call import Call


def password(call: Call, service: str, user: str) -> str:
    """An administrator's password, in the service's .env beside its settings: made here the first time."""
    name = f"{service.upper()}_PASSWORD="
    file = call.layout.services / f"{service}.env"
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        lines = []
    found = next((line.removeprefix(name) for line in lines if line.startswith(name)), "")
    if found:
        return found
    made = secrets.token_urlsafe(32)
    durable.write(file, f"{service.upper()}_USER={user}\n{name}{made}\n".encode(), 0o600)
    return made
