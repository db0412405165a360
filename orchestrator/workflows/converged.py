"""Which hosts need no Ansible: what decides its work is unchanged, and the host says that it is what it was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.facts.audit import Audit
from orchestrator.model.fleet import Host
from orchestrator.transport.ansible_settings import Play

VARIABLE = "vpsdeploy_fingerprint"
"""What the playbook knows the fingerprint as."""

_HARDENING = frozenset({"kernel", "updates", "accounts", "audit"})
_EVERY_HOST = (
    frozenset({"preflight", "base", "access", "agent", "backup", "fail2ban", "firewall", "ssh"}) | _HARDENING
)
_APP_HOST = frozenset({"nodejs", "app"})
_LOADBALANCER = frozenset({"nginx", "tls"})


def recorded_on(host: Host, services: Iterable[str] = ()) -> frozenset[str]:
    """The calls of playbooks/site.yml that leave a record on a host (a test compares them).

    Args:
        host: By its groups.
        services: That it carries.
    """
    app = _APP_HOST if host.is_app else frozenset[str]()
    return (
        _EVERY_HOST
        | app
        | (_LOADBALANCER if host.is_loadbalancer else frozenset[str]())
        | frozenset(services)
    )


def is_converged(host: Host, audit: Audit | None, play: Play) -> bool:
    """Whether Ansible would find nothing to do."""
    return (
        audit is not None
        and audit.fingerprint == play.variables[VARIABLE]
        and audit.recorded >= recorded_on(host, _carried(play, host))
        and not audit.differences
    )


def _carried(play: Play, host: Host) -> list[str]:
    services: Any = play.variables.get("vpsdeploy_services", {})
    return [name for name, one in services.items() if one["host"] == host.name]


def fingerprint(play: Play, agent_digest: str) -> str:
    """SHA-256 over all that decides what the play does: playbooks, roles, inventory, variables, the agent.

    Secrets are the releases' and none of the play's business.
    """
    variables = {**play.variables, "vpsdeploy_agent_pyz": agent_digest}
    digest = hashlib.sha256(json.dumps(variables, sort_keys=True).encode())
    inventory = play.stage.path.parent
    for root in (play.playbook.parent, play.roles, inventory):
        for path in _files(root):
            if path not in (play.stage.known_hosts, play.stage.secrets, play.stage.backup_secrets):
                content = path.read_bytes()
                digest.update(f"\0{path.relative_to(root)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    return (p for p in sorted(root.rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
