"""What can be done with the data of each kind of service: dumped, proven, put back.

A kind's own modules are imported when it is asked for: all of them at once were two fifths of
the processor time that starting Python and importing a backup's modules takes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from orchestrator.agent.backup import services
from orchestrator.agent.backup.services import Dump, Dumped
from orchestrator.agent.call import Call

_KINDS = (
    services.POSTGRESQL, services.MARIADB, services.REDIS, services.RABBITMQ, services.NATS, services.KAFKA,
)  # fmt: skip


class Engine(NamedTuple):
    """One kind of service.

    Attributes:
        dump: Its data into a file that was read to its end.
        prove: A dump loaded beside the real data. Returns: tables, rows, checks (counts).
        refuse: Whether the real data may be replaced; an error where they may not.
        restore: A dump in the place of the real data; notes what is `restored` and `kept`.
        table: One table of the dumps that there are, with their files by name; None where there are no tables.
    """

    dump: Dump
    prove: Callable[[Call, tuple[dict[str, Any], ...], Dumped, Path], dict[str, int]]
    refuse: Callable[[Call, Dumped], None]
    restore: Callable[[Call, Dumped, Path, dict[str, Any]], None]
    table: Callable[[Call, list[Dumped], dict[str, Path], str], dict[str, Any]] | None = None


class _Engines(Mapping[str, Engine]):
    """Each in a module of this package that is called like its kind."""

    def __getitem__(self, kind: str) -> Engine:
        if kind not in _KINDS:
            raise KeyError(kind)
        return cast(Engine, importlib.import_module(f"{__name__}.{kind}").ENGINE)

    def __contains__(self, kind: object) -> bool:
        return kind in _KINDS

    def __iter__(self) -> Iterator[str]:
        return iter(_KINDS)

    def __len__(self) -> int:
        return len(_KINDS)


ENGINES: Mapping[str, Engine] = _Engines()
"""By the kind that a service's file names."""
