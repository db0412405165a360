"""What can be done with Redis's data."""

from __future__ import annotations

from orchestrator.agent.backup import redis_dump, redis_restore
from orchestrator.agent.backup.engines import Engine

ENGINE = Engine(redis_dump.dump, redis_restore.prove, redis_restore.refuse, redis_restore.restore)
