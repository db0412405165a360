"""`services:` of vpsdeploy.yml: databases and brokers that run on the stage's own hosts."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.config.fields import Allowed, memory_bytes, memory_size
from orchestrator.config.problems import nearest
from orchestrator.config.section import Section
from orchestrator.model.service import KINDS, NAMED, SERVICES

MOST_CONNECTIONS = 1000
"""Of one process of the app: more is a mistake, not a pool (our choice)."""

MOST_PERCENT = 80
"""Of a host's memory: the system, nginx and the app need some as well (our choice)."""

_RESERVED_DATABASES = frozenset({
    "postgres", "template0", "template1", "vpsdeploy", "mysql", "root", "sys", "information_schema",
    "performance_schema", "admin", "local", "config",
})  # fmt: skip
_ELSEWHERE = {
    "mysql": "write mariadb: Debian has no MySQL, and MariaDB speaks its protocol",
    "rabbit": "write rabbitmq",
    "amqp": "write rabbitmq",
    "postgres": "write postgresql",
    "pg": "write postgresql",
    "valkey": "write redis: both Debians have it, and its clients are the same",
    "mongo": "write mongodb",
}


def _service(name: str) -> str:
    if name in SERVICES:
        return name
    if name in _ELSEWHERE:
        raise ValueError(_ELSEWHERE[name])
    raise ValueError(f"is no service{nearest(name, SERVICES) or '; known are ' + ', '.join(SERVICES)}")


def _memory(value: str) -> str:
    percent = re.fullmatch(r"([1-9]\d?)%", value)
    if percent is None:
        return memory_size(value)
    if int(percent[1]) > MOST_PERCENT:
        raise ValueError
    return value


def _database(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", value):
        raise ValueError
    if value in _RESERVED_DATABASES or value.startswith("pg_"):
        raise ValueError(f'"{value}" is a name of the database server itself')
    return value


def _mirror(value: str) -> str:
    form = r"https?://[^\s/?#@:]+(:[1-9]\d{0,4})?(/[!-~]*)?"
    if not re.fullmatch(form, value) or set(value) & set("?#@") or not value.isascii():
        raise ValueError
    return value.rstrip("/")


ServiceName = Annotated[str, AfterValidator(_service)]
ServiceMemory = Annotated[
    str,
    AfterValidator(_memory),
    Allowed(f"a size from 64M on, or a share of the host's: 1% to {MOST_PERCENT}%"),
]
DatabaseName = Annotated[
    str, AfterValidator(_database), Allowed("a small letter, then up to 62 small letters, digits and _")
]
MirrorUrl = Annotated[
    str,
    AfterValidator(_mirror),
    Allowed(
        "an http or https address without login, query and fragment, as https://mirror.example.com/apache"
    ),
]
HostName = Annotated[
    str,
    AfterValidator(lambda value: value.strip() or _refuse()),
    Allowed("a host's name, as inventories/<stage>/hosts.yml has it"),
]


def _refuse() -> str:
    raise ValueError


class ServiceConfig(Section):
    """One database server or broker; everything has a default."""

    memory: ServiceMemory | None = Field(default=None, description="Memory of the service")
    host: HostName | None = Field(default=None, description="Host that carries it")
    database: DatabaseName | None = Field(default=None, description="Name of the app's database and user")
    connections: int = Field(
        default=10,
        ge=1,
        le=MOST_CONNECTIONS,
        description="Connections that one process of the app opens (count)",
    )
    mirror: MirrorUrl | None = Field(default=None, description="Mirror of its maker's archive")


def _fitting(services: dict[str, ServiceConfig]) -> dict[str, ServiceConfig]:
    for name, service in services.items():
        odd = [
            key
            for key in ("database", "connections")
            if key in service.model_fields_set and name not in NAMED
        ]
        if odd:
            raise ValueError(f"{name} has no {odd[0]} to choose: leave it out")
        if service.mirror and not KINDS[name].has_mirror:
            raise ValueError(f"{name} has no mirror to choose: leave it out")
        least = KINDS[name].least_memory
        size = service.memory or least
        if not size.endswith("%") and memory_bytes(size) < memory_bytes(least):
            raise ValueError(f"{name} needs a memory of {least} or more, {size} is less")
    return services


Services = Annotated[dict[ServiceName, ServiceConfig], AfterValidator(_fitting)]
