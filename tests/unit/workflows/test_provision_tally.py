"""A run's events add up to what came out."""

from __future__ import annotations

from orchestrator.model.provision import (
    Change,
    HostCounts,
    HostProgress,
    Output,
    PlanKnown,
    Recap,
    TaskEnded,
    TaskFailure,
    TaskStarted,
    TaskStatus,
)
from orchestrator.workflows.provision_tally import Tally


class Clock:
    """Goes on by one second each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The next second."""
        self.now += 1
        return self.now


def test_progress_is_task_n_of_m() -> None:
    """A started task is shown by name, an ended one counts."""
    tally = Tally(("web-1",), Clock())
    tally.add(PlanKnown({"web-1": 4}))
    assert tally.add(TaskStarted("web-1", "Install")) == HostProgress("web-1", 1, 4, "Install")
    ended = TaskEnded("web-1", "Install", TaskStatus.CHANGED, module_calls=1, change=Change("Install"))
    assert tally.add(ended) == HostProgress("web-1", 1, 4, "Install", changed=1)


def test_results_keep_every_host() -> None:
    """A host that nothing was run on is in the result with zeros, and calls and changes are summed."""
    tally = Tally(("web-1", "web-2"), Clock())
    for name in ("A", "B"):
        tally.add(TaskEnded("web-1", name, TaskStatus.CHANGED, module_calls=2, change=Change(name)))
    tally.add(Recap({"web-1": HostCounts(ok=2, changed=2)}))
    first, second = tally.results()
    assert (first.module_calls, first.changes, first.seconds) == (4, (Change("A"), Change("B")), 2.0)
    assert (second.name, second.counts) == ("web-2", HostCounts())


def test_failures_come_in_the_order_of_time() -> None:
    """The host that failed first is first, whatever the inventory's order."""
    tally = Tally(("web-1", "web-2"), Clock())
    late, early = TaskFailure("web-1", "B", "late"), TaskFailure("web-2", "A", "early")
    tally.add(TaskEnded("web-2", "A", TaskStatus.FAILED, failure=early))
    tally.add(TaskEnded("web-1", "B", TaskStatus.UNREACHABLE, failure=late))
    tally.add(Recap({"web-1": HostCounts(unreachable=1), "web-2": HostCounts(failed=1)}))
    assert tally.failures() == (early, late)


def test_a_rescued_failure_is_none() -> None:
    """What a rescue put right is not a failed host: Ansible's recap decides."""
    tally = Tally(("web-1",), Clock())
    tally.add(TaskEnded("web-1", "A", TaskStatus.FAILED, failure=TaskFailure("web-1", "A", "x")))
    tally.add(Recap({"web-1": HostCounts(ok=1)}))
    assert tally.failures() == ()


def test_failures_are_kept_without_a_recap() -> None:
    """An Ansible that died on the way still tells which host had failed."""
    tally = Tally(("web-1",), Clock())
    failure = TaskFailure("web-1", "A", "x")
    tally.add(TaskEnded("web-1", "A", TaskStatus.FAILED, failure=failure))
    assert tally.failures() == (failure,)


def test_complaints_of_ansible_are_kept() -> None:
    """Errors are for the message, ordinary output is not."""
    tally = Tally((), Clock())
    tally.add(Output("hello"))
    tally.add(Output("[ERROR]: no role", is_error=True))
    assert tally.complaints == ["[ERROR]: no role"]
