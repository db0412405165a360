"""Waiting for what a command does, or what becomes of a host."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project

_POLL_SECONDS = 0.1


def until(condition: Callable[[], bool], seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait for something on a host."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(_POLL_SECONDS)


def begun(project: Project, file: Path | str, step: str, *options: str) -> subprocess.Popen[bytes]:
    """A release of a bundle file that has just begun a step."""
    command = [str(VPSDEPLOY), "release", "--json", "--bundle", str(file), *options]
    process = subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE)
    wait_for(process, step)
    return process


def wait_for(process: subprocess.Popen[bytes], step: str) -> None:
    """Read the progress of a command until a step has begun."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event.get("state") == "started" and event["n"] and event["title"].startswith(step):
            return
    raise AssertionError(f"the command ended before {step}")
