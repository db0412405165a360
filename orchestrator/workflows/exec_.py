"""`vpsdeploy exec`: a one-off command beside the app's instances, as the app."""

from __future__ import annotations

from contextlib import closing

from orchestrator.config import AppConfig
from orchestrator.model.fleet import Stage
from orchestrator.transport import exec_ssh, local
from orchestrator.transport.agent_ssh import SshFleet
from orchestrator.workflows.logs import app_hosts


def run(config: AppConfig, stage: Stage, host: str, argv: tuple[str, ...]) -> int:
    """Run a command on one app host: the one that is named, or the first.

    Returns: the command's exit code.
    Raises: UsageError: no such host; ReleaseFailed: no release is live yet; HostUnreachable.
    """
    chosen = app_hosts(stage, (host,) if host else ())[0]
    with closing(SshFleet(stage, config.app, local.this_process().by)) as fleet:
        return exec_ssh.run(fleet, chosen.name, argv)
