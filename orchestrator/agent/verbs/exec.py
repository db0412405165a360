"""exec: a one-off command with the app's user, files, environment, sandbox and limits."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from orchestrator.agent import durable, envfile, pools, releases, slots, unitfile
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed, UsageError


def exec_(call: Call) -> int:
    """Run the command in a unit of its own. Returns: its exit code."""
    argv = call.request.fields.get("argv")
    if (
        not isinstance(argv, list)
        or not argv
        or not all(isinstance(word, str) and "\0" not in word for word in argv)
    ):
        raise UsageError("the request is wrong", why="argv is not a list of texts")
    identifier = call.request.release if call.request.text("release", "") else pools.current(call.app)
    if identifier is None:
        raise ReleaseFailed("no release is live yet", why="exec runs in the directory of a release")
    unit = f"vpsdeploy-exec-{call.app.name}-{os.getpid()}"
    variables = call.layout.run / f"{unit}.env"
    try:
        properties = _properties(call, identifier, variables)
        return _run(unit, properties, argv, terminal=call.request.flag("tty"))
    finally:
        variables.unlink(missing_ok=True)


def _properties(call: Call, identifier: str, variables: Path) -> list[str]:
    """The unit's own sandbox, the release's limits, and an environment that no other user can read."""
    settings = releases.settings_of(call.app, identifier)
    environment = releases.environment(call.app, identifier, settings, call.app_facts()["port"])
    environment["PATH"] = f"/srv/{call.app.name}/releases/{identifier}/node/bin:/usr/local/bin:/usr/bin:/bin"
    call.layout.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.write(variables, envfile.encode(environment), 0o600, sync=False)
    places = [f"WorkingDirectory={call.app.release(identifier)}/app", f"EnvironmentFile={variables}"]
    return [*unitfile.sandbox(call.app.unit_file.read_text()), *slots.limit_lines(settings), *places]


def _run(unit: str, properties: list[str], argv: list[str], *, terminal: bool) -> int:
    command = [
        "systemd-run",
        f"--unit={unit}",
        "--wait",
        "--quiet",
        "--collect",
        "--pty" if terminal else "--pipe",
    ]
    command += [f"--property={line}" for line in properties]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # env looks the program up on the unit's PATH; systemd-run would look on its own.
        words = [
            "/usr/bin/env",
            "--",
            *(word.replace("$", "$$") for word in argv),
        ]  # else systemd fills in ${NAME}
        return subprocess.run([*command, "--", *words], check=False).returncode
    except KeyboardInterrupt:
        subprocess.run(["systemctl", "stop", "--no-block", f"{unit}.service"], check=False)
        return 130
