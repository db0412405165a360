"""A command under test: the product's command line as a process of its own, held when the fault strikes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.drills.steps import Moment, Step
from tests.support.vps import VPSDEPLOY

REPOSITORY = Path(__file__).parents[2]
TIMEOUT_SECONDS = 420
"""A command that is not done by then hangs: the longest waits for lost hosts add up to about two minutes."""


class Command:
    """One run of `vpsdeploy`.

    Args:
        path: The project's directory.
        arguments: The command with its options; --json is added.
        at: Where to hold it; None lets it run.
        env: Further variables.
    """

    def __init__(
        self, path: Path, arguments: tuple[str, ...], at: tuple[Step, Moment] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        held = (sys.executable, "-m", "tests.drills.held", at[0].name, at[1].name) if at else (VPSDEPLOY,)
        self.arguments = arguments
        self.lines: list[dict[str, Any]] = []
        self._held, self._ended = threading.Event(), threading.Event()
        self._process = subprocess.Popen(
            [*held, *arguments, "--json"], cwd=path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})},
        )  # fmt: skip
        self._stderr = b""
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def wait_until_held(self) -> None:
        """Until it has come to the moment."""
        self._held.wait(TIMEOUT_SECONDS)
        assert not self._ended.is_set(), f"it ended before: {self.describe()}"
        assert self._held.is_set(), f"it did not come there: {self.describe()}"

    def go_on(self) -> None:
        """Let it run."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it was killed, or has been told already
            self._process.stdin.write(b"\n")
            self._process.stdin.close()

    def send(self, number: signal.Signals) -> None:
        """A signal to the process."""
        self._process.send_signal(number)

    def end(self) -> None:
        """Kill it, whatever it does: a drill that failed must not leave it, with its locks, to the next one."""
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        """Its exit code; negative: killed by that signal."""
        try:
            code = self._process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"it hangs: {self.describe()}") from None
        for thread in self._threads:
            thread.join(10)
        self.go_on()
        return code

    @property
    def error(self) -> dict[str, Any]:
        """The error that it ended with; empty where there was none."""
        last: dict[str, Any] = self.lines[-1] if self.lines else {}
        found: dict[str, Any] = last.get("error", {}) if last.get("ok") is False else {}
        return found

    @property
    def result(self) -> dict[str, Any]:
        """Its result."""
        return self.lines[-1] if self.lines else {}

    def describe(self) -> str:
        """What it said, for an assertion's message."""
        said = "\n".join(json.dumps(line) for line in self.lines[-6:])
        return (
            f"vpsdeploy {' '.join(self.arguments)}\n{said}\n{self._stderr.decode(errors='replace')[-2000:]}"
        )

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                found = json.loads(line)
                if found["kind"] == "held":
                    self._held.set()
                else:
                    self.lines.append(found)
        self._ended.set()
        self._held.set()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as errors:
            self._stderr = errors.read()
