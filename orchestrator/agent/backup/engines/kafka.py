"""What can be done with Kafka's data."""

from __future__ import annotations

from orchestrator.agent.backup import kafka_dump, kafka_restore
from orchestrator.agent.backup.engines import Engine

ENGINE = Engine(kafka_dump.dump, kafka_restore.prove, kafka_restore.refuse, kafka_restore.restore)
