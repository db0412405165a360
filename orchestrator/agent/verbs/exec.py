"""exec: a one-off command with the app's user, files, environment, sandbox and limits."""

from __future__ import annotations

import os
import signal
import subprocess

from orchestrator.agent import oneoff, pools
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
        properties = oneoff.properties(call, identifier, variables)
        return run_joined(unit, properties, argv, terminal=call.request.flag("tty"))
    finally:
        variables.unlink(missing_ok=True)


def run_joined(unit: str, properties: list[str], argv: list[str], *, terminal: bool) -> int:
    """Run a command in a unit, with our standard input and output. Returns: its exit code."""
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
        return subprocess.run([*command, "--", *oneoff.words(argv)], check=False).returncode
    except KeyboardInterrupt:
        subprocess.run(["systemctl", "stop", "--no-block", f"{unit}.service"], check=False)
        return 130
