"""The hosts of a stage: reached as Ansible reaches them, then asked through the agent as releases ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.config import AppConfig
from orchestrator.errors import VpsdeployError
from orchestrator.facts import host as host_facts
from orchestrator.facts import migrations, tls, updates
from orchestrator.facts import services as services_facts
from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import HostFacts
from orchestrator.model.diagnosis import Diagnosis, error, from_error, ok, warning
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.patch import HostUpdates
from orchestrator.model.service import ServiceHealth
from orchestrator.model.tls import TlsBalancer
from orchestrator.plan import services as service_plan
from orchestrator.transport import agent_pyz, ansible_private, local, ssh_check, ssh_options
from orchestrator.transport.agent import Fleet
from orchestrator.transport.agent_ssh import SshFleet
from orchestrator.workflows import services
from orchestrator.workflows.parallel import each
from orchestrator.workflows.provision import refuse_placeholders

LOW_DISK_BYTES = 1 << 30
"""Free space from which on a release and its logs have room for a while (our choice)."""

_MOST_SHOWN = 5
_LOOK_AGAIN = "docs/security.md, Changed files; systemctl start vpsdeploy-integrity on the host looks again"


def look(config: AppConfig, stage: Stage) -> list[Diagnosis]:
    """Look at all hosts at once; the findings in the order of the inventory."""
    fleet = SshFleet(stage, config.app, local.this_process().by)
    hosts = {host.name: host for host in stage.hosts}
    with ansible_private.run_dir() as directory, closing(fleet):
        ssh_config = ssh_options.write(directory, stage)
        try:
            outcome = each(hosts, lambda name: list(_host(config, stage, hosts[name], ssh_config, fleet)))
        finally:
            ssh_check.close_all(ssh_config, stage.hosts)
    failed = {name: [from_error(name, caught)] for name, caught in outcome.errors.items()}
    return [diagnosis for name in hosts for diagnosis in (outcome.answers | failed)[name]]


def _host(config: AppConfig, stage: Stage, host: Host, ssh_config: Path, fleet: Fleet) -> Iterator[Diagnosis]:
    refuse_placeholders(stage, (host,))
    reached = ssh_check.ask(ssh_config, stage, host, lambda _: "")
    if reached.error:
        yield from_error(host.name, reached.error)
        return
    yield ok(
        host.name,
        f"{reached.host.user}@{host.address}: SSH, host key and administrator's rights are in order",
    )
    try:
        facts = host_facts.parse(host.name, config.app, fleet.call(host.name, "facts", {}))
    except VpsdeployError as caught:
        caught.next = caught.next or _provision(stage, host.name)
        yield from_error(host.name, caught)
        return
    yield from judge(stage, facts, agent_pyz.version(), is_app=host.is_app)
    carried = service_plan.on_host(service_plan.placed(config, stage), host.name)
    if carried and facts.version == agent_pyz.version():
        yield from judge_services(stage, services.ask(fleet, host.name, carried))
        yield from judge_updates(updates.parse(host.name, fleet.call(host.name, "updates", {})))


def judge(stage: Stage, facts: HostFacts, version: str, *, is_app: bool) -> Iterator[Diagnosis]:
    """What a host's facts mean: agent, app, Node, disk, maintenance, migrations. Pure."""
    advice = _provision(stage, facts.name)
    if facts.version == version:
        yield ok(facts.name, f"agent {version}")
    else:
        yield error(facts.name, f"the agent is {facts.version}, this vpsdeploy has {version}", advice)
    if facts.provisioned:
        yield ok(facts.name, "provisioned for the app")
    else:
        yield error(facts.name, "not provisioned for the app", advice)
    if is_app:
        yield _node(facts, advice)
    for name, mark in facts.out.items():
        yield warning(
            facts.name, f"sends nothing to {name}: taken out by {mark.get('by')} at {mark.get('since')}",
            f"vpsdeploy host join {name} --stage {stage.name}",
        )  # fmt: skip
    yield _disk(facts)
    if facts.maintenance:
        since = f"since {facts.maintenance.since}, by {facts.maintenance.by}"
        yield warning(facts.name, f"maintenance is on {since}: users get 503", "vpsdeploy maintenance off")
    for text in migrations.crossed(FleetFacts(stage, (facts,)), facts.current):
        yield warning(facts.name, text, "correct the newer release and release it: forward is the way out")
    yield from _jobs(stage, facts)
    yield from _certificate(facts)
    yield from _integrity(facts)


