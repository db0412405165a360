"""Turn bare hosts into what the roles say: reach them, run the site playbook, add up what came out."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.config import AppConfig
from orchestrator.errors import ConfigError, Interrupted, ProvisionFailed, UsageError, VpsdeployError
from orchestrator.facts import audit
from orchestrator.facts.audit import Audit
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.provision import Event, HostCounts, HostResult, Output, ProvisionResult, TaskEnded
from orchestrator.plan import services
from orchestrator.project import certificate
from orchestrator.report.provision_progress import Progress
from orchestrator.report.reporter import Reporter
from orchestrator.secret import Secret
from orchestrator.transport import (
    ansible,
    ansible_private,
    npm,
    ssh_accept,
    ssh_check,
    ssh_options,
    ssh_public_keys,
)
from orchestrator.transport.ansible_settings import Play
from orchestrator.workflows import alerts, backup, backup_keys, converged, provision_play, provision_services
from orchestrator.workflows.fleet import Opener, open_over_ssh
from orchestrator.workflows.provision_tally import Tally

_MOST_DIFFERENCES = 5
"""How many differences of a host are named (our choice)."""

_DOCUMENTATION = tuple(
    ipaddress.ip_network(net)
    for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
"""Addresses that no host has. Source: RFC 5737, RFC 3849."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for.

    Attributes:
        check: Rehearse: show what would change, change nothing.
        tags: Only tasks with one of these tags; empty means all.
        accept_host_key: Fingerprint of a host key to learn first; empty for none.
        accept_new: Learn the keys of hosts that no file names, unseen; for automation.
        full: Run Ansible also on hosts whose audit finds nothing to do.
    """

    check: bool = False
    tags: tuple[str, ...] = ()
    accept_host_key: str = ""
    full: bool = False
    accept_new: bool = False

    @property
    def may_skip(self) -> bool:
        """Whether an audit is an answer: a rehearsal, a part and a full run are Ansible's own."""
        return not (self.check or self.tags or self.full)


def run(
    config: AppConfig,
    stage: Stage,
    hosts: tuple[Host, ...],
    wish: Wish,
    reporter: Reporter,
    watch: Callable[[tuple[str, ...]], Progress],
    opener: Opener = open_over_ssh,
) -> ProvisionResult:
    """Provision the hosts.

    Args:
        config: The app that the hosts are made for.
        stage: All its hosts are known to the play: a load balancer needs the addresses of the app hosts.
        hosts: Those of the stage that are provisioned; the others are left alone.
        wish: How.
        reporter: Told what is done before Ansible starts.
        watch: Makes whoever is shown Ansible's progress, from the hosts' names.
        opener: How the agents are reached, for the logins of the app's services.

    Raises:
        UsageError, ConfigError (also of certificates, services), HostUnreachable, HostNotReady: nothing was changed.
        ProvisionFailed: Ansible itself could not go on. A failed host is no exception: it is in the result.
        Interrupted: Ctrl-C; Ansible has been ended.
    """
    began = time.monotonic()
    refuse_placeholders(stage, hosts)
    certificate.checked(config)
    services.placed(config, stage)
    if wish.accept_host_key:
        _accept(stage, hosts, wish.accept_host_key, reporter)
    elif wish.accept_new:
        _accept_new(stage, hosts, reporter)
    backups = backup_keys.ready(config, stage) if config.backup.is_on and not wish.check else {}
    keys = ssh_public_keys.collect(stage, hosts)
    # npm takes a third of a second to name its registry: long enough to reach the hosts meanwhile.
    with ansible_private.run_dir() as directory, ThreadPoolExecutor(1) as beside:
        registry = beside.submit(npm.registry)
        ssh_config = ssh_options.write(directory, stage)
        try:
            audits = _reach(ssh_config, stage, hosts, reporter)
            stage = _with_logins(stage, audits)
            play = provision_play.make(config, stage, hosts, keys, registry.result(), directory)
            play = replace(play, check=wish.check, tags=wish.tags)
            logins = provision_services.of_play(config, stage, play, reporter)
            todo = _todo(play, audits, reporter) if wish.may_skip else play.hosts
            result = _provision(replace(play, hosts=todo), directory, ssh_config, watch)
            if logins:
                result = provision_services.seen_to(config, stage, result, logins, play, reporter, opener)
            result = _whole(result, audits, play.hosts, time.monotonic() - began)
            if backups:
                result = _equipped(config, stage, result, backups, opener)
            return alerts.equipped(config, stage, result, opener) if _alerts(config, audits, wish) else result
        finally:
            ssh_check.close_all(ssh_config, hosts)


def refuse_placeholders(stage: Stage, hosts: tuple[Host, ...]) -> None:
    """Refuse the addresses that examples are written with.

    Raises: ConfigError: the first host that has one.
    """
    for host in hosts:
        if _is_placeholder(host.address):
            raise ConfigError(
                "a placeholder instead of an address", host=f"{host.name} ({stage.name})",
                why=f"{host.address} is reserved for documentation; no host has it",
                state="nothing was changed",
                next=f"write the server's address into {stage.path}: ansible_host",
            )  # fmt: skip


def _is_placeholder(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _DOCUMENTATION)


def _accept(stage: Stage, hosts: tuple[Host, ...], fingerprint: str, reporter: Reporter) -> None:
    if len(hosts) != 1:
        raise UsageError(
            "--accept-host-key is for one host",
            why=f"{len(hosts)} hosts would be provisioned, each has its own key",
            next=f"name it: vpsdeploy provision host HOST --accept-host-key {fingerprint} --stage {stage.name}",
        )  # fmt: skip
    if ssh_accept.accept(hosts[0], stage, fingerprint):
        reporter.note(f"{hosts[0].name}: host key {fingerprint} written to {stage.known_hosts}")


