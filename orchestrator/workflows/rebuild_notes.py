"""What is true of a rebuilt host and only its owner can do something about."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.config import AppConfig
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.service import UNPROTECTED
from orchestrator.plan import services
from orchestrator.transport import names


def about(config: AppConfig, stage: Stage, host: Host) -> list[str]:
    """What only its owner can see to: data that are gone, names that lead elsewhere."""
    return [*gone(config, stage, host), *dns(config, host)]


def dns(config: AppConfig, host: Host) -> list[str]:
    """Names that lead elsewhere: nobody but their owner can change that."""
    if not host.is_loadbalancer:
        return []
    wanted = set(names.addresses(host.address))
    astray = {domain: names.addresses(domain) for domain in config.domains}
    return [
        f"DNS: {domain} leads to {', '.join(found) or 'nowhere'}; let it lead to {host.address}"
        for domain, found in astray.items() if not wanted & set(found)
    ]  # fmt: skip


def gone(config: AppConfig, stage: Stage, host: Host) -> list[str]:
    """What the host kept that no backup holds; it is empty now."""
    carried = services.on_host(services.placed(config, stage), host.name)
    return [
        f"{one.kind} is empty: what it held was in no backup, and is lost with the host (docs/{one.kind}.md)"
        for one in carried if one.kind in UNPROTECTED
    ]  # fmt: skip


def provisioned(notices: Iterable[tuple[str, ...]], *, is_restored: bool) -> list[str]:
    """What provisioning has noticed; of certificates there is more to say once the lost host's is back."""
    return [
        text for of_host in notices for text in of_host if not (is_restored and "certificate" in text)
    ]  # fmt: skip


def without_backup(host: Host, why: str) -> str:
    """What is not back, where a host came back without a backup."""
    seen = "; ".join(one.partition(": {")[0][:100] for one in why.splitlines())
    return f"{host.name} came back without a backup ({seen}): nothing but its own history and certificate was in any"
