"""vpsdeploy.yml as frozen models: every key, its default and its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from orchestrator.config.backup import BackupConfig
from orchestrator.config.fields import (
    Allowed,
    AppName,
    CanarySteps,
    Cpu,
    Domains,
    EnvKey,
    EnvKeys,
    EnvValue,
    HealthPath,
    IncludePaths,
    Install,
    Memory,
    NodeRequest,
    RelativePath,
    SharedPaths,
    Surge,
    Text,
)
from orchestrator.config.hooks import HooksConfig
from orchestrator.config.jobs import CronConfig, JobName, WorkerConfig
from orchestrator.config.migrate import MigrateConfig
from orchestrator.config.networks import Networks, ProxyNetworks
from orchestrator.config.notify import Notify
from orchestrator.config.section import Section as _Section
from orchestrator.config.services import Services
from orchestrator.config.tls import Mode, TlsConfig
from orchestrator.config.web import HttpConfig, RateLimitsConfig
from orchestrator.model.pool import MAX_INSTANCES, PORT_SPAN

FIRST_PORT = 1024
"""Lowest port that a process without privileges can listen on."""

LEAST_ROOM = 4
"""Instances that every host can be scaled to where vpsdeploy.yml does not say (count; our choice)."""

LAST_BASE_PORT = 65536 - PORT_SPAN
"""Highest base port whose pools still fit below 65536."""


class BuildConfig(_Section):
    """How the bundle is made; what is None is detected from the project."""

    command: Text | None = Field(default=None, description="The build command")
    output: RelativePath | None = Field(default=None, description="Directory that the build writes")
    entry: RelativePath | None = Field(default=None, description="File that Node starts, relative to source")
    project: Text | None = Field(default=None, description="Project of a Nest monorepo")
    include: IncludePaths = Field(default=(), description="Further files and directories to ship")
    install: Install = Field(
        default="bundle",
        description="Where production dependencies are installed: into the bundle or on the host",
    )


class HealthConfig(_Section):
    """How a release knows that an instance can serve."""

    path: HealthPath = Field(
        default="/health", description="Path that answers 2xx when the instance can serve"
    )
    timeout_seconds: float = Field(
        default=30, ge=1, le=600, description="Longest wait for the first healthy answer (seconds)"
    )
    interval_seconds: float = Field(
        default=0.25, ge=0.05, le=10, description="Pause between two attempts (seconds)"
    )


class LimitsConfig(_Section):
    """What one instance may use; one that wants more is slowed down or started anew."""

    memory: Memory = Field(default="512M", description="Memory of one instance")
    cpu: Cpu = Field(default="100%", description="Processor time of one instance; 100% is one core")


class ReleaseConfig(_Section):
    """How releases change over; a canary without a watch would be a slow flip that nobody looks at."""

    keep: int = Field(default=5, ge=2, le=50, description="Releases kept on each host for a rollback (count)")
    drain_seconds: int = Field(
        default=30, ge=5, le=3600, description="Longest wait for open requests of the old pool (seconds)"
    )
    surge: Surge = Field(default="all", description="New instances that boot at the same time")
    watch_seconds: int = Field(
        default=10, ge=0, le=3600, description="How long a flip is watched before it is confirmed (seconds)"
    )
    canary: CanarySteps = Field(default=(), description="Shares of the requests, each watched")

    @field_validator("canary")
    @classmethod
    def _needs_a_watch(cls, steps: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if steps and info.data.get("watch_seconds") == 0:
            raise ValueError("needs a watch, and watch_seconds is 0: each share is watched before the next")
        return steps


class AppConfig(_Section):
    """One app: a NestJS project with its vpsdeploy.yml."""

    app: AppName = Field(description="Name of the app: its Linux user, unit and directory on the hosts")
    source: Text = Field(
        default=".", description="Directory of the NestJS project, relative to vpsdeploy.yml"
    )
    node: NodeRequest = Field(default="lts", description="Node.js version")
    build: BuildConfig = BuildConfig()
    instances: int = Field(
        default=2, ge=1, le=MAX_INSTANCES, description="Instances on each app host (count)"
    )
    instances_max: int | None = Field(
        default=None, ge=1, le=MAX_INSTANCES, description="Most instances that `scale` may ask for (count)"
    )
    port: int = Field(
        default=4000,
        ge=FIRST_PORT,
        le=LAST_BASE_PORT,
        description="Base port; the app takes 200 from here on",
    )
    health: HealthConfig = HealthConfig()
    env: dict[EnvKey, EnvValue] = Field(default={}, description="Env variables of the app, as text")
    env_required: EnvKeys = Field(
        default=(), description="Env variables without which nothing is released: each here or a secret"
    )
    shared: SharedPaths = Field(default=(), description="Directories that outlive releases, such as uploads")
    limits: LimitsConfig = LimitsConfig()
    release: ReleaseConfig = ReleaseConfig()
    migrate: MigrateConfig = MigrateConfig()
    hooks: HooksConfig = HooksConfig()
    notify: Annotated[tuple[Notify, ...], Allowed("a list of receivers")] = Field(
        default=(), description="Who is told about releases"
    )
    workers: dict[JobName, WorkerConfig] = Field(
        default={}, description="Processes that run beside the instances"
    )
    cron: dict[JobName, CronConfig] = Field(
        default={}, description="Commands that one host runs at certain times"
    )
    services: Services = Field(default={}, description="Databases and brokers on the stage's own hosts")
    domains: Domains = Field(default=(), description="Domain names; without any, nginx answers to every name")
    http: HttpConfig = HttpConfig()
    rate_limits: RateLimitsConfig = RateLimitsConfig()
    trusted_addresses: Networks = Field(
        default=(), description="Whose requests are never limited, and who is never banned"
    )
    trusted_proxies: ProxyNetworks = Field(
        default=(), description="CDN or load balancer in front of ours, whose X-Forwarded-For is believed"
    )
    tls: TlsConfig = TlsConfig()
    backup: BackupConfig = BackupConfig()

    @field_validator("tls")
    @classmethod
    def _needs_domains(cls, tls: TlsConfig, info: ValidationInfo) -> TlsConfig:
        if tls.mode in ("acme", "files") and info.data.get("domains") == ():
            raise ValueError(f"mode {tls.mode} needs `domains`: a certificate is for names")
        return tls

    @field_validator("backup")
    @classmethod
    def _needs_postgresql(cls, backup: BackupConfig, info: ValidationInfo) -> BackupConfig:
        if backup.point_in_time.enabled and "postgresql" not in info.data.get("services", {"postgresql": {}}):
            raise ValueError("point_in_time needs services.postgresql: it is its log that is sent")
        return backup

    @field_validator("instances_max")
    @classmethod
    def _room_for_instances(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value < info.data.get("instances", 0):
            raise ValueError(f"is below instances ({info.data['instances']})")
        return value

    _project_dir: Path = PrivateAttr(default=Path())
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def project_dir(self) -> Path:
        """The directory of vpsdeploy.yml, absolute."""
        return self._project_dir

    @property
    def most_instances(self) -> int:
        """What nginx is provisioned for: up to this number a change of size needs no reload (count for each host)."""
        return max(self.instances_max or max(2 * self.instances, LEAST_ROOM), self.instances)

    @property
    def tls_mode(self) -> Mode:
        """Where certificates come from: with domains HTTPS is what one gets without asking."""
        return self.tls.mode or ("acme" if self.domains else "off")

    @property
    def source_dir(self) -> Path:
        """The directory of the NestJS project, absolute."""
        return (self._project_dir / self.source).resolve()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but looks wrong, one sentence each."""
        return self._warnings

    def without_hooks(self) -> AppConfig:
        """The same app, whose releases run no hooks."""
        return self.model_copy(update={"hooks": HooksConfig()})

    @property
    def node_is_set(self) -> bool:
        """Whether vpsdeploy.yml names a Node version: then the project's own request is not asked."""
        return "node" in self.model_fields_set

    @property
    def migrate_is_set(self) -> bool:
        """Whether vpsdeploy.yml says how to migrate, or that nothing is to be done: then nobody has to be told."""
        return "migrate" in self.model_fields_set

    @property
    def health_is_set(self) -> bool:
        """Whether vpsdeploy.yml names the health path: then nothing has to be found in the sources."""
        return "path" in self.health.model_fields_set
