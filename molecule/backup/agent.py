"""Pack the real agent for this scenario, and say where: backups are its work."""

import os
from pathlib import Path

from orchestrator.transport import agent_pyz

print(agent_pyz.build(Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "agent.pyz").path)