def judge_services(stage: Stage, found: Sequence[ServiceHealth]) -> Iterator[Diagnosis]:
    """What the state of a host's databases and brokers means. Pure."""
    for one in found:
        yield from _service(stage, one)


def judge_updates(seen: HostUpdates) -> Iterator[Diagnosis]:
    """What waits for somebody who says when a database or broker may restart: the nights leave it alone. Pure."""
    advice = f"vpsdeploy host patch {seen.name} --allow-outage, when users can do without it for some seconds"
    waiting = [one for one in seen.pending if one.security and one.restarts]
    if waiting:
        kinds = ", ".join(sorted({one.restarts for one in waiting}))
        shown = ", ".join(f"{one.package} {one.new}" for one in waiting[:_MOST_SHOWN])
        yield warning(
            seen.name,
            f"security updates of {kinds} wait, because they restart what they mend: {shown}",
            advice,
        )
    if seen.behind:
        yield warning(
            seen.name, f"files that updates have replaced still run in {', '.join(seen.behind)}", advice
        )


def _service(stage: Stage, one: ServiceHealth) -> Iterator[Diagnosis]:
    troubles = services_facts.troubles([one])
    for text in troubles:
        yield error(one.host, text, _provision(stage, one.host))
    for text in services_facts.unprotected([one]):
        yield warning(one.host, text, f"docs/{one.kind}.md says how its data can be kept elsewhere")
    if one.waits:
        text = f"{one.kind}: {', '.join(one.waits)} will be as configured after its next start"
        yield warning(
            one.host, text, "restart it when users can do without it for a second (docs/services.md)"
        )
    if not troubles:
        most = f" of {one.connections_max}" if one.connections_max else ""
        yield ok(one.host, f"{one.kind} {one.version}, {one.connections}{most} connections of the app")


def _certificate(facts: HostFacts) -> Iterator[Diagnosis]:
    """Of load balancers with HTTPS."""
    if facts.tls is None:
        return
    balancer = (TlsBalancer(facts.name, facts.tls),)
    ending, missing = tls.ending(balancer, datetime.now(UTC)), tls.missing(balancer)
    advice = "vpsdeploy tls renew (docs/runbooks/certificate-trouble.md)"
    yield from (error(facts.name, text, advice) for text in ending)
    yield from (warning(facts.name, text, advice) for text in missing)
    if facts.tls.certificate and not ending:
        until = f"{facts.tls.certificate.not_after:%Y-%m-%d}"
        yield ok(facts.name, f"certificate for {', '.join(facts.tls.certificate.names)} until {until}")


def _integrity(facts: HostFacts) -> Iterator[Diagnosis]:
    """What the host itself found in its files, last night."""
    found = facts.integrity
    if found is None:
        return
    if not found.time:
        yield ok(facts.name, "its files are looked at every night; not yet")
    elif not found.count:
        yield ok(facts.name, f"its files are whole (looked at {found.time})")
    else:
        shown = "\n".join(found.findings[:_MOST_SHOWN])
        more = f"\nand {found.count - _MOST_SHOWN} more" if found.count > _MOST_SHOWN else ""
        yield warning(facts.name, f"its files were not whole at {found.time}:\n{shown}{more}", _LOOK_AGAIN)


def _jobs(stage: Stage, facts: HostFacts) -> Iterator[Diagnosis]:
    """Workers and cron entries, where there are any."""
    advice = (
        f"vpsdeploy logs --stage {stage.name} --host {facts.name}, then vpsdeploy release or cron run NAME"
    )
    yield from (error(facts.name, text, advice) for text in facts.jobs.troubles)
    if not facts.jobs.troubles and (facts.jobs.processes or facts.jobs.entries):
        counts = f"{len(facts.jobs.processes)} worker processes, {len(facts.jobs.entries)} cron entries"
        yield ok(facts.name, f"{counts}, none of them late or failed")


def _node(facts: HostFacts, advice: str) -> Diagnosis:
    if facts.node_versions:
        return ok(facts.name, f"Node {', '.join(facts.node_versions)}")
    return error(facts.name, "no Node.js", advice)


def _disk(facts: HostFacts) -> Diagnosis:
    text = f"{facts.disk_free_bytes / (1 << 30):.1f} GiB free for releases"
    if facts.disk_free_bytes >= LOW_DISK_BYTES:
        return ok(facts.name, text)
    return warning(
        facts.name, text, "lower release.keep in vpsdeploy.yml, remove files, or use a larger disk"
    )


def _provision(stage: Stage, name: str) -> str:
    return f"vpsdeploy provision host {name} --stage {stage.name}"
