"""Recorded event streams of ansible-runner become ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.model.provision import (
    Event,
    HostCounts,
    Output,
    PlanKnown,
    Recap,
    TaskEnded,
    TaskFailure,
    TaskStarted,
    TaskStatus,
)
from orchestrator.transport import ansible_events

STREAMS = Path(__file__).parent / "data"


def events(name: str) -> list[Event]:
    """The parsed events of one recorded stream."""
    lines = (STREAMS / f"{name}.jsonl").read_text().splitlines()
    return [event for event in map(ansible_events.parse, map(json.loads, lines)) if event]


def ended(name: str, host: str) -> dict[str, TaskEnded]:
    """The ended tasks of one host by name."""
    found = [event for event in events(name) if isinstance(event, TaskEnded)]
    return {event.task: event for event in found if event.host == host}


def test_the_plan_line_tells_the_tasks_of_each_host() -> None:
    """The line of our callback becomes the totals, and is no output."""
    assert [e for e in events("provision_ok") if isinstance(e, PlanKnown)] == [
        PlanKnown({"web-1": 10, "web-2": 9})
    ]


def test_every_started_task_ends() -> None:
    """A host's tasks start and end in pairs, in a stream with failures too."""
    stream = events("provision_two_fail")
    started = [(e.host, e.task) for e in stream if isinstance(e, TaskStarted)]
    assert sorted(started) == sorted((e.host, e.task) for e in stream if isinstance(e, TaskEnded))


def test_the_recap_is_ansibles_own() -> None:
    """The recap counts what Ansible counts: rescued and ignored failures are none."""
    (recap,) = (e for e in events("provision_two_fail") if isinstance(e, Recap))
    assert recap.hosts["web-1"] == HostCounts(ok=7, changed=3, failed=1, unreachable=0)
    assert recap.hosts["web-2"] == HostCounts(ok=7, changed=3, failed=1, unreachable=0)


def test_a_loop_is_one_task_with_a_call_for_each_item() -> None:
    """Three items are three module calls, and their paths name the change."""
    task = ended("provision_two_fail", "web-1")["Make directories"]
    assert (task.status, task.module_calls) == (TaskStatus.CHANGED, 3)
    assert task.change
    assert task.change.items == ("/srv/a", "/srv/b", "/srv/c")


def test_a_failing_loop_tells_the_first_failed_item() -> None:
    """The cause is the item's message and standard error, not "one or more items failed"."""
    failure = ended("provision_two_fail", "web-2")["Fail in a loop"].failure
    assert failure
    assert failure.why == "non-zero return code\nx failed"


def test_a_failing_secret_task_tells_nothing() -> None:
    """What no_log hides is not in the cause."""
    failure = ended("provision_two_fail", "web-1")["Fail secretly"].failure
    assert failure
    assert failure.why == "hidden, because the task handles a secret (no_log)"


def test_an_ignored_failure_is_no_failure() -> None:
    """ignore_errors takes a failure out of the result."""
    task = ended("provision_ok", "web-1")["Try something"]
    assert (task.status, task.failure) == (TaskStatus.IGNORED, None)


def test_a_rehearsal_has_a_unified_diff() -> None:
    """Check mode's before and after become a diff with the file's name."""
    change = ended("provision_check", "web-1")["Write a file"].change
    assert change
    assert change.diff.splitlines() == [
        "--- /etc/hello", "+++ /etc/hello", "@@ -1 +1 @@", "-hello shop", "+hello shop2",
    ]  # fmt: skip


def test_a_secret_change_is_counted_without_its_content() -> None:
    """A no_log task that changed something is a change without a diff."""
    change = ended("provision_check", "web-1")["Write a secret"].change
    assert change
    assert (change.diff, change.items) == ("", ())


def test_an_unreachable_host_is_a_failure_without_module_calls() -> None:
    """Nothing was sent to a host that could not be reached."""
    raw = {
        "event": "runner_on_unreachable",
        "event_data": {
            "host": "web-1", "task": "Ping", "task_action": "ping",
            "res": {"unreachable": True, "msg": "Failed to connect to the host via ssh: timed out"},
        },
    }  # fmt: skip
    event = ansible_events.parse(raw)
    assert isinstance(event, TaskEnded)
    assert (event.status, event.module_calls) == (TaskStatus.UNREACHABLE, 0)
    assert event.failure
    assert event.failure.why == "Failed to connect to the host via ssh: timed out"


def test_ansibles_own_complaint_is_an_error_output() -> None:
    """A playbook that cannot be read shows as an error without colours."""
    raw: dict[str, Any] = {"event": "error", "stdout": "\x1b[1;31m[ERROR]: the role 'x' was not found\x1b[0m"}
    assert ansible_events.parse(raw) == Output("[ERROR]: the role 'x' was not found", is_error=True)


def test_blank_output_and_unknown_events_are_nothing() -> None:
    """What nobody needs to know is dropped."""
    assert ansible_events.parse({"event": "verbose", "stdout": "\r\n"}) is None
    assert ansible_events.parse({"event": "playbook_on_task_start", "event_data": {"task": "x"}}) is None


def test_no_recorded_event_shows_a_secret() -> None:
    """Nothing that we make of the streams holds the marker that their secret tasks wrote."""
    for stream in STREAMS.glob("*.jsonl"):
        assert "marker-secret" not in repr(events(stream.stem)), stream.name


def test_what_a_module_says_is_withheld_is_told() -> None:
    """Settings that are written and that a container's kernel does not take."""
    raw = {
        "event": "runner_on_ok",
        "event_data": {
            "host": "web-1",
            "task": "T",
            "res": {"changed": False, "withheld": ["fs.suid_dumpable"]},
        },
    }
    event = ansible_events.parse(raw)
    assert isinstance(event, TaskEnded)
    assert event.withheld == ("fs.suid_dumpable",)


def test_a_failed_task_may_say_what_is_true_now() -> None:
    """A guarded change that was taken back tells what became of it, and what to do."""
    result = {"msg": "refused", "vpsdeploy_state": "as before", "vpsdeploy_next": "mend it"}
    raw = {"event": "runner_on_failed", "event_data": {"host": "web-1", "task": "Apply", "res": result}}
    event = ansible_events.parse(raw)
    assert isinstance(event, TaskEnded)
    assert event.failure == TaskFailure("web-1", "Apply", "refused", "as before", "mend it")
