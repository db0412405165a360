"""console: a database's own client, logged in as the app, for people."""

from __future__ import annotations

import os

from orchestrator.agent import durable, envfile, services
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError
from orchestrator.agent.verbs.exec import run_joined

_SANDBOX = (
    "DynamicUser=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
    "ProtectProc=invisible", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectControlGroups=yes",
    "InaccessiblePaths=-/etc/vpsdeploy -/var/lib/vpsdeploy -/srv", "NoNewPrivileges=yes", "CapabilityBoundingSet=",
    "RestrictNamespaces=yes", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "LockPersonality=yes",
    "SystemCallArchitectures=native", "SystemCallFilter=@system-service", "MemoryMax=512M", "TasksMax=32",
)  # fmt: skip
"""A client that people type into, with shell escapes: it runs as nobody that there is, and reaches the server only."""


def console(call: Call) -> int:
    """Run the client in a unit of its own; what follows the request is its standard input. Returns: its exit code.

    Raises: UsageError: this service has none.
    """
    settings = services.one(call, call.request.text("service"))
    client = services.KINDS[settings["service"]].client
    if client is None:
        raise UsageError(f"{settings['service']} has no client for people", state="nothing was touched")
    unit = f"vpsdeploy-console-{os.getpid()}"
    variables, trusted = (call.layout.run / f"{unit}.{kind}" for kind in ("env", "crt"))
    call.layout.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    term = call.request.text("term", "xterm")[:40]
    try:
        if certificate := services.certificate(call, settings):
            # Where the server has it only the server can read it.
            durable.write(trusted, certificate.encode(), 0o644, sync=False)
            settings = {**settings, "certificate": str(trusted)}
        command, environment = client(settings, call.request.text("password"))
        durable.write(variables, envfile.encode({**environment, "TERM": term}), 0o600, sync=False)
        properties = [*_SANDBOX, f"EnvironmentFile={variables}"]
        return run_joined(unit, properties, command, terminal=call.request.flag("tty"))
    finally:
        for path in (variables, trusted):
            path.unlink(missing_ok=True)
