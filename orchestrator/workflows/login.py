"""Log in to the hosts of an app while the rest of a command is still imported: hosts take as long for it as Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.transport import local, ssh
from orchestrator.transport.agent_ssh import SshFleet

if TYPE_CHECKING:
    from orchestrator.config import AppConfig
    from orchestrator.model.fleet import Stage
    from orchestrator.workflows.fleet import Opener


def begin(config: AppConfig, stage: Stage) -> Opener:
    """Begin to log in everywhere; call it before the workflow is imported, and after all input was checked.

    Returns: What hands out these connections.
    """
    ssh.prepare()  # here: in threads it would come in turns with all that is imported meanwhile
    fleet = SshFleet(stage, config.app, local.this_process().by)
    fleet.begin_all()
    return lambda _stage, _config, _owner: fleet
