"""Load vpsdeploy.yml once, before any connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.config import document
from orchestrator.config.app import AppConfig
from orchestrator.config.document import Document
from orchestrator.config.explain import explain
from orchestrator.config.fields import holds_secret, looks_secret
from orchestrator.config.problems import KeyPath, Problem, dotted, refused
from orchestrator.errors import ConfigError

FILE_NAME = "vpsdeploy.yml"
"""The app's configuration, in the project's directory."""


def load(project_dir: Path) -> AppConfig:
    """Read and check the app's configuration.

    Args:
        project_dir: The directory with vpsdeploy.yml.
    Raises: ConfigError: no such file, not YAML, or wrong keys and values, all of them at once.
    """
    file = project_dir.absolute() / FILE_NAME
    if not file.is_file():
        raise ConfigError(
            f"no {FILE_NAME} in {project_dir.absolute()}",
            state="nothing was touched",
            next="vpsdeploy init, or name the project's directory with --project",
        )
    written = document.read(file)
    config, problems = check(written)
    if config is None or problems:
        raise refused(file, problems, next=f"edit {file}; docs/config.md explains each key")
    # Private attributes are not part of the frozen model: they say where it came from, not what it is.
    config._project_dir = file.parent
    config._warnings = tuple(_warnings(config, written))
    return config


def check(written: Document) -> tuple[AppConfig | None, list[Problem]]:
    """The model of a document, or everything that is wrong with it."""
    problems = list(written.problems)
    values = {} if written.values is None else written.values
    if not isinstance(values, dict):
        return None, [*problems, Problem(1, (), "must be keys with values, such as app: shop")]
    try:
        return AppConfig.model_validate(_as_text(values, written)), problems
    except ValidationError as error:
        known = {problem.path for problem in problems}
        explained = explain(error, written)
        return None, [*problems, *(problem for problem in explained if problem.path not in known)]


def _as_text(values: dict[str, Any], written: Document) -> dict[str, Any]:
    """Env values and whole Node versions as they were written: `yes` is "yes", `24` is "24"."""
    changed = dict(values)
    if isinstance(values.get("node"), int):
        changed["node"] = written.texts[("node",)]
    changed |= _env_texts(values, (), written)
    for kind in ("workers", "cron"):
        if isinstance(jobs := values.get(kind), dict):
            changed[kind] = {
                name: {**job, **_env_texts(job, (kind, name), written)} if isinstance(job, dict) else job
                for name, job in jobs.items()
            }
    return changed


def _env_texts(values: dict[str, Any], at: KeyPath, written: Document) -> dict[str, Any]:
    """The mapping's `env`, if it has one, with its values as they were written."""
    env = values.get("env")
    if not isinstance(env, dict):
        return {}
    return {
        "env": {
            key: value if value is None else written.texts.get((*at, "env", key), value)
            for key, value in env.items()
        }
    }


def _warnings(config: AppConfig, written: Document) -> list[str]:
    envs: dict[KeyPath, dict[str, str]] = {(): config.env}
    envs |= {("workers", name): job.env for name, job in config.workers.items()}
    envs |= {("cron", name): job.env for name, job in config.cron.items()}
    return [
        f"{FILE_NAME}:{written.line(path)}: {dotted(path)} looks like a secret, and this file goes into Git: remove it "
        f"here, then vpsdeploy env set {key} (encrypted, docs/secrets.md)"
        for at, env in envs.items()
        for key, value in env.items()
        if value and (looks_secret(key) or holds_secret(value)) and (path := (*at, "env", key))
    ]
