"""What a release carries besides its files: env, limits, ports, health (docs/internals.md, Release settings). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.config.jobs import CronConfig, WorkerConfig
from orchestrator.config.schedule import on_calendar
from orchestrator.facts.host import ReleaseFacts
from orchestrator.plan import environment
from orchestrator.secret import Secret

STOP_TIMEOUT_SECONDS = 30
"""How long an instance has after SIGTERM before it is killed (the unit's own default)."""


def kept(config: AppConfig, release: ReleaseFacts) -> dict[str, Any]:
    """What the steps of a rollback need of a kept release: its own settings, whatever the configuration says today.

    Env, entry and limits are on the hosts with it; nobody needs them here.
    """
    today = of(config, "", release.node)
    return {
        **today,
        "instances": release.instances or today["instances"],
        "health": release.health or today["health"],
        "workers": release.jobs.get("workers", {}),
        "cron": release.jobs.get("cron", {}),
    }


def of(
    config: AppConfig, entry: str, node: str, secrets: Mapping[str, Secret] | None = None
) -> dict[str, Any]:
    """The settings of a release of this configuration, with the stage's secrets in its environment."""
    return {
        "node": node,
        "entry": entry,
        **environment.of(config, secrets or {}),
        "instances": config.instances,
        "port": config.port,
        "health": {
            "path": config.health.path,
            "timeout_seconds": config.health.timeout_seconds,
            "interval_seconds": config.health.interval_seconds,
        },
        "limits": {"memory": config.limits.memory, "cpu": config.limits.cpu},
        "stop_timeout_seconds": STOP_TIMEOUT_SECONDS,
        "shared": list(config.shared),
        **_migrate(config),
        **_jobs(config),
    }


def _migrate(config: AppConfig) -> dict[str, Any]:
    """Nothing at all where no migration is configured."""
    if not config.migrate.command:
        return {}
    return {"migrate": config.migrate.model_dump()}


def _jobs(config: AppConfig) -> dict[str, Any]:
    """Workers and cron entries; nothing at all where there are none, so that such releases stay what they were."""
    workers = {
        name: {
            **_process(config, job), "instances": job.instances, "exclusive": job.concurrency == 1,
            "stop_timeout_seconds": job.stop_timeout_seconds,
        }
        for name, job in config.workers.items()
    }  # fmt: skip
    cron = {
        name: {
            **_process(config, job), "events": list(on_calendar(job.schedule, job.timezone)),
            "schedule": job.schedule, "timezone": job.timezone, "timeout_seconds": job.timeout_seconds,
            "catch_up": job.catch_up, "host": job.host or "",
        }
        for name, job in config.cron.items()
    }  # fmt: skip
    return {**({"workers": workers} if workers else {}), **({"cron": cron} if cron else {})}


def _process(config: AppConfig, job: WorkerConfig | CronConfig) -> dict[str, Any]:
    limits = {"memory": job.memory or config.limits.memory, "cpu": job.cpu or config.limits.cpu}
    what = {"entry": job.entry} if job.entry else {"command": list(job.command or ())}
    return {**what, "env": dict(job.env), "limits": limits}
