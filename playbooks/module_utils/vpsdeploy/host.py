"""One module call's view of the host: what it may do, what it changed, how that differed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping


class HostError(Exception):
    """A step could not be carried out; the text says which, why, and what to do."""


class Host:
    """Runs programs and keeps the record that the module answers with.

    Args:
        check_mode: Only say what would change.
        keep_diffs: Also keep the text before and after (Ansible's --diff).
    """

    def __init__(self, check_mode: bool, keep_diffs: bool = False) -> None:
        self.check_mode = check_mode
        self.keep_diffs = keep_diffs
        self.changes: list[str] = []
        self.diffs: list[dict[str, str]] = []
        self.warnings: list[str] = []
        self.withheld: list[str] = []

    def changed(self, what: str, diff: dict[str, str] | None = None) -> None:
        """Record one change that was made or, in check mode, would be made."""
        self.changes.append(what)
        if diff is not None and self.keep_diffs:
            self.diffs.append(diff)

    def attempt(
        self,
        argv: list[str],
        timeout_seconds: float = 900,
        environment: Mapping[str, str] | None = None,
        umask: int = -1,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program and hand back its answer, whatever its exit code.

        Args:
            argv: The program and its arguments.
            timeout_seconds: Longest time that it may take.
            environment: Env variables beside this process's own.
            umask: Other than this process's own; -1 for that.
        Raises: HostError: it does not exist or did not end in time.
        """
        own = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        try:
            return subprocess.run(
                argv,
                capture_output=True,
                text=True,
                errors="replace",
                env={**own, **(environment or {})},
                stdin=subprocess.DEVNULL,
                timeout=timeout_seconds,
                umask=umask,
                check=False,
            )
        except FileNotFoundError as error:
            raise HostError(f"{argv[0]} is not installed on this host") from error
        except subprocess.TimeoutExpired as error:
            raise HostError(f"`{' '.join(argv)}` did not end within {timeout_seconds:.0f} s") from error

    def run(self, argv: list[str], timeout_seconds: float = 900) -> str:
        """Run a program that must succeed; its standard output.

        Raises: HostError: with the last lines of what it said.
        """
        answer = self.attempt(argv, timeout_seconds)
        if answer.returncode != 0:
            raise HostError(f"`{' '.join(argv)}` exited with {answer.returncode}: {tail(answer)}")
        return answer.stdout


def tail(answer: subprocess.CompletedProcess[str], lines: int = 15) -> str:
    """The last lines a program wrote, errors first choice."""
    text = answer.stderr.strip() or answer.stdout.strip() or "it said nothing"
    return "\n".join(text.splitlines()[-lines:])
