"""What a host says about the databases and brokers that it carries: parse(answer) -> ServiceHealth. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.errors import InternalError
from orchestrator.model.service import UNPROTECTED, Service, ServiceHealth


def parse(host: str, answer: dict[str, Any]) -> tuple[ServiceHealth, ...]:
    """Read an answer of the verb `services`.

    Raises: InternalError: the agent broke the protocol.
    """
    try:
        return tuple(_health(host, raw) for raw in answer["services"])
    except (KeyError, TypeError, ValueError) as error:
        raise InternalError("the services cannot be read", host=host, why=repr(error)) from error


def missing(service: Service, why: str) -> ServiceHealth:
    """One that its host says nothing about."""
    return ServiceHealth(service.kind, service.host, running=False, why=why)


def troubles(found: Iterable[ServiceHealth]) -> list[str]:
    """What users notice, or will: one sentence each."""
    down = [f"{one.kind} on {one.host} does not run: {one.why}" for one in found if not one.running]
    full = [
        f"{one.kind} on {one.host} has {one.connections} of {one.connections_max} connections open: "
        "soon the app gets no more"
        for one in found
        if is_full(one)
    ]
    return down + full


def unprotected(found: Iterable[ServiceHealth]) -> list[str]:
    """What no backup holds, and so is never quiet about: one sentence each."""
    return [
        f"{one.kind} on {one.host} is in no backup (docs/{one.kind}.md)"
        for one in found
        if one.kind in UNPROTECTED
    ]


def is_full(one: ServiceHealth) -> bool:
    """Whether nine tenths of the connections are taken (our choice)."""
    return bool(one.connections_max) and (one.connections or 0) >= 0.9 * one.connections_max


def _health(host: str, raw: dict[str, Any]) -> ServiceHealth:
    numbers = {name: raw[name] for name in ("memory_bytes", "connections", "data_bytes", "connections_max")}
    waits = tuple(str(name) for name in raw["waits"])
    running, version, why = bool(raw["running"]), str(raw["version"]), str(raw["why"])
    return ServiceHealth(str(raw["service"]), host, running, version, waits=waits, why=why, **numbers)
