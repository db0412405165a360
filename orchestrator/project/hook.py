"""A hook on this machine: output line by line, and an end in time, with everything that it started."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from orchestrator.errors import ReleaseFailed
from orchestrator.secret import without_key

TAIL_LINES = 20
_MOST_LINE_BYTES = 4096
"""A longer line is passed on in parts: a hook without line ends must not fill our memory."""
_STOP_SECONDS = 3.0
"""Between the polite end of a hook that took too long and the other one (our choice)."""
_MARK = "VPSDEPLOY_HOOK_ID"
"""Inherited by all that a hook starts: finds those that left its process group, as CI servers do."""


def run(
    command: str, *, cwd: Path, env: Mapping[str, str], timeout_seconds: float, log: Callable[[str], None]
) -> None:
    """Run a shell command to its end.

    Args:
        command: For sh.
        cwd: Where it runs.
        env: Variables beside our own environment.
        timeout_seconds: After this it is ended.
        log: Called for each line of output, from another thread.
    Raises: ReleaseFailed: it ended with another code than 0, or not in time; with the tail of its output.
    """
    mark, tail = secrets.token_hex(8), deque[str](maxlen=TAIL_LINES)
    process = subprocess.Popen(
        ["sh", "-c", command], cwd=cwd, env={**without_key(os.environ), **env, _MARK: mark}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    reader = threading.Thread(target=_read, args=(process.stdout, tail, log), daemon=True)
    reader.start()
    limit = ""
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        limit = f"{timeout_seconds:g} s"
    finally:
        _end(process, mark)
        reader.join(_STOP_SECONDS)
    if limit or process.returncode != 0:
        raise _failed(command, process.returncode, list(tail), limit)


def _read(pipe: IO[bytes] | None, tail: deque[str], log: Callable[[str], None]) -> None:
    with contextlib.closing(pipe) if pipe else contextlib.nullcontext():
        while pipe and (line := pipe.readline(_MOST_LINE_BYTES)):
            text = line.decode(errors="replace").rstrip("\r\n")
            tail.append(text)
            log(text)


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End whatever of the hook still runs: politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _running(process, mark):
            break
        for pid in _running(process, mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        deadline = time.monotonic() + _STOP_SECONDS
        while _running(process, mark) and time.monotonic() < deadline:
            time.sleep(0.05)
    process.wait()


def _running(process: subprocess.Popen[bytes], mark: str) -> set[int]:
    """The shell, and all that carry the mark."""
    shell = {process.pid} if process.poll() is None else set[int]()
    return shell | set(_marked(mark))


def _marked(mark: str) -> Iterator[int]:
    """Processes that inherited the mark and have not ended; none where there is no /proc."""
    wanted = f"{_MARK}={mark}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name)


def _failed(command: str, code: int, tail: list[str], limit: str) -> ReleaseFailed:
    how = f"it did not end within {limit} and was ended" if limit else f"it ended with exit code {code}"
    why = "\n".join([f"{command}: {how}" + ("; its last lines:" if tail else ""), *tail])
    return ReleaseFailed("a hook failed", why=why)
