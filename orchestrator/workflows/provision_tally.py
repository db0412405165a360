"""Add up a run's events: where each host is, what came out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.model.provision import (
    Change,
    HostCounts,
    HostProgress,
    HostResult,
    Output,
    PlanKnown,
    Recap,
    TaskEnded,
    TaskFailure,
    TaskStarted,
    TaskStatus,
)


@dataclass
class _Host:
    n: int = 0
    task: str = ""
    changed: int = 0
    failed: int = 0
    module_calls: int = 0
    seconds: float = 0.0
    changes: list[Change] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    failure: TaskFailure | None = None
    withheld: list[str] = field(default_factory=list)


class Tally:
    """The sums of one run.

    Args:
        hosts: Names in the order of the inventory.
        clock: Seconds, for the time each host took.
    """

    def __init__(self, hosts: tuple[str, ...], clock: Callable[[], float] = time.monotonic) -> None:
        self._hosts = {name: _Host() for name in hosts}
        self._clock, self._began = clock, clock()
        self._of: dict[str, int] = {}
        self._recap: Recap | None = None
        self.complaints: list[str] = []

    def add(self, event: PlanKnown | TaskStarted | TaskEnded | Recap | Output) -> HostProgress | None:
        """Count one event; where its host is now, if it belongs to one."""
        match event:
            case TaskStarted():
                self._hosts[event.host].task = event.task
                return self._progress(event.host, running=1)
            case TaskEnded():
                self._end(self._hosts[event.host], event)
                return self._progress(event.host)
            case PlanKnown():
                self._of = event.tasks
            case Recap():
                self._recap = event
            case Output(is_error=True):
                self.complaints.append(event.text)
        return None

    def _end(self, host: _Host, event: TaskEnded) -> None:
        host.n += 1
        host.module_calls += event.module_calls
        host.seconds = self._clock() - self._began
        host.changed += event.status is TaskStatus.CHANGED
        host.withheld += event.withheld
        host.notices += event.notices
        if event.change:
            host.changes.append(event.change)
        if event.failure:
            host.failed += 1
            host.failure = event.failure

    def _progress(self, name: str, running: int = 0) -> HostProgress:
        host = self._hosts[name]
        return HostProgress(
            name, host.n + running, self._of.get(name, 0), host.task, host.changed, host.failed
        )

    def results(self) -> tuple[HostResult, ...]:
        """What came out, for every host."""
        return tuple(
            HostResult(
                name,
                self._counts(name),
                host.module_calls,
                host.seconds,
                tuple(host.changes),
                withheld=tuple(host.withheld),
                notices=tuple(host.notices),
            )
            for name, host in self._hosts.items()
        )

    def failures(self) -> tuple[TaskFailure, ...]:
        """The failure of each host that did not get through; one that a rescue put right is none."""
        failed = [host for name, host in self._hosts.items() if self._is_failed(name)]
        return tuple(host.failure for host in sorted(failed, key=lambda host: host.seconds) if host.failure)

    def _is_failed(self, name: str) -> bool:
        counts = self._counts(name)
        return bool(counts.failed or counts.unreachable)

    def _counts(self, name: str) -> HostCounts:
        """Ansible's recap, which lacks a host that no task was run on; our own sums where Ansible died before it."""
        if self._recap:
            return self._recap.hosts.get(name, HostCounts())
        host = self._hosts[name]
        return HostCounts(ok=host.n - host.failed, changed=host.changed, failed=host.failed)
