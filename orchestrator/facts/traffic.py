"""The answers of the verbs `traffic` and `instances` (docs/internals.md). Pure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import InternalError
from orchestrator.model.pool import Colour
from orchestrator.model.traffic import Look, Tally

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Groups:
    """One pool's requests, those of users and those of the probe apart."""

    users: Tally = field(default_factory=Tally)
    probe: Tally = field(default_factory=Tally)

    def __add__(self, other: Groups) -> Groups:
        return Groups(self.users + other.users, self.probe + other.probe)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a load balancer's access log says.

    Attributes:
        mark: Where the next look begins.
        pending: The pool that waits for its confirmation there; None where none does: it was taken back.
        before: The old pool's requests before the flip; only in the first answer.
        after: By pool, since the mark.
    """

    mark: Json
    pending: Colour | None
    after: dict[Colour, Groups]
    before: dict[Colour, Groups] = field(default_factory=dict)


def parse(host: str, answer: Json, app: str, hosts: Mapping[str, str]) -> Traffic:
    """Read an answer of `traffic`.

    Args:
        host: The load balancer.
        answer: Of its agent.
        app: Names the instances.
        hosts: Names of the app hosts by the address that this load balancer knows them by.
    Raises: InternalError: the agent broke the protocol.
    """
    try:
        pending = Colour(answer["pending"]) if answer["pending"] else None
        named = functools.partial(_named, app, hosts)
        after, before = (_pools(answer.get(key) or {}, named) for key in ("after", "before"))
        return Traffic(answer["mark"], pending, after, before)
    except (KeyError, TypeError, ValueError) as error:
        raise InternalError("the agent's traffic cannot be read", host=host, why=repr(error)) from error


def parse_looks(host: str, answer: Json) -> tuple[Look, ...]:
    """Read an answer of `instances`.

    Raises: InternalError: the agent broke the protocol.
    """
    try:
        return tuple(_look(host, one) for one in answer["instances"])
    except (KeyError, TypeError, ValueError) as error:
        raise InternalError("the agent's instances cannot be read", host=host, why=repr(error)) from error


def _pools(raw: Json, named: Callable[[str], str]) -> dict[Colour, Groups]:
    return {
        Colour(colour): Groups(_tally(one["users"], named), _tally(one["probe"], named))
        for colour, one in raw.items()
    }


def _named(app: str, hosts: Mapping[str, str], upstream: str) -> str:
    """An instance for people; what nginx says where no instance answered."""
    address, _, port = upstream.rpartition(":")
    host = hosts.get(address.strip("[]"))
    return f"{app}@{port} on {host}" if host else upstream


def _tally(raw: Json, named: Callable[[str], str]) -> Tally:
    failures = (f"{one['method']} {one['path']} {one['status']} (id {one['id']})" for one in raw["failures"])
    return Tally(
        int(raw["requests"]), int(raw["failed"]), int(raw["aborted"]),
        {int(number): int(count) for number, count in raw["latency"].items()},
        {named(str(name)): (int(pair[0]), int(pair[1])) for name, pair in raw["upstreams"].items()}, tuple(failures),
    )  # fmt: skip


def _look(host: str, raw: Json) -> Look:
    return Look(
        host, str(raw["unit"]).removesuffix(".service"), f"{raw['state']} ({raw['sub_state']})", int(raw["restarts"]),
        str(raw["unhealthy"]), 1 if raw["unhealthy"] else 0, str(raw["why"]),
    )  # fmt: skip
