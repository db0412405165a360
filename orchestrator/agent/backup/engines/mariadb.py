"""What can be done with MariaDB's data."""

from __future__ import annotations

from orchestrator.agent.backup import mariadb_drill, mariadb_dump, mariadb_restore, mariadb_table
from orchestrator.agent.backup.engines import Engine

ENGINE = Engine(
    mariadb_dump.dump, mariadb_drill.prove, mariadb_restore.refuse, mariadb_restore.restore, mariadb_table.table
)  # fmt: skip
