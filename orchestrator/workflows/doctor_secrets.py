"""The env variables of a stage: the file of secrets, its key, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.config import FILE_NAME, AppConfig, secrets_file
from orchestrator.config import secrets as stage_secrets
from orchestrator.errors import ConfigError
from orchestrator.model.diagnosis import Diagnosis, error, from_error, ok, warning
from orchestrator.model.fleet import Stage
from orchestrator.plan import environment
from orchestrator.project import env_example

AREA = "secrets"


def look(config: AppConfig, stage: Stage) -> Iterator[Diagnosis]:
    """What a release would say, all of it at once."""
    try:
        file = secrets_file.read(stage.secrets)
        names = tuple(file.kept)
        stage_secrets.Opening(file, stage_secrets.keys_of(file, stage.name)).values()
        if names:
            yield ok(AREA, f"{file.shown}: {', '.join(names)}")
    except ConfigError as caught:
        yield from_error(AREA, caught)
        return
    for name, at in environment.twofold(config, names):
        yield error(
            AREA,
            f"{name} is a secret of {stage.name}, and {FILE_NAME} has it in {at}",
            f"remove it from {at}",
        )
    for name in environment.missing(config, names):
        yield error(AREA, f"{name} is required (env_required) and set nowhere", f"vpsdeploy env set {name}")
    example, expected = env_example.names(config.source_dir)
    for name in environment.unset(config, names, expected):
        yield warning(
            AREA,
            f"{example} names {name}, and nothing sets it",
            f"vpsdeploy env set {name}, or env in {FILE_NAME}",
        )
