"""The local VPSes: up, status, down; for tests also power and commands past SSH."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.sandbox.lifecycle import Lifecycle
from orchestrator.sandbox.machine import Machine
from orchestrator.sandbox.process import Result
from orchestrator.sandbox.spec import DEFAULT_NAME, SandboxSpec, SandboxStatus

Progress = Callable[[str], None]


def quiet(_text: str) -> None:
    """Report nothing."""


def up(spec: SandboxSpec, project_dir: Path, progress: Progress = quiet) -> SandboxStatus:
    """Make what is missing, start what is stopped, write the stage inventories/<name>.

    Args:
        spec: What is asked for.
        project_dir: The project whose stage it becomes.
        progress: Called with one short line for each thing that takes time.
    Raises: SandboxError, UsageError
    """
    return Lifecycle(Machine()).up(spec, project_dir, progress)


def status(name: str = DEFAULT_NAME) -> SandboxStatus:
    """A sandbox as it is.

    Raises: UsageError: There is none of that name.
    """
    return Lifecycle(Machine()).status(name)


def names() -> tuple[str, ...]:
    """The sandboxes of this machine."""
    return Lifecycle(Machine()).names()


def down(name: str = DEFAULT_NAME, *, everything: bool = False, progress: Progress = quiet) -> bool:
    """Remove one sandbox; with `everything` all of them, the cached images and the namespace.

    Returns: False where there was nothing to remove.
    """
    lifecycle = Lifecycle(Machine())
    return lifecycle.down_all(progress) if everything else lifecycle.down(name, progress)


def power_off(name: str, host: str, *, hard: bool = False) -> None:
    """Shut a host down; hard: cut its power. Its disk, address and host keys stay."""
    one = Lifecycle(Machine()).host(name, host)
    one.cut_power() if hard else one.stop()


def power_on(name: str, host: str) -> None:
    """Start a host that is off and wait until it has booted."""
    one = Lifecycle(Machine()).host(name, host)
    one.start()
    one.wait_until_booted(fresh=False)


def run(name: str, host: str, argv: Sequence[str], *, stdin: str = "", timeout_seconds: float = 60) -> Result:
    """Run a program on a host as root, past SSH: for what a test asserts."""
    return Lifecycle(Machine()).host(name, host).execute(*argv, stdin=stdin, timeout_seconds=timeout_seconds)
