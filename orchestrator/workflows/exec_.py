"""`vpsdeploy exec`: a one-off command beside the app's instances, as the app."""

from __future__ import annotations

from contextlib import closing

from orchestrator.config import AppConfig
from orchestrator.errors import VpsdeployError
from orchestrator.model.fleet import Stage
from orchestrator.transport import exec_ssh, local
from orchestrator.transport.agent import Fleet
from orchestrator.transport.agent_ssh import SshFleet
from orchestrator.workflows.logs import app_hosts


def run(config: AppConfig, stage: Stage, host: str, argv: tuple[str, ...]) -> int:
    """Run a command on one app host: the one that is named, or the first that is not out.

    Returns: the command's exit code.
    Raises: UsageError: no such host; ReleaseFailed: no release is live yet; HostUnreachable.
    """
    chosen = app_hosts(stage, (host,) if host else ())
    with closing(SshFleet(stage, config.app, local.this_process().by)) as fleet:
        return exec_ssh.run(fleet, serving(fleet, stage, [one.name for one in chosen]), argv)


def serving(fleet: Fleet, stage: Stage, names: list[str]) -> str:
    """The first host that is not out: one that is may have an older release."""
    if len(names) == 1:
        return names[0]
    try:
        out = fleet.call(stage.loadbalancers[0].name, "facts", {}).get("out") or {}
    except VpsdeployError:  # the app host itself may be well
        out = {}
    return next((name for name in names if name not in out), names[0])
