"""What to type where a host cannot be reached: it may be dead, and the others are to go on."""

from __future__ import annotations

from orchestrator.errors import HostUnreachable, VpsdeployError
from orchestrator.model.fleet import Stage

_SILENT = ("no SSH connection", "the SSH connection was lost")
"""What a dead host looks like; a refused login or another host key is a host that is there."""


def without(error: VpsdeployError, stage: Stage, name: str) -> VpsdeployError:
    """The error, with how to go on without the host where it is dead."""
    if not isinstance(error, HostUnreachable) or error.what not in _SILENT:
        return error
    host = next(one for one in stage.hosts if one.name == name)
    error.state = "nothing was changed"
    error.next = "\n".join(
        part for part in (error.next, _without(stage, name, is_loadbalancer=host.is_loadbalancer)) if part
    )
    return error


def _without(stage: Stage, name: str, *, is_loadbalancer: bool) -> str:
    if is_loadbalancer:
        return _without_balancer(stage, name)
    if len(stage.app_hosts) > 1:
        return (
            f"if it is dead: vpsdeploy host drain {name} --dead --stage {stage.name}, then this command again"
        )
    return ""


def _without_balancer(stage: Stage, name: str) -> str:
    """A load balancer that nobody can tell what is live would send users somewhere else: all of them or none."""
    if len(stage.loadbalancers) < 2:
        return ""
    return (
        f"if it is dead: take {name} out of DNS and out of {stage.path}, then this command again "
        "(docs/runbooks/dead-load-balancer.md)"
    )
