"""How the app's databases and brokers are: asked of the hosts that carry them."""

from __future__ import annotations

from orchestrator.errors import VpsdeployError
from orchestrator.facts import services as facts
from orchestrator.model.service import Service, ServiceHealth
from orchestrator.plan import services as plan
from orchestrator.transport.agent import Fleet
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.parallel import each

NOT_THERE = "it is not provisioned: vpsdeploy provision host"


def look(context: Context) -> tuple[ServiceHealth, ...]:
    """Every service of vpsdeploy.yml, in its order; one whose host does not answer is told as not running."""
    services = plan.placed(context.config, context.stage)
    outcome = each({one.host for one in services}, lambda name: context.call(name, "services", {}))
    found = {host: facts.parse(host, answer) for host, answer in outcome.answers.items()}
    return tuple(_of(one, found.get(one.host), outcome.errors.get(one.host)) for one in services)


def ask(fleet: Fleet, host: str, services: tuple[Service, ...]) -> tuple[ServiceHealth, ...]:
    """Those that one host carries.

    Raises: VpsdeployError
    """
    found = facts.parse(host, fleet.call(host, "services", {}))
    return tuple(_of(one, found, None) for one in services)


def _of(
    service: Service, found: tuple[ServiceHealth, ...] | None, error: VpsdeployError | None
) -> ServiceHealth:
    if error:
        return facts.missing(service, f"{error.what}: {error.why}" if error.why else error.what)
    return next((one for one in found or () if one.kind == service.kind), facts.missing(service, NOT_THERE))
