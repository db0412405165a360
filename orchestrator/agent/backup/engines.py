"""What can be done with the data of each kind of service: dumped, proven, put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent.backup import (
    kafka_dump,
    kafka_restore,
    mariadb_drill,
    mariadb_dump,
    mariadb_restore,
    mariadb_table,
    nats_dump,
    nats_restore,
    postgres_drill,
    postgres_dump,
    rabbitmq_dump,
    rabbitmq_restore,
    redis_dump,
    redis_restore,
    restore_database,
    restore_table,
    services,
)
from orchestrator.agent.backup.services import Dump, Dumped
from orchestrator.agent.call import Call


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


ENGINES: Mapping[str, Engine] = {
    services.POSTGRESQL: Engine(
        postgres_dump.dump, postgres_drill.prove, restore_database.refuse, restore_database.database,
        restore_table.table,
    ),
    services.MARIADB: Engine(
        mariadb_dump.dump, mariadb_drill.prove, mariadb_restore.refuse, mariadb_restore.restore, mariadb_table.table
    ),
    services.REDIS: Engine(redis_dump.dump, redis_restore.prove, redis_restore.refuse, redis_restore.restore),
    services.RABBITMQ: Engine(
        rabbitmq_dump.dump, rabbitmq_restore.prove, rabbitmq_restore.refuse, rabbitmq_restore.restore
    ),
    services.NATS: Engine(nats_dump.dump, nats_restore.prove, nats_restore.refuse, nats_restore.restore),
    services.KAFKA: Engine(kafka_dump.dump, kafka_restore.prove, kafka_restore.refuse, kafka_restore.restore),
}  # fmt: skip
"""By the kind that a service's file names."""
