"""Whom hosts tell about their troubles: the receivers of `notify` with `on: trouble`, handed over past Ansible.

Hosts tell them by themselves (agent/alerts/): no controller is there when a disk fills at night.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.model.fleet import Stage
from orchestrator.model.provision import ProvisionResult
from orchestrator.workflows.fleet import Opener, opened
from orchestrator.workflows.notify import address
from orchestrator.workflows.parallel import each

MOMENT = "trouble"


def receivers(config: AppConfig) -> list[dict[str, Any]]:
    """For the verb `receivers`; without a URL where the environment of this machine has none: hosts keep theirs."""
    found = []
    for one in config.notify:
        if MOMENT in one.on:
            url, _ = address(one)
            name = one.token_env or one.url_env or str(one.url)
            known = {"url": url} if url.reveal() else {}
            found.append({"name": name, "type": one.type, "chat_id": one.chat_id or "", **known})
    return found


def equipped(config: AppConfig, stage: Stage, result: ProvisionResult, opener: Opener) -> ProvisionResult:
    """Hand them to the hosts that are as they should be; where that fails it is a notice of the host."""
    failed = {failure.host for failure in result.failures}
    names = [host.name for host in result.hosts if host.name not in failed]
    wanted = receivers(config)
    with opened(config, stage, opener) as context:
        outcome = each(names, lambda name: context.call(name, "receivers", {"receivers": wanted}))
    texts = {
        name: f"nobody is told of its troubles: {error.what}: {error.why}"
        for name, error in outcome.errors.items()
    }
    texts |= {
        name: f"it cannot tell {', '.join(answer['lacking'])} of troubles: set it in the environment, provision again"
        for name, answer in outcome.answers.items() if answer["lacking"]
    }  # fmt: skip
    hosts = tuple(
        replace(host, notices=(*host.notices, texts[host.name])) if host.name in texts else host
        for host in result.hosts
    )
    return replace(result, hosts=hosts)
