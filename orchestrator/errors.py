"""Every error that a user can see, with its exit code.

VpsdeployError
├── UsageError            2   the command line is wrong (unknown host, unknown release, ...)
├── ConfigError           3   vpsdeploy.yml or the inventory is wrong; nothing was touched
├── ProjectError          4   the NestJS project cannot be built or released as it is
├── HostUnreachable       5   no SSH connection, host key, login or sudo
├── HostNotReady          6   reached, but not provisioned, another agent version, disk full, ...
├── ProvisionFailed       7   Ansible reported a failed task
├── ReleaseFailed         8   a release step failed; users see what they saw before
├── LockHeld              9   somebody else is releasing
├── SandboxError         10   the local VPSes cannot be made, reached or removed
├── BackupFailed         11   a backup, its verification, a restore or a drill failed
├── InternalError        70   our own mistake
└── Interrupted         130   Ctrl-C
"""

from __future__ import annotations

from typing import ClassVar


class VpsdeployError(Exception):
    """What failed, where, at which step, why, what state things are in, and what to type next.

    Args:
        what: One clause, lower case, no full stop: "health check failed".
        host: Inventory name, with the stage where it helps; empty where no host is concerned.
        step: "4 of 9, wait for instance shop@4101"; empty outside a sequence of steps.
        why: The cause as it was seen: a value, an answer, an exit code with the tail of the output.
        state: What is true now: what was changed, what was not.
        next: A command or an edit to make.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        what: str,
        *,
        host: str = "",
        step: str = "",
        why: str = "",
        state: str = "",
        next: str = "",  # noqa: A002 - the word users see
    ) -> None:
        super().__init__(what)
        self.what, self.host, self.step = what, host, step
        self.why, self.state, self.next = why, state, next

    def lines(self) -> list[str]:
        """The message for people, one field a line, empty fields left out (layout: style.md, Errors)."""
        first = f"error: {self.what}" + (f" on {self.host}" if self.host else "")
        fields = (("step", self.step), ("why", self.why), ("state", self.state), ("next", self.next))
        return [first, *(f"{name + ':':<7}{_indent(text)}" for name, text in fields if text)]

    def as_dict(self) -> dict[str, str | int]:
        """The same for --json."""
        return {
            "kind": type(self).__name__, "exit_code": self.exit_code, "what": self.what, "host": self.host,
            "step": self.step, "why": self.why, "state": self.state, "next": self.next,
        }  # fmt: skip

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _indent(text: str) -> str:
    return text.rstrip("\n").replace("\n", "\n       ")


class UsageError(VpsdeployError):
    """The command line is wrong: nothing was touched."""

    exit_code = 2


class ConfigError(VpsdeployError):
    """vpsdeploy.yml or the inventory is wrong: nothing was touched."""

    exit_code = 3


class ProjectError(VpsdeployError):
    """The NestJS project cannot be built or released as it is: no host was touched."""

    exit_code = 4


class HostUnreachable(VpsdeployError):
    """No SSH connection, an unknown or changed host key, a refused login or refused sudo."""

    exit_code = 5


class HostNotReady(VpsdeployError):
    """Reached, but not provisioned, of another agent version, without disk space or Node."""

    exit_code = 6


class ProvisionFailed(VpsdeployError):
    """Ansible reported a failed or unreachable task."""

    exit_code = 7


class ReleaseFailed(VpsdeployError):
    """A release step failed; the error's state says what users see now."""

    exit_code = 8


class LockHeld(VpsdeployError):
    """Another release, rollback or maintenance holds the app's lock."""

    exit_code = 9


class SandboxError(VpsdeployError):
    """The local VPSes cannot be made, reached or removed."""

    exit_code = 10


class BackupFailed(VpsdeployError):
    """A backup, its verification, a restore or a drill failed; the error's state says what is true of the data."""

    exit_code = 11


class InternalError(VpsdeployError):
    """Our own mistake: an unexpected exception."""

    exit_code = 70


class Interrupted(VpsdeployError):
    """Ctrl-C or SIGTERM; the error's state says what was undone."""

    exit_code = 130
