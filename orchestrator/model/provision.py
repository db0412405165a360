"""What happens while hosts are provisioned, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TaskStatus(StrEnum):
    """How a task ended on a host."""

    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Change:
    """What one task changed, or would change.

    Attributes:
        task: The task's name.
        items: What it changed (files, packages, units), where the task names it.
        diff: Unified diff; empty where the task shows none (secrets, packages) or none was asked for.
    """

    task: str
    items: tuple[str, ...] = ()
    diff: str = ""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task failed on a host.

    Attributes:
        state: What is true on the host now, where the task says so itself.
        next: What to do, where it says so.
    """

    host: str
    task: str
    why: str
    state: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class PlanKnown:
    """The play has been read: how many tasks each host will be given (count by host)."""

    tasks: dict[str, int]


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A host begins a task."""

    host: str
    task: str


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A host has ended a task.

    Attributes:
        module_calls: Programs sent to the host for it (transport/ansible_calls.py says how they are counted).
        change: What was changed; None where nothing was.
        failure: Why it failed; None where it did not.
        withheld: Settings that were written and that the host has no say in: a container's kernel is its machine's.
        notices: What our own modules want people to know though nothing failed.
    """

    host: str
    task: str
    status: TaskStatus
    seconds: float = 0.0
    module_calls: int = 0
    change: Change | None = None
    failure: TaskFailure | None = None
    withheld: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostCounts:
    """Ansible's own recap of one host (tasks; `ok` includes the changed ones)."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0


@dataclass(frozen=True, slots=True)
class Recap:
    """The end of the run, as Ansible counts it."""

    hosts: dict[str, HostCounts]


@dataclass(frozen=True, slots=True)
class Output:
    """Text of Ansible that belongs to no task.

    Attributes:
        text: Without colours.
        is_error: Whether Ansible itself complains: a playbook that cannot be read, a broken inventory.
    """

    text: str
    is_error: bool = False


Event = PlanKnown | TaskStarted | TaskEnded | Recap | Output
"""What a run tells while it goes on."""


@dataclass(frozen=True, slots=True)
class HostProgress:
    """One host at one moment: task n of `of` (0 where the number is not known) is running or has ended."""

    name: str
    n: int = 0
    of: int = 0
    task: str = ""
    changed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class HostResult:
    """What came out on one host.

    Attributes:
        audited: Whether the host's own audit found nothing to do, so that Ansible was not needed there.
        withheld: Settings that are written and not in force, because the host has no say in them.
        notices: What is not as it was asked for though no task failed: a certificate that nobody issues yet.
    """

    name: str
    counts: HostCounts
    module_calls: int
    seconds: float
    changes: tuple[Change, ...] = ()
    audited: bool = False
    withheld: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceReady:
    """A database or broker that the app can log in to.

    Attributes:
        service: Which one.
        host: That carries it.
        variable: The secret with its URL.
        changed: What was made or changed for the app there, in words.
    """

    service: str
    host: str
    variable: str
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProvisionResult:
    """What came out on all hosts.

    Attributes:
        check: Whether this was a rehearsal that changes nothing.
        failures: One for each host that failed, in the order of time.
        services: Those that the hosts carry and that the app's login was seen to on.
    """

    stage: str
    hosts: tuple[HostResult, ...]
    check: bool
    seconds: float
    failures: tuple[TaskFailure, ...] = ()
    services: tuple[ServiceReady, ...] = ()
