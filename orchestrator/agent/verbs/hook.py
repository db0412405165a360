"""hook: a command at one phase of a release, with the app's user, files, environment, sandbox and limits.

systemd ends it in time, with everything that it started.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from typing import IO, Any

from orchestrator.agent import oneoff, pools
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed, UsageError

_NAME = re.compile(r"VPSDEPLOY_[A-Z_]{1,40}")
_MOST_SECONDS = 3600.0
_STOP_SECONDS = 5
"""Between the polite end of a hook that took too long and the other one (our choice)."""
_MOST_LINE_BYTES = 4096
"""A longer line is passed on in parts: a hook without line ends must not fill our memory."""
_TAIL_LINES = 20


def hook(call: Call) -> dict[str, Any]:
    """Run the command and pass on what it writes, line by line.

    Raises: ReleaseFailed: it ended with another code than 0, or not in time; with the tail of its output.
    """
    command, seconds = (
        call.request.text("command"),
        call.request.seconds("timeout_seconds", most=_MOST_SECONDS),
    )
    told = _environment(call.request.fields.get("env") or {})
    identifier = call.request.release if call.request.text("release", "") else pools.current(call.app)
    if identifier is None:
        raise ReleaseFailed(
            "the hook cannot run", why="no release is live yet, and it runs in the directory of one"
        )
    unit = f"vpsdeploy-hook-{call.app.name}-{os.urandom(4).hex()}"
    variables = call.layout.run / f"{unit}.env"
    begin = time.monotonic()
    try:
        properties = oneoff.properties(call, identifier, variables, told)
        properties += [
            f"RuntimeMaxSec={seconds:g}",
            f"TimeoutStopSec={_STOP_SECONDS}",
            "KillMode=control-group",
        ]
        code, tail = _run(call, _words(unit, properties, command))
    finally:
        variables.unlink(missing_ok=True)
    took = time.monotonic() - begin
    if code != 0:
        raise _failed(command, code, tail, f"{seconds:g} s" if took >= seconds else "")
    return {"release": identifier, "seconds": round(took, 3)}


def _environment(raw: Any) -> dict[str, str]:
    if not isinstance(raw, dict) or not all(
        isinstance(name, str) and isinstance(value, str) and _NAME.fullmatch(name)
        for name, value in raw.items()
    ):
        raise UsageError(
            "the request is wrong", why="env is not an object of texts that are named VPSDEPLOY_..."
        )
    return dict(raw)


def _words(unit: str, properties: list[str], command: str) -> list[str]:
    run = ["systemd-run", f"--unit={unit}", "--wait", "--quiet", "--collect", "--pipe"]
    return [*run, *(f"--property={line}" for line in properties), "--", *oneoff.words(["sh", "-c", command])]


def _run(call: Call, words: list[str]) -> tuple[int, list[str]]:
    """Returns: the exit code, and the last lines."""
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for line in _lines(process.stdout):
            tail.append(line)
            call.answers.progress(line=line)
    return process.returncode, list(tail)


def _lines(pipe: IO[bytes] | None) -> Iterator[str]:
    while pipe and (line := pipe.readline(_MOST_LINE_BYTES)):
        yield line.decode(errors="replace").rstrip("\r\n")


def _failed(command: str, code: int, tail: list[str], limit: str) -> ReleaseFailed:
    how = f"it did not end within {limit} and was ended" if limit else f"it ended with exit code {code}"
    why = "\n".join([f"{command}: {how}" + ("; its last lines:" if tail else ""), *tail])
    return ReleaseFailed("a hook failed", why=why)
