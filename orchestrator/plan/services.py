"""Where each service of the app runs, who may connect to it, and how often. Pure: the inventory decides."""

from __future__ import annotations

import ipaddress
from typing import Any

from orchestrator.config import FILE_NAME, AppConfig
from orchestrator.config.problems import nearest
from orchestrator.config.services import ServiceConfig
from orchestrator.errors import ConfigError
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.service import KINDS, UNPROTECTED, Service

LOOPBACK = "127.0.0.1"

MOST_CONNECTIONS = 2000
"""Beyond this a database spends its time on connections (our choice): a pooler's work."""

_OTHER_PROCESSES = 4
"""Beside instances, workers and cron entries: a migration, a hook, two consoles (our choice)."""


def placed(config: AppConfig, stage: Stage) -> tuple[Service, ...]:
    """Every service of the app with its host, in the order of vpsdeploy.yml.

    Raises: ConfigError: no such host, an address that is a name, more connections than a database can serve, two
        databases of one name.
    """
    found = tuple(_service(config, stage, kind, wish) for kind, wish in config.services.items())
    _check_names(found)
    return found


def unprotected(config: AppConfig) -> list[str]:
    """What no backup holds: one sentence for each such service."""
    return [
        f"{kind} is in no backup: what it holds is lost with its host (docs/{kind}.md says what you can do)"
        for kind in config.services
        if kind in UNPROTECTED
    ]


def on_host(services: tuple[Service, ...], name: str) -> tuple[Service, ...]:
    """Those that one host carries."""
    return tuple(one for one in services if one.host == name)


def handed_over(services: tuple[Service, ...]) -> dict[str, Any]:
    """What the playbook is told; nothing secret is among it."""
    return {
        one.kind: {
            "host": one.host, "address": one.address, "clients": list(one.clients), "user": one.user,
            "database": one.database, "memory": one.memory, "connections": one.connections, "port": one.port,
            "mirror": one.mirror,
        }
        for one in services
    }  # fmt: skip


def _service(config: AppConfig, stage: Stage, kind: str, wish: ServiceConfig) -> Service:
    host = _host(stage, kind, wish)
    clients = tuple(one.private_address for one in stage.app_hosts if one.name != host.name)
    for one in (host, *stage.app_hosts) if clients else ():
        _check_address(stage, one, kind)
    name = wish.database or config.app.replace("-", "_")
    usual = KINDS[kind]
    memory = wish.memory or (usual.memory if host.is_app else usual.memory_alone)
    return Service(
        kind, host.name, host.private_address if clients else LOOPBACK, clients, name,
        name if usual.has_databases else "", memory,
        _connections(config, stage, kind, wish) if usual.has_databases else 0, _variable(config, kind),
        wish.connections if usual.has_databases else 0,
        mirror=wish.mirror or "",
    )  # fmt: skip


def _variable(config: AppConfig, kind: str) -> str:
    """PostgreSQL has DATABASE_URL; MariaDB has it where it is alone."""
    usual = KINDS[kind]
    taken = {KINDS[one].variable for one in config.services if not KINDS[one].second}
    return usual.second if usual.second and usual.variable in taken else usual.variable


def _check_names(services: tuple[Service, ...]) -> None:
    """Backups and restores say which database by its name alone."""
    named = [one for one in services if one.database and one.kind not in UNPROTECTED]
    if len({one.database for one in named}) < len(named):
        kinds = " and ".join(one.kind for one in named)
        raise ConfigError(
            f"{kinds} cannot have a database of the same name", why=f"both are called {named[0].database}",
            state="nothing was touched",
            next=f"write services.{named[-1].kind}.database into {FILE_NAME}, or the other's where that is the new one",
        )  # fmt: skip


def _host(stage: Stage, kind: str, wish: ServiceConfig) -> Host:
    if wish.host is None:
        return next((host for host in stage.hosts if host.is_data), stage.app_hosts[0])
    found = next((host for host in stage.hosts if host.name == wish.host), None)
    if found is None:
        names = [host.name for host in stage.hosts]
        raise ConfigError(
            f"services.{kind}.host is no host of {stage.name}",
            why=f'"{wish.host}" is not in {stage.path}{nearest(wish.host, names)}; it has {", ".join(names)}',
            state="nothing was touched", next=f"edit services in {FILE_NAME}, or put the host into the inventory",
        )  # fmt: skip
    return found


def _check_address(stage: Stage, host: Host, kind: str) -> None:
    """Firewalls and certificates are for addresses: what a name leads to may change."""
    try:
        ipaddress.ip_address(host.private_address)
    except ValueError:
        raise ConfigError(
            f"{kind} is reached from other hosts, and they need addresses", host=f"{host.name} ({stage.name})",
            why=f"{host.private_address} is a name; the firewall and the certificate are made for addresses",
            state="nothing was touched", next=f"set vpsdeploy_private_address of {host.name} in {stage.path}",
        ) from None  # fmt: skip


def _connections(config: AppConfig, stage: Stage, kind: str, wish: ServiceConfig) -> int:
    """While a release changes over, both pools run, and so may old and new workers."""
    hosts = len(stage.app_hosts)
    workers = sum(worker.instances for worker in config.workers.values())
    processes = 2 * hosts * (config.most_instances + workers) + len(config.cron) + _OTHER_PROCESSES
    count = processes * wish.connections
    if count > MOST_CONNECTIONS:
        raise ConfigError(
            f"the app may open {count} connections to {kind}",
            why=f"{processes} processes (two pools of {config.most_instances} instances on {hosts} hosts, workers, "
            f"cron) of {wish.connections} connections each; {MOST_CONNECTIONS} are the most",
            state="nothing was touched",
            next=f"lower services.{kind}.connections and the pool's size in the app, or instances_max",
        )  # fmt: skip
    return count
