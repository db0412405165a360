"""Run a build's programs: output line by line, and its end kept for the error message."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.errors import ProjectError

Log = Callable[[str], None]
"""Takes one line of a program's output."""

TAIL_LINES = 20


def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Log, what: str) -> None:
    """Run a program to its end; an interruption ends it with everything that it started.

    Args:
        argv: The program and its arguments.
        cwd: Where it runs.
        env: Its whole environment.
        log: Called for each line of output.
        what: For the error: "the build failed".
    Raises: ProjectError: it is not installed, or ended with another code than 0.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with _start(argv, cwd, env, what) as process:
        try:
            for line in process.stdout or ():
                tail.append(line.rstrip())
                log(line.rstrip())
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    if code != 0:
        raise ProjectError(
            what,
            step=" ".join(argv),
            why="\n".join([f"exit code {code}; its last lines:", *tail]),
            state="no host was touched",
            next=f"run it by hand: {' '.join(argv)}",
        )


def _start(argv: Sequence[str], cwd: Path, env: Mapping[str, str], what: str) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            argv, cwd=cwd, env=dict(env), text=True, errors="replace", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ProjectError(what, why=f"{argv[0]} is not installed", next=f"install {argv[0]}") from error


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=5)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
