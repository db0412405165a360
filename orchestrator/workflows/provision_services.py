"""The logins of the app's services: made here, kept as secrets of the stage, handed to the hosts past Ansible.

What Ansible is told may be read in its files and logs; a password goes to the agent's standard input, and nowhere else.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from orchestrator.config import FILE_NAME, AppConfig
from orchestrator.config import secrets as stage_secrets
from orchestrator.errors import VpsdeployError
from orchestrator.model.fleet import Stage
from orchestrator.model.provision import ProvisionResult, ServiceReady
from orchestrator.model.service import KINDS, TRUST_FILE, TRUST_VARIABLE, Service
from orchestrator.plan import service_url
from orchestrator.plan import services as plan
from orchestrator.report.reporter import Reporter
from orchestrator.secret import Secret
from orchestrator.transport import local
from orchestrator.transport.agent import Fleet
from orchestrator.transport.ansible_settings import Play
from orchestrator.workflows import env
from orchestrator.workflows.fleet import Opener, with_stage
from orchestrator.workflows.parallel import each


@dataclass(frozen=True, slots=True)
class Logins:
    """What the hosts are to be given.

    Attributes:
        services: All of the app.
        passwords: By service; those that are missing have a URL that somebody set by hand.
        new: Secrets that are to be kept, by variable: new ones, and URLs of services that moved.
    """

    services: tuple[Service, ...]
    passwords: Mapping[str, Secret]
    new: Mapping[str, Secret] = field(default_factory=dict)


def of_play(config: AppConfig, stage: Stage, play: Play, reporter: Reporter) -> Logins | None:
    """Of the app's services; None where there are none, and where only a part is done or shown."""
    if not config.services or play.check or play.tags:
        return None
    for text in plan.unprotected(config):
        reporter.note(text)
    return prepare(config, stage, play.hosts, reporter)


def seen_to(
    config: AppConfig, stage: Stage, result: ProvisionResult, logins: Logins, play: Play,
    reporter: Reporter, opener: Opener,
) -> ProvisionResult:  # fmt: skip
    """The app's users and databases, on the hosts that did not fail."""
    failed = {failure.host for failure in result.failures}
    hosts = tuple(name for name in play.hosts if name not in failed)
    began, title = time.monotonic(), f"see to the app's login on {', '.join(config.services)}"
    reporter.started(title)
    ready = hand_over(config, stage, logins, hosts, reporter, opener)
    reporter.finished(title, time.monotonic() - began, explained(config, ready))
    return replace(result, services=ready)


def moved(config: AppConfig, stage: Stage, new_stage: Stage, host: str, reporter: Reporter) -> None:
    """Have URLs of a host's services name its new address, before the inventory does: by that they are known as ours.

    Raises: ConfigError: the key of the stage's secrets is not here; nothing was touched.
    """
    former = {one.private_address for one in stage.hosts}
    _keep(config, new_stage, prepare(config, new_stage, (host,), reporter, former).new, reporter)


def prepare(
    config: AppConfig, stage: Stage, hosts: Collection[str], reporter: Reporter, former: Collection[str] = ()
) -> Logins:  # fmt: skip
    """A password for each service that these hosts carry: the kept one, or a new one. Nothing is written yet.

    A URL that somebody set by hand is never changed; its service gets no user then.

    Args:
        config: The app.
        stage: Its hosts.
        hosts: Names of those that are meant.
        reporter: Told of what stays as it is.
        former: Addresses that hosts of the stage had before.
    Raises: ConfigError: the key of the stage's secrets is not here; nothing was touched.
    """
    services = plan.placed(config, stage)
    ours = [one for one in services if one.host in hosts]
    if not ours:
        return Logins(services, {})
    kept = stage_secrets.opened(stage).values()
    addresses = {*former, *(host.private_address for host in stage.hosts)}
    passwords, made = dict[str, Secret](), dict[str, Secret]()
    for one in ours:
        password = _password(config, one, services, kept, addresses)
        if password is None:
            reporter.note(
                f"{one.variable} is your own: it stays, and {one.kind} on {one.host} gets no user of the app"
            )
            continue
        passwords[one.kind] = password
        url = service_url.make(one, config.app, password)
        if kept.get(one.variable) != url:
            made[one.variable] = url
        made |= _differing(config, one, kept, addresses, service_url.beside(one, url, password))
    if any(service_url.trusts_by_variable(one) for one in ours):
        made |= _trust_variable(config, kept, reporter)
    return Logins(services, passwords, made)


