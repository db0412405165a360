"""`vpsdeploy tls`: the app's certificate on every load balancer, looked at or asked for anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import HostNotReady, VpsdeployError
from orchestrator.facts import host as host_facts
from orchestrator.facts import tls as tls_facts
from orchestrator.model.fleet import Stage
from orchestrator.model.tls import TlsBalancer
from orchestrator.transport import agent_pyz
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened
from orchestrator.workflows.parallel import each


@dataclass(frozen=True, slots=True)
class Seen:
    """Each load balancer, in the order of the inventory.

    Attributes:
        changed: Those that have a new certificate, by name.
    """

    stage: str
    balancers: tuple[TlsBalancer, ...]
    changed: tuple[str, ...] = ()


def look(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh) -> Seen:
    """Ask every load balancer.

    Raises: VpsdeployError: one is unreachable or not provisioned.
    """
    with opened(config, stage, opener) as context:
        return Seen(stage.name, _state(context))


def renew(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh, *, force: bool = False) -> Seen:
    """Have every load balancer ask for its certificate, one after another: an authority counts what it is asked.

    Args:
        config: The app.
        stage: Its hosts.
        opener: How they are reached.
        force: Also where the certificate is neither missing nor due.
    Raises: VpsdeployError: none was issued, or a host could not be asked; what was served before is served now.
    """
    with opened(config, stage, opener) as context:
        _state(context)
        changed: list[str] = []
        notices: dict[str, tuple[str, ...]] = {}
        balancers = []
        for host in stage.loadbalancers:
            answer = _asked(context, host.name, force=force, done=changed)
            balancers.append(TlsBalancer(host.name, tls_facts.parse(answer["state"])))
            changed += [host.name] if answer["changed"] else []
            if answer["notices"]:
                notices[host.name] = tuple(str(text) for text in answer["notices"])
        if notices:
            raise _unfinished(stage, changed, notices)
        return Seen(stage.name, tuple(balancers), tuple(changed))


def _unfinished(stage: Stage, changed: list[str], notices: dict[str, tuple[str, ...]]) -> HostNotReady:
    """What was asked for did not come; whatever was served before is served now."""
    return HostNotReady(
        "no new certificate", host=f"{', '.join(notices)} ({stage.name})",
        why="\n".join(f"{host}: {text}" for host, texts in notices.items() for text in texts),
        state=f"renewed on {', '.join(changed)}" if changed else "nothing was changed",
        next="docs/runbooks/certificate-trouble.md; what the hosts have: vpsdeploy tls status",
    )  # fmt: skip


def _asked(context: Context, host: str, *, force: bool, done: list[str]) -> dict[str, Any]:
    try:
        return context.call(host, "certificate", {"renew": force})
    except VpsdeployError as error:
        renewed = f"renewed on {', '.join(done)}; " if done else ""
        error.state = f"{renewed}{error.state or 'nginx goes on with the certificate that it has'}"
        error.next = error.next or "vpsdeploy tls status"
        raise


def _state(context: Context) -> tuple[TlsBalancer, ...]:
    """Of the load balancers.

    Raises: HostNotReady: not provisioned, with another agent, or without HTTPS.
    """
    names = [host.name for host in context.stage.loadbalancers]
    answers = each(names, lambda name: context.call(name, "facts", {})).or_raise()
    found = [host_facts.parse(name, context.config.app, answers[name]) for name in names]
    for facts in found:
        if not facts.provisioned or facts.version != agent_pyz.version() or not facts.tls:
            why = f"its agent is {facts.version}, we are {agent_pyz.version()}"
            if facts.version == agent_pyz.version():
                why = "it was provisioned without HTTPS for the app (no `domains`, or tls.mode off)"
            raise HostNotReady(
                "the load balancer has no certificates", host=f"{facts.name} ({context.stage.name})", why=why,
                state="nothing was changed", next=f"vpsdeploy provision host {facts.name}",
            )  # fmt: skip
    return tuple(TlsBalancer(facts.name, facts.tls) for facts in found)
