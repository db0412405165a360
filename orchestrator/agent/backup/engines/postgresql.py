"""What can be done with PostgreSQL's data."""

from __future__ import annotations

from orchestrator.agent.backup import postgres_drill, postgres_dump, restore_database, restore_table
from orchestrator.agent.backup.engines import Engine

ENGINE = Engine(
    postgres_dump.dump, postgres_drill.prove, restore_database.refuse, restore_database.database, restore_table.table
)  # fmt: skip