def _accept_new(stage: Stage, hosts: tuple[Host, ...], reporter: Reporter) -> None:
    for host in hosts:
        learned = ssh_accept.accept_new(host, stage)
        if learned:
            reporter.note(
                f"{host.name}: first contact, its host key {learned} is accepted unseen: compare it"
            )


def _reach(
    ssh_config: Path, stage: Stage, hosts: tuple[Host, ...], reporter: Reporter
) -> dict[Host, Audit | None]:
    began = time.monotonic()
    title = f"reach {len(hosts)} host{'s' if len(hosts) > 1 else ''}"
    reporter.started(title)
    reached = ssh_check.ask_all(ssh_config, stage, hosts, audit.question)
    errors = [answer.error for answer in reached if answer.error]
    if errors:
        raise _with_others(errors, reporter)
    reporter.finished(title, time.monotonic() - began)
    for answer in reached:
        if ssh_accept.learn_modern(ssh_config, answer.host, stage):
            reporter.note(
                f"{answer.host.name}: its Ed25519 key written to {stage.known_hosts}: sshd keeps that one"
            )
    return {answer.host: audit.parse(answer.said) for answer in reached}


def _with_logins(stage: Stage, reached: Iterable[Host]) -> Stage:
    """The stage with the logins that got through."""
    found = {host.name: host for host in reached}
    return replace(stage, hosts=tuple(found.get(host.name, host) for host in stage.hosts))


def _with_others(errors: list[VpsdeployError], reporter: Reporter) -> VpsdeployError:
    """The first error in full; one line for each host that has one, where there are several."""
    if len(errors) > 1:
        for error in errors:
            reporter.note(f"{error.host}: {error.what}")
    return errors[0]


def _todo(play: Play, audits: dict[Host, Audit | None], reporter: Reporter) -> tuple[str, ...]:
    """The hosts that Ansible has something to do on, as far as an audit can tell."""
    for host, found in audits.items():
        if found and found.differences and found.fingerprint == play.variables[converged.VARIABLE]:
            reporter.note(f"{host.name}: changed since it was provisioned: {_few(found.differences)}")
    return tuple(host.name for host, found in audits.items() if not converged.is_converged(host, found, play))


def _few(differences: tuple[str, ...]) -> str:
    more = len(differences) - _MOST_DIFFERENCES
    return ", ".join(differences[:_MOST_DIFFERENCES]) + (f" and {more} more" if more > 0 else "")


def _provision(
    play: Play, directory: Path, ssh_config: Path, watch: Callable[[tuple[str, ...]], Progress]
) -> ProvisionResult:
    tally, code = Tally(play.hosts), 0
    try:
        if play.hosts:
            with watch(play.hosts) as progress:
                code = ansible.run(play, directory, ssh_config, lambda event: _tell(tally, progress, event))
    except KeyboardInterrupt:
        raise _interrupted(play) from None
    failures = tally.failures()
    if code and not failures:
        raise _stopped(code, tally.complaints)
    return ProvisionResult(play.stage.name, tally.results(), play.check, 0, failures)


def _whole(
    result: ProvisionResult, audits: dict[Host, Audit | None], hosts: tuple[str, ...], seconds: float
) -> ProvisionResult:
    """With the hosts that Ansible was not needed on."""
    ran = {host.name: host for host in result.hosts}
    withheld = {host.name: found.withheld for host, found in audits.items() if found}
    audited = {
        name: HostResult(name, HostCounts(), 0, seconds, audited=True, withheld=withheld.get(name, ()))
        for name in hosts
    }
    whole = tuple((audited | ran)[name] for name in hosts)
    return replace(result, hosts=whole, seconds=seconds)


def _tell(tally: Tally, progress: Progress, event: Event) -> None:
    place = tally.add(event)
    if place:
        progress.host(place, event if isinstance(event, TaskEnded) else None)
    elif isinstance(event, Output):
        progress.output(event)


def _alerts(config: AppConfig, audits: dict[Host, Audit | None], wish: Wish) -> bool:
    """Whether hosts have to be told whom to tell: somebody is to be told now, or was until now."""
    is_told = any(found and config.app in found.alerted for found in audits.values())
    return not wish.check and (bool(alerts.receivers(config)) or is_told)


def _equipped(
    config: AppConfig, stage: Stage, result: ProvisionResult, keys: dict[str, Secret], opener: Opener
) -> ProvisionResult:
    """Hand the keys of the backups to hosts that are as they should be; where that fails it is a notice."""
    failed = {failure.host for failure in result.failures}
    names = tuple(host.name for host in result.hosts if host.name not in failed)
    lacking = backup.equip(config, stage, names, keys, opener) if names else {}
    hosts = tuple(
        replace(host, notices=(*host.notices, f"it has no keys for its backups: {lacking[host.name]}"))
        if host.name in lacking else host
        for host in result.hosts
    )  # fmt: skip
    return replace(result, hosts=hosts)


def _interrupted(play: Play) -> Interrupted:
    return Interrupted(
        "interrupted",
        state="nothing was changed: this was a rehearsal" if play.check
        else "Ansible was ended; what it had done stays, a package installation may still finish on the host; "
        "what could lock you out and was not proven yet is taken back by the host itself",
        next=f"running it again is safe: vpsdeploy provision host {' '.join(play.hosts)} --stage {play.stage.name}",
    )  # fmt: skip


def _stopped(code: int, complaints: list[str]) -> ProvisionFailed:
    return ProvisionFailed(
        "Ansible stopped", why="\n".join(complaints[-10:]) or f"exit code {code}, and no reason given",
        state="no task failed; what was done before stays",
        next="run it again with --verbose to see all that Ansible says",
    )  # fmt: skip
