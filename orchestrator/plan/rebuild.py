"""What of a lost host only its backups have. Pure: vpsdeploy.yml and the inventory decide."""

from __future__ import annotations

from orchestrator.config import AppConfig
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.service import UNPROTECTED
from orchestrator.plan import services


def only_in_backups(config: AppConfig, stage: Stage, host: Host) -> tuple[str, ...]:
    """What is gone with the host unless one of its backups is there, in words.

    Empty for a host that only routes, and for one of several app hosts without shared directories: the others have the
    release, its certificate can be asked for again.
    Raises: ConfigError: as for services.placed.
    """
    carried = services.on_host(services.placed(config, stage), host.name)
    found = [one.kind for one in carried if one.kind not in UNPROTECTED]
    if host.is_app and config.shared:
        found.append("the shared directories")
    if host.is_app and len(stage.app_hosts) == 1:
        found.append("the releases")
    return tuple(found)
