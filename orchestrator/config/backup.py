"""`backup:` of vpsdeploy.yml: what is backed up, where to, when, how long, and how it is proven."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from orchestrator.config.fields import Allowed, Switch, Text, refuse_bool
from orchestrator.config.jobs import Schedule, Timezone
from orchestrator.config.notify import is_secret
from orchestrator.config.problems import nearest, shown
from orchestrator.config.query import one_query
from orchestrator.config.section import Section

What = Literal["files", "databases", "state", "releases"]

_SCHEMES = ("sftp", "s3")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PATH = re.compile(r"/?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_HOST_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]{40,}={0,3}")
_LONGEST_KEEP = 10_000
_LONGEST_LOG_DAYS = 35
"""Each part of the log is a snapshot: with one a minute there are 50,000 of them in 35 days."""


def _target_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a name is a small letter, then up to 30 small letters, digits and hyphens")
    return name


def _url(value: str) -> str:
    """A target's address, with what is wrong about one that is none."""
    if value.startswith("/"):
        if not _PATH.fullmatch(value.rstrip("/")) or ".." in value.split("/"):
            raise ValueError(f"{shown(value)} is no directory: letters, digits, . _ - and / only")
        return value
    parts = _split(value)
    if parts.scheme not in _SCHEMES:
        near = nearest(parts.scheme, _SCHEMES)
        raise ValueError(
            f"{shown(value)} is no target: /a/directory, sftp://USER@HOST:PORT/PATH or s3://ENDPOINT/BUCKET/PATH{near}"
        )
    if parts.password is not None:
        raise ValueError("holds a password, and this file goes into Git: targets are logged in to with a key")
    if parts.query or parts.fragment or not _HOST.fullmatch(parts.hostname or ""):
        raise ValueError(f"{shown(value)} names no host")
    _check_path(value, parts.scheme, parts.path)
    _check_user(value, parts)
    return value


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        if parts.port == 0:
            raise ValueError("there is no port 0")
    except ValueError as error:
        raise ValueError(f"{shown(value)} is no address: {error}") from None
    return parts


def _check_user(value: str, parts: SplitResult) -> None:
    if parts.scheme == "sftp" and not _USER.fullmatch(parts.username or ""):
        raise ValueError(f"{shown(value)} names no user: sftp://USER@HOST:PORT/PATH")
    if parts.scheme == "s3" and parts.username:
        raise ValueError(
            "holds a key, and this file goes into Git: vpsdeploy backup set keeps keys encrypted"
        )


def _check_path(value: str, scheme: str, path: str) -> None:
    inner = path.removeprefix("/").rstrip("/")
    if not _PATH.fullmatch(inner) or ".." in inner.split("/"):
        raise ValueError(f"{shown(value)} names no directory there: letters, digits, . _ - and / only")
    if scheme == "s3" and not _BUCKET.fullmatch(inner.split("/")[0]):
        raise ValueError(f"{shown(value)} names no bucket: s3://ENDPOINT/BUCKET/PATH")


def _host_key(value: str) -> str:
    if not _HOST_KEY.fullmatch(value.strip()):
        raise ValueError
    return value.strip()


def _as_target(value: Any) -> Any:
    """An address alone is a target, too."""
    return {"url": value} if isinstance(value, str) else value


