"""`workers:` and `cron:` of vpsdeploy.yml: processes of the app that answer no requests."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from orchestrator.config import schedule
from orchestrator.config.fields import Allowed, Cpu, EnvKey, EnvValue, Memory, RelativePath, Text, refuse_bool

MAX_WORKER_INSTANCES = 20


def _job_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise ValueError("a name is a small letter, then up to 30 small letters, digits and hyphens")
    return name


def _schedule(text: str) -> str:
    schedule.on_calendar(text, "UTC")
    return text


def _not_empty(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words:
        raise ValueError
    return words


JobName = Annotated[str, AfterValidator(_job_name)]
Command = Annotated[
    tuple[Text, ...], AfterValidator(_not_empty), Allowed("a list of words, such as [node, dist/worker.js]")
]
Schedule = Annotated[str, AfterValidator(_schedule), Allowed('text, such as "0 3 * * *"')]
Timezone = Annotated[
    str, AfterValidator(schedule.check_timezone), Allowed("a time zone, such as Europe/Berlin")
]
One = Annotated[Literal[1], BeforeValidator(refuse_bool), Allowed("1")]


class _Job(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    entry: RelativePath | None = Field(default=None, description="File that Node starts")
    command: Command | None = Field(default=None, description="What is run instead of a file of Node's")
    memory: Memory | None = Field(default=None, description="Memory of one process; default: limits.memory")
    cpu: Cpu | None = Field(default=None, description="Processor time; default: limits.cpu")
    env: dict[EnvKey, EnvValue] = Field(default={}, description="Env variables beside the app's")

    @model_validator(mode="after")
    def _one_of_both(self) -> _Job:
        if (self.entry is None) == (self.command is None):
            raise ValueError("needs either entry (a file that Node starts) or command (a list of words)")
        return self


class WorkerConfig(_Job):
    """A process that runs all the time, and finishes what it does when it is asked to stop."""

    instances: int = Field(
        default=1, ge=1, le=MAX_WORKER_INSTANCES, description="Processes on each app host (count)"
    )
    concurrency: One | None = Field(default=None, description="1: one process in the whole fleet at a time")
    stop_timeout_seconds: int = Field(
        default=60, ge=1, le=3600, description="Longest wait for the job in hand after SIGTERM (seconds)"
    )

    @model_validator(mode="after")
    def _one_is_one(self) -> WorkerConfig:
        if self.concurrency == 1 and self.instances > 1:
            raise ValueError(f"concurrency is 1, so instances cannot be {self.instances}")
        return self


class CronConfig(_Job):
    """A command that one host of the fleet runs at certain times."""

    schedule: Schedule = Field(description="When, as in cron")
    timezone: Timezone = Field(default="UTC", description="Time zone of the schedule")
    timeout_seconds: int = Field(
        default=3600, ge=1, le=86400, description="After this time a run is ended (seconds)"
    )
    catch_up: bool = Field(
        default=False, description="Whether a run that was missed while the host was down is made up for"
    )
    host: Text | None = Field(default=None, description="App host that runs it; default: the first")
