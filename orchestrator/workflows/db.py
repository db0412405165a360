"""`vpsdeploy db`: the app's databases, as the app sees them."""

from __future__ import annotations

import os
from contextlib import closing

from orchestrator.config import FILE_NAME, AppConfig
from orchestrator.config import secrets as stage_secrets
from orchestrator.config.problems import nearest
from orchestrator.errors import UsageError
from orchestrator.model.fleet import Stage
from orchestrator.model.service import CONSOLES, KINDS, Service
from orchestrator.plan import service_url
from orchestrator.plan import services as plan
from orchestrator.secret import Secret
from orchestrator.transport import exec_ssh, local
from orchestrator.transport.agent_ssh import SshFleet


def console(config: AppConfig, stage: Stage, kind: str) -> int:
    """The database's own client on its host, logged in as the app.

    Args:
        config: The app.
        stage: Its hosts.
        kind: Which service; empty for the only one.
    Returns: the client's exit code.
    Raises: UsageError: no such service, or its URL is somebody's own. ConfigError: the secrets' key is not here.
    """
    service = chosen(config, stage, kind)
    request = {
        "service": service.kind,
        "password": password(stage, service),
        "term": os.environ.get("TERM", "xterm"),
    }
    with closing(SshFleet(stage, config.app, local.this_process().by)) as fleet:
        return exec_ssh.joined(fleet, service.host, "console", request)


def chosen(config: AppConfig, stage: Stage, kind: str) -> Service:
    """The service that is meant.

    Raises: UsageError: there is none of this name, or several and none was named.
    """
    placed = {one.kind: one for one in plan.placed(config, stage)}
    found = {name: one for name, one in placed.items() if name in CONSOLES}
    if kind in found:
        return found[kind]
    if kind in placed:
        raise UsageError(
            f"{kind} has no console", why="its packages have no client that logs in as the app",
            state="nothing was touched",
            next=f"on {placed[kind].host}, as root: {KINDS[kind].instead.format(user=placed[kind].user)}",
        )  # fmt: skip
    if not found:
        raise UsageError(
            "the app has no database here", why=f"services in {FILE_NAME} has none of {', '.join(CONSOLES)}",
            state="nothing was touched", next=f"add services: {{postgresql: {{}}}} to {FILE_NAME}, then provision host",
        )  # fmt: skip
    if not kind and len(found) == 1:
        return next(iter(found.values()))
    raise UsageError(
        f"no service {kind} has a console{nearest(kind, found)}" if kind else "which service?",
        why=f"services in {FILE_NAME} has {', '.join(found)}", state="nothing was touched",
        next=f"vpsdeploy db console {next(iter(found))}",
    )  # fmt: skip


def password(stage: Stage, service: Service) -> Secret:
    """Of the app's user, as the stage's secrets have it.

    Raises: UsageError: there is none that we made. ConfigError: the key is not here.
    """
    url = stage_secrets.opened(stage).values().get(service.variable)
    addresses = {host.private_address for host in stage.hosts}
    found = service_url.password_in(url, service, addresses) if url else None
    if found is None:
        why = (
            f"{service.variable} is your own" if url else f"{stage.name} has no secret {service.variable} yet"
        )
        raise UsageError(
            f"no login for {service.kind} is known", why=why, state="nothing was touched",
            next="vpsdeploy provision host makes one" if not url else "log in with the client of your own server",
        )  # fmt: skip
    return found
