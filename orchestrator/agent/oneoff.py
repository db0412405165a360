"""A command beside the app's instances: with the app's user, files, environment, sandbox and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.agent import durable, envfile, releases, slots, unitfile
from orchestrator.agent.call import Call


def properties(
    call: Call, identifier: str, variables: Path, more: Mapping[str, str] | None = None
) -> list[str]:
    """The unit's own sandbox, the release's limits, and an environment that no other user can read.

    Args:
        call: For the app.
        identifier: Release in whose directory the command runs.
        variables: File that the environment is written to: to be removed once the command has ended.
        more: Further variables, which win over the release's.
    """
    settings = releases.settings_of(call.app, identifier)
    environment = releases.environment(call.app, identifier, settings, call.app_facts()["port"])
    home = f"/srv/{call.app.name}/releases/{identifier}"
    environment["PATH"] = f"{home}/node/bin:/usr/local/bin:/usr/bin:/bin"
    environment |= more or {}
    call.layout.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.write(variables, envfile.encode(environment), 0o600, sync=False)
    places = [f"WorkingDirectory={call.app.release(identifier)}/app", f"EnvironmentFile={variables}"]
    return [*unitfile.sandbox(call.app.unit_file.read_text()), *slots.limit_lines(settings), *places]


def words(argv: Sequence[str]) -> list[str]:
    """The command as systemd is to be told it: it fills in ${NAME} where a dollar sign stands alone.

    env looks the program up on the unit's PATH; systemd-run would look on its own.
    """
    return ["/usr/bin/env", "--", *(word.replace("$", "$$") for word in argv)]
