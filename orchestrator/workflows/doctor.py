"""Look at everything that a release needs, and say what to type where something is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from orchestrator.config import FILE_NAME, AppConfig, load
from orchestrator.config.inventory import load_stage
from orchestrator.errors import VpsdeployError
from orchestrator.model.diagnosis import Diagnosis, Level, from_error, ok, warning
from orchestrator.model.fleet import Stage
from orchestrator.project import checks
from orchestrator.project.detect import detect
from orchestrator.project.node import controller_node
from orchestrator.workflows import doctor_controller, doctor_hosts, doctor_secrets, notify
from orchestrator.workflows.build import settings_of

LookAtHosts = Callable[[AppConfig, Stage], Sequence[Diagnosis]]
Loaded = TypeVar("Loaded")


def run(
    project_dir: Path, stage_name: str | None, hosts: LookAtHosts = doctor_hosts.look
) -> tuple[Diagnosis, ...]:
    """Check the controller, the config, the project, the stage and each of its hosts.

    Args:
        project_dir: The directory with vpsdeploy.yml.
        stage_name: As for the other commands; None takes the only one.
        hosts: How hosts are looked at; tests pass another one.
    """
    found = list(doctor_controller.look())
    config = _tried("config", lambda: load(project_dir), found)
    if config:
        found += [
            ok("config", f"{FILE_NAME}: app {config.app}"),
            *(warning("config", w) for w in config.warnings),
        ]
        found += [warning("config", text, advice) for text, advice in notify.missing(config)]
        found += _project(config)
    stage = _tried("stage", lambda: load_stage(project_dir, stage_name), found)
    if config and stage:
        found += doctor_secrets.look(config, stage)
    if stage:
        found.append(ok("stage", f"{stage.name}: {', '.join(host.name for host in stage.hosts)}"))
    if config and stage:
        found += hosts(config, stage)
    return tuple(found)


def _tried(area: str, act: Callable[[], Loaded], found: list[Diagnosis]) -> Loaded | None:
    try:
        return act()
    except VpsdeployError as caught:
        found.append(from_error(area, caught))
        return None


def _project(config: AppConfig) -> list[Diagnosis]:
    """What was detected; a missing Node is the controller's finding and not said twice."""
    found: list[Diagnosis] = []
    project = _tried("project", lambda: detect(config.source_dir, settings_of(config)), found)
    if project is None:
        return found
    found += [ok("project", f"{f.key}: {f.value} ({f.source})") for f in project.findings]
    node = _tried("project", controller_node, [])
    if node:
        _tried("project", lambda: checks.check_project(project, node), found)
        surprises = checks.warnings(
            project, node, health_is_set=config.health_is_set, migrate_is_set=config.migrate_is_set
        )
        found += [warning("project", text) for text in surprises]
    return found


def has_errors(found: Sequence[Diagnosis]) -> bool:
    """Whether something does not work."""
    return any(diagnosis.level is Level.ERROR for diagnosis in found)
