"""The env variables of a release: what vpsdeploy.yml says and the stage's secrets, each name in one place. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from orchestrator.config import FILE_NAME, AppConfig
from orchestrator.config.problems import nearest
from orchestrator.errors import ConfigError
from orchestrator.secret import Secret


def check(config: AppConfig, secrets: Collection[str], stage: str) -> None:
    """Names stand in one place only, and none that is required is missing.

    Raises: ConfigError: nothing was touched.
    """
    if twice := twofold(config, secrets):
        name, at = twice[0]
        raise ConfigError(
            f"{name} is set twice", why=f"it is a secret of {stage}, and {FILE_NAME} has it in {at}",
            state="nothing was touched",
            next=f"remove it from {at}, or vpsdeploy env unset {name} --stage {stage}",
        )  # fmt: skip
    if lacking := missing(config, secrets):
        known = {*config.env, *secrets}
        hints = "".join(nearest(name, known) for name in lacking[:1])
        raise ConfigError(
            f"{stage} lacks {', '.join(lacking)}", why=f"env_required in {FILE_NAME} asks for it{hints}",
            state="nothing was touched", next=f"vpsdeploy env set {' '.join(lacking)} --stage {stage}",
        )  # fmt: skip


def twofold(config: AppConfig, secrets: Collection[str]) -> list[tuple[str, str]]:
    """Names of secrets that vpsdeploy.yml sets too, and where."""
    return [(name, at) for at, names in _plain(config) for name in names if name in secrets]


def missing(config: AppConfig, secrets: Collection[str]) -> tuple[str, ...]:
    """Names that are required and set nowhere."""
    return tuple(name for name in config.env_required if name not in config.env and name not in secrets)


def unset(config: AppConfig, secrets: Collection[str], expected: Collection[str]) -> tuple[str, ...]:
    """Of the names that .env.example has: those that are set nowhere."""
    known = {"PORT", "NODE_ENV", *secrets, *(name for _, names in _plain(config) for name in names)}
    return tuple(name for name in expected if name not in known and name not in config.env_required)


def of(config: AppConfig, secrets: Mapping[str, Secret]) -> dict[str, Any]:
    """The part of a release's settings that is its environment."""
    return {"env": {**config.env, **secrets}, **({"secrets": sorted(secrets)} if secrets else {})}


def _plain(config: AppConfig) -> Iterator[tuple[str, Collection[str]]]:
    yield "env", config.env.keys()
    yield from ((f"workers.{name}.env", job.env.keys()) for name, job in config.workers.items())
    yield from ((f"cron.{name}.env", job.env.keys()) for name, job in config.cron.items())
