"""What Ansible is given to provision hosts: the site playbook, and what the project says."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from pathlib import Path

from orchestrator import shipped
from orchestrator.config import AppConfig
from orchestrator.errors import ConfigError
from orchestrator.model.fleet import Host, Stage
from orchestrator.plan import backup, reboots, services
from orchestrator.project import certificate
from orchestrator.project.node_request import detect_node
from orchestrator.project.package_json import read_package
from orchestrator.transport import agent_pyz, names, ssh_hostkeys
from orchestrator.transport.ansible_settings import Play
from orchestrator.workflows import converged

PLAYBOOK = "site"
"""The playbook of `provision host`."""

_IPV6_CLIENT = 64
"""What one IPv6 client has at least. Source: RFC 6177."""


def make(
    config: AppConfig,
    stage: Stage,
    hosts: tuple[Host, ...],
    keys: tuple[str, ...],
    registry: str,
    directory: Path,
) -> Play:
    """The play, with its fingerprint among its variables.

    Args:
        config: The app.
        stage: All its hosts.
        hosts: Those to run on.
        keys: Public keys that may log in.
        registry: What the controller's npm uses; may be empty.
        directory: Where the packed agent is written.
    """
    agent = agent_pyz.build(directory / "agent.pyz")
    play = Play(
        playbook=shipped.playbook(PLAYBOOK),
        roles=shipped.roles(),
        stage=stage,
        hosts=tuple(host.name for host in hosts),
        variables=variables(config, stage, keys, registry, agent.path),
        cwd=config.project_dir,
    )
    mark = converged.fingerprint(play, agent.digest)
    return replace(play, variables={**play.variables, converged.VARIABLE: mark})


def variables(
    config: AppConfig, stage: Stage, keys: tuple[str, ...], registry: str, agent: Path
) -> dict[str, object]:
    """What the playbook is told (docs/internals.md, Ansible); nothing secret is among it."""
    return {
        "vpsdeploy_stage": stage.name,
        "vpsdeploy_app": config.app,
        "vpsdeploy_port": config.port,
        "vpsdeploy_instances": config.instances,
        "vpsdeploy_instances_max": config.most_instances,
        "vpsdeploy_domains": list(config.domains),
        "vpsdeploy_tls": tls(config),
        "vpsdeploy_node": node_request(config),
        "vpsdeploy_shared": list(config.shared),
        "vpsdeploy_limits": config.limits.model_dump(),
        "vpsdeploy_deploy_keys": list(keys),
        "vpsdeploy_agent_pyz": str(agent),
        "vpsdeploy_health_path": config.health.path,
        "vpsdeploy_npm_registry": registry,
        "vpsdeploy_http": config.http.model_dump(),
        "vpsdeploy_rate_limits": _plain(config.rate_limits.model_dump()),
        "vpsdeploy_addresses": addresses(stage),
        "vpsdeploy_trusted_addresses": [clients(address) for address in config.trusted_addresses],
        "vpsdeploy_trusted_proxies": list(config.trusted_proxies),
        "vpsdeploy_host_keys": _host_keys(stage),
        "vpsdeploy_reboots": reboots.times(stage.hosts),
        "vpsdeploy_backup": backup.settings(config),
        "vpsdeploy_services": services.handed_over(services.placed(config, stage)),
    }


def addresses(stage: Stage) -> dict[str, list[str]]:
    """Each host's addresses by its name, first where the others reach it. What hosts start with holds no names.

    Raises: ConfigError: a host that others must reach is known by a name that leads nowhere.
    """
    found = {
        host.name: list(dict.fromkeys(names.addresses(host.private_address) + names.addresses(host.address)))
        for host in stage.hosts
    }
    lost = next((host for host in stage.hosts if not found[host.name]), None)
    if lost and len(stage.hosts) > 1:
        raise ConfigError(
            f"{lost.name} has no address that the other hosts could use",
            why=f"{lost.private_address or lost.address} is no address, and no name that this machine can look up",
            state="nothing was changed",
            next=f"set ansible_host or vpsdeploy_private_address of {lost.name} to its address",
        )  # fmt: skip
    return found


def clients(address: str) -> str:
    """A trusted address as hosts count clients: an IPv6 address stands for its /64."""
    network = ipaddress.ip_network(address)
    if network.version == 6 and network.prefixlen > _IPV6_CLIENT:
        return str(network.supernet(new_prefix=_IPV6_CLIENT))
    return address


def _host_keys(stage: Stage) -> dict[str, list[str]]:
    """What load balancers know each other by; where there is only one, nobody asks."""
    if len(stage.loadbalancers) < 2:
        return {}
    found = {host.name: ssh_hostkeys.public_lines(stage, host) for host in stage.loadbalancers}
    return {name: keys for name, keys in found.items() if keys}


def _plain(value: object) -> object:
    """Lists in place of tuples: what Ansible is given is JSON."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple | list) else value


def tls(config: AppConfig) -> dict[str, object]:
    """What the load balancers are told about certificates; of an own one where it is, and a digest that says which.

    Raises: ConfigError: the own certificate cannot be used.
    """
    own = certificate.checked(config)
    files = {"certificate": str(own.certificate), "key": str(own.key), "digest": own.digest} if own else {}
    return {
        "mode": config.tls_mode, "email": config.tls.email or "", "directory_url": config.tls.directory_url,
        "hsts_seconds": config.tls.hsts_seconds, "hsts_subdomains": config.tls.hsts_subdomains,
        "certificate": "", "key": "", "digest": "", **files,
    }  # fmt: skip


def node_request(config: AppConfig) -> str:
    """The Node that a release of this project will ask for; a host can be provisioned without the project, too."""
    if config.node_is_set or not (config.source_dir / "package.json").is_file():
        return config.node
    return detect_node(config.source_dir, read_package(config.source_dir), "").value