def _pattern(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/"):
        raise ValueError
    return value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _something(what: tuple[What, ...]) -> tuple[What, ...]:
    if not what:
        raise ValueError("is empty: nothing would be backed up")
    return what


def _ping(value: str) -> str:
    # Not shown: it may be a secret.
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError("must be a URL that starts with https:// or http://")
    if is_secret(value):
        raise ValueError(
            "looks like a secret, and this file goes into Git: leave it out here, then vpsdeploy backup set PING_URL"
        )
    return value


Expected = Annotated[str, BeforeValidator(_as_text), Allowed("text or a whole number")]
Number = Annotated[float, BeforeValidator(refuse_bool), Allowed("a number")]


class BackupTarget(Section):
    """Where backups go."""

    url: Annotated[str, AfterValidator(_url), Allowed("an address, such as sftp://u1@host:23/backups")] = (
        Field(description="/a/directory, sftp://USER@HOST:PORT/PATH or s3://ENDPOINT/BUCKET/PATH")
    )
    host_key: (
        Annotated[str, AfterValidator(_host_key), Allowed("a public host key, such as ssh-ed25519 AAAA...")]
        | None
    ) = Field(default=None, description="Host key of an SFTP target")

    @model_validator(mode="after")
    def _is_known(self) -> BackupTarget:
        is_sftp = self.url.startswith("sftp:")
        if is_sftp and self.host_key is None:
            host = urlsplit(self.url)
            raise ValueError(
                "needs host_key: nobody's backups go to a host that nobody has looked at; "
                f"ssh-keyscan -p {host.port or 22} {host.hostname} shows it, compare it with your provider's"
            )
        if self.host_key and not is_sftp:
            raise ValueError("host_key is for sftp targets")
        return self


class KeepConfig(Section):
    """How many backups stay; older ones go."""

    daily: int = Field(default=7, ge=0, le=_LONGEST_KEEP, description="Newest of each day (count of days)")
    weekly: int = Field(default=5, ge=0, le=_LONGEST_KEEP, description="Newest of each week (count of weeks)")
    monthly: int = Field(default=12, ge=0, le=_LONGEST_KEEP, description="Newest of each month (count)")

    @model_validator(mode="after")
    def _keeps_something(self) -> KeepConfig:
        if not (self.daily or self.weekly or self.monthly):
            raise ValueError("would remove every backup: daily, weekly and monthly are all 0")
        return self


class CheckConfig(Section):
    """One question to the restored database, and what its answer has to be."""

    query: Annotated[str, AfterValidator(one_query), Allowed("one SELECT")] = Field(description="One SELECT")
    database: Text | None = Field(default=None, description="Database; default: the app's")
    equals: Expected | None = Field(default=None, description="The answer, as text or a whole number")
    at_least: Number | None = Field(default=None, description="The answer is this number or more")
    at_most: Number | None = Field(default=None, description="The answer is this number or less")
    newer_than_hours: Number | None = Field(
        default=None, description="The answer is a moment at most so long before the backup (hours)"
    )

    @model_validator(mode="after")
    def _expects(self) -> CheckConfig:
        ways = ("equals", "at_least", "at_most", "newer_than_hours")
        said = [one for one in ways if getattr(self, one) is not None]
        if not said or (len(said) > 1 and set(said) != {"at_least", "at_most"}):
            raise ValueError(f"needs one of {', '.join(ways)} (at_least and at_most may stand together)")
        return self


class DrillConfig(Section):
    """When backups are restored to see that they can be, and what is asked then."""

    schedule: Schedule = Field(default="0 5 * * 0", description="When, as in cron")
    assertions: Annotated[tuple[CheckConfig, ...], Allowed("a list of queries")] = Field(
        default=(), description="Questions to the restored database"
    )


class PointInTimeConfig(Section):
    """PostgreSQL's log, sent to every target, so that any moment can be restored."""

    enabled: Switch = Field(default=False, description="Whether the log is sent")
    every_minutes: Annotated[int, BeforeValidator(refuse_bool)] = Field(
        default=5, ge=1, le=60, description="How often: what the loss of the host costs at most (minutes)"
    )
    keep_days: Annotated[int, BeforeValidator(refuse_bool)] = Field(
        default=7,
        ge=1,
        le=_LONGEST_LOG_DAYS,
        description="How far back a moment can be restored (count of days)",
    )


def _as_point_in_time(value: Any) -> Any:
    """A switch alone is one, too."""
    return {"enabled": value} if isinstance(value, bool) else value


class BackupConfig(Section):
    """Backups of the app's data; off without targets."""

    targets: dict[
        Annotated[str, AfterValidator(_target_name)],
        Annotated[
            BackupTarget,
            BeforeValidator(_as_target),
            Allowed("an address, or a mapping with url and host_key"),
        ],
    ] = Field(default={}, description="Where backups go, by a name of yours")
    schedule: Schedule = Field(default="0 3 * * *", description="When, as in cron")
    timezone: Timezone = Field(default="UTC", description="Time zone of both schedules")
    jitter_minutes: Annotated[int, BeforeValidator(refuse_bool)] = Field(
        default=30, ge=0, le=720, description="Each host waits a random part of this first (minutes)"
    )
    keep: KeepConfig = KeepConfig()
    what: Annotated[
        tuple[What, ...], AfterValidator(_something), Allowed("a list of files, databases, state, releases")
    ] = Field(default=("files", "databases", "state", "releases"), description="What is backed up")
    exclude: tuple[
        Annotated[
            str, AfterValidator(_pattern), Allowed("a pattern below the shared directory, such as cache")
        ],
        ...,
    ] = Field(default=(), description="What of the shared directories is left out")
    point_in_time: Annotated[
        PointInTimeConfig,
        BeforeValidator(_as_point_in_time),
        Allowed("true, false, or a mapping with enabled"),
    ] = PointInTimeConfig()
    drill: DrillConfig = DrillConfig()
    ping_url: Annotated[str, AfterValidator(_ping), Allowed("a URL without a secret in it")] | None = Field(
        default=None, description="Dead man's switch: told of each backup"
    )

    @field_validator("point_in_time")
    @classmethod
    def _has_somewhere_to_go(cls, wanted: PointInTimeConfig, info: ValidationInfo) -> PointInTimeConfig:
        if not wanted.enabled:
            return wanted
        if info.data.get("targets") == {}:
            raise ValueError("needs backup.targets: PostgreSQL's log is sent to each of them")
        if "databases" not in info.data.get("what", ("databases",)):
            raise ValueError("needs databases in backup.what: a base backup is one of them")
        return wanted

    @property
    def is_on(self) -> bool:
        """Whether anything is backed up."""
        return bool(self.targets)
