"""What can be done with RabbitMQ's data."""

from __future__ import annotations

from orchestrator.agent.backup import rabbitmq_dump, rabbitmq_restore
from orchestrator.agent.backup.engines import Engine

ENGINE = Engine(rabbitmq_dump.dump, rabbitmq_restore.prove, rabbitmq_restore.refuse, rabbitmq_restore.restore)
