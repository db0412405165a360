"""What can be done with NATS's data."""

from __future__ import annotations

from orchestrator.agent.backup import nats_dump, nats_restore
from orchestrator.agent.backup.engines import Engine

ENGINE = Engine(nats_dump.dump, nats_restore.prove, nats_restore.refuse, nats_restore.restore)