def hand_over(
    config: AppConfig,
    stage: Stage,
    logins: Logins,
    hosts: Collection[str],
    reporter: Reporter,
    opener: Opener,
) -> tuple[ServiceReady, ...]:
    """Keep new URLs; have each host make the app's user, password and database, and app hosts trust servers elsewhere.

    Args:
        config: The app.
        stage: Its hosts.
        logins: As prepared.
        hosts: Those that are provisioned now.
        reporter: Told what is new.
        opener: How they are reached.
    Raises: VpsdeployError: the hosts themselves are provisioned; running it again is safe.
    """
    ours = [one for one in logins.services if one.host in hosts and one.kind in logins.passwords]
    trusting = _trusting(stage, logins, hosts)
    if not ours and not trusting:
        return ()
    # Kept before a server has it: what only the server knew would be lost with a lost connection.
    left = {name for one in logins.services if one not in ours for name in service_url.variables(one)}
    _keep(config, stage, {name: url for name, url in logins.new.items() if name not in left}, reporter)
    with closing(opener(stage, config, local.this_process())) as fleet:
        try:
            ready = tuple(_made(fleet, one, logins.passwords[one.kind]) for one in ours)
            _trust(fleet, logins, trusting)
        except VpsdeployError as error:
            error.state = error.state or "the hosts are provisioned, the app's logins are not complete"
            error.next = with_stage(
                error.next or "vpsdeploy provision host: it is safe to run again", stage.name
            )
            raise
    return ready


def _password(
    config: AppConfig, service: Service, services: Collection[Service], kept: Mapping[str, Secret],
    addresses: Collection[str],
) -> Secret | None:  # fmt: skip
    """None where the URL is somebody's own. One that we made under the service's other name is ours as well."""
    if service.variable in config.env:
        return None
    usual = KINDS[service.kind]
    names = dict.fromkeys((service.variable, usual.variable, usual.second))
    found = (service_url.password_in(kept[name], service, addresses) for name in names if name in kept)
    if ours := next((one for one in found if one), None):
        return ours
    url = kept.get(service.variable)
    # One that gives way to this service has another variable from now on.
    if url and not any(
        service_url.password_in(url, one, addresses) for one in services if one.kind != service.kind
    ):
        return None
    return _new_password()


def _new_password() -> Secret:
    """256 random bits, a letter first: NATS' driver for Node takes digits behind the first colon of a URL for the port.

    Source: @nats-io/nats-core 3, hostPort(): nats://shop:70…@127.0.0.1:4222 connects to port 70.
    """
    while not (made := secrets.token_urlsafe(service_url.PASSWORD_BYTES))[0].isalpha():
        pass
    return Secret(made)


def _differing(
    config: AppConfig, service: Service, kept: Mapping[str, Secret], addresses: Collection[str],
    wanted: Mapping[str, Secret],
) -> dict[str, Secret]:  # fmt: skip
    """Variables whose value is to be another one; what somebody has set by hand stays."""
    ours = {
        name: value
        for name, value in wanted.items()
        if name not in config.env
        and (name not in kept or service_url.is_made(kept[name], service, addresses))
    }
    return {name: value for name, value in ours.items() if kept.get(name) != value}


def _trust_variable(config: AppConfig, kept: Mapping[str, Secret], reporter: Reporter) -> dict[str, Secret]:
    """Node is told whom to trust by a variable, where a URL cannot say it."""
    path = TRUST_FILE.format(app=config.app)
    if TRUST_VARIABLE in config.env or kept.get(TRUST_VARIABLE, Secret(path)) != Secret(path):
        reporter.note(
            f"{TRUST_VARIABLE} is your own: put what {path} has on the app hosts into your file, too"
        )
        return {}
    return {} if TRUST_VARIABLE in kept else {TRUST_VARIABLE: Secret(path)}


def _keep(config: AppConfig, stage: Stage, made: Mapping[str, Secret], reporter: Reporter) -> None:
    if not made:
        return
    edited = env.put(config, stage, made)
    reporter.note(
        f"{', '.join(made)}: kept in {edited.file} (encrypted); commit it, and releases hand it to the app"
    )
    if edited.key_file:
        reporter.note(f"its key is new: {edited.key_file}; keep a copy where your team keeps passwords")


def _made(fleet: Fleet, service: Service, password: Secret) -> ServiceReady:
    answer = fleet.call(service.host, "service", {"service": service.kind, "password": password})
    changed = tuple(str(text) for text in answer["changed"])
    return ServiceReady(service.kind, service.host, service.variable, changed)


def _trusting(stage: Stage, logins: Logins, hosts: Collection[str]) -> list[str]:
    """App hosts that reach a service elsewhere: also the one beside it, as all instances have the same URL."""
    if not any(one.is_remote for one in logins.services):
        return []
    return [host.name for host in stage.app_hosts if host.name in hosts]


def _trust(fleet: Fleet, logins: Logins, names: list[str]) -> None:
    """Certificates go from servers to app hosts over our own connections: nobody in between can put in another."""
    if not names:
        return
    servers = sorted({one.host for one in logins.services if one.is_remote})
    answers = each(servers, lambda name: fleet.call(name, "services", {})).or_raise()
    found = [
        str(one["certificate"]) for name in servers for one in answers[name]["services"] if one["certificate"]
    ]
    text = "".join(found)
    each(names, lambda name: fleet.call(name, "trust", {"certificates": text})).or_raise()


def explained(config: AppConfig, ready: Collection[ServiceReady]) -> str:
    """What was done, for the line of the step."""
    changed = [f"{one.host}: {one.service}: {', '.join(one.changed)}" for one in ready if one.changed]
    return "; ".join(changed) or f"as {FILE_NAME} of {config.app} says"
