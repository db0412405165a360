"""audit: is this host still what its last converge made of it? Changes nothing."""

from __future__ import annotations

import importlib
import time
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.call import Call
from orchestrator.agent.request import Request


def audit(call: Call) -> dict[str, Any]:
    """Ask the very code that Ansible's modules run; it is packed beside the agent, under Ansible's name for it."""
    judge = importlib.import_module("ansible.module_utils.vpsdeploy.audit")
    found: dict[str, Any] = judge.run()
    found["differences"] += [text for name in call.layout.app_names() for text in _certificate(call, name)]
    files = {name: call.layout.app(name).alerts_file for name in call.layout.app_names()}
    found["alerted"] = [name for name, file in files.items() if durable.read_json(file)]
    return found


def _certificate(call: Call, name: str) -> list[str]:
    """A certificate that is missing or about to end: to provision again is to ask for it again."""
    if not call.layout.app(name).tls_file.exists():
        return []
    from orchestrator.agent import certificates

    return certificates.troubles(call._replace(request=Request({"app": name})), time.time())
