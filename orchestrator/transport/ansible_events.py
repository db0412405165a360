"""Turn the events of ansible-runner into ours; pure, so that recorded streams test it."""

from __future__ import annotations

import json
import re
from typing import Any

from orchestrator.model.provision import (
    Change,
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
from orchestrator.transport import ansible_calls, ansible_diff

PLAN_MARK = "vpsdeploy-plan "
"""Begins the line of callback_plugins/vpsdeploy_plan.py."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TAIL_LINES = 20
_ENDED = {
    "runner_on_ok": TaskStatus.OK,
    "runner_on_failed": TaskStatus.FAILED,
    "runner_on_skipped": TaskStatus.SKIPPED,
    "runner_on_unreachable": TaskStatus.UNREACHABLE,
}


def parse(raw: dict[str, Any]) -> Event | None:
    """One event of ours, or None where nobody needs to know."""
    kind, fields = raw.get("event", ""), raw.get("event_data") or {}
    if kind == "runner_on_start":
        return TaskStarted(fields["host"], _task_name(fields))
    if kind in _ENDED:
        return _ended(_ENDED[kind], fields, shown=raw.get("stdout", ""))
    if kind == "playbook_on_stats":
        return _recap(fields)
    if kind in ("verbose", "warning", "error", "system_warning", "deprecated"):
        return _output(kind, _COLOURS.sub("", raw.get("stdout", "")))
    return None


def _output(kind: str, text: str) -> Event | None:
    if text.startswith(PLAN_MARK):
        return PlanKnown(json.loads(text.removeprefix(PLAN_MARK)))
    return Output(text, is_error=kind == "error" or text.startswith("[ERROR]")) if text.strip() else None


def _ended(status: TaskStatus, fields: dict[str, Any], shown: str) -> TaskEnded:
    result = fields.get("res") or {}
    host, task = fields["host"], _task_name(fields)
    if status is TaskStatus.OK and _is_changed(result, shown):
        status = TaskStatus.CHANGED
    if status is TaskStatus.FAILED and fields.get("ignore_errors"):
        status = TaskStatus.IGNORED
    failed = status in (TaskStatus.FAILED, TaskStatus.UNREACHABLE)
    sent = status not in (TaskStatus.SKIPPED, TaskStatus.UNREACHABLE)
    return TaskEnded(
        host=host,
        task=task,
        status=status,
        seconds=fields.get("duration") or 0.0,
        module_calls=ansible_calls.count(fields.get("task_action", ""), result) if sent else 0,
        change=Change(task, *ansible_diff.of_result(result)) if status is TaskStatus.CHANGED else None,
        failure=_failure(host, task, result) if failed else None,
        withheld=tuple(result.get("withheld") or ()),
        notices=tuple(str(text) for text in result.get("notices") or ()),
    )


def _failure(host: str, task: str, result: dict[str, Any]) -> TaskFailure:
    """A guarded change tells itself what became of it (playbooks/action_plugins/vpsdeploy_apply.py)."""
    state, following = (str(result.get(f"vpsdeploy_{key}") or "") for key in ("state", "next"))
    return TaskFailure(host, task, why(result), state, following)


def _is_changed(result: dict[str, Any], shown: str) -> bool:
    """A censored result has lost its `changed`; what Ansible shows for it has not."""
    if "censored" in result:
        return _COLOURS.sub("", shown).startswith("changed:")
    return bool(result.get("changed"))


def _task_name(fields: dict[str, Any]) -> str:
    return str(fields.get("task") or fields.get("task_action") or "")


def why(result: dict[str, Any]) -> str:
    """The cause in a failed task's result: its message, then the tail of what the program said."""
    result = _first_failed_item(result)
    if "censored" in result:
        return "hidden, because the task handles a secret (no_log)"
    parts = [str(result.get(key) or "") for key in ("msg", "stderr", "module_stderr")]
    if not any(parts):
        parts = [
            str(
                result.get("stdout")
                or result.get("module_stdout")
                or f"exit code {result.get('rc', 'unknown')}"
            )
        ]
    return "\n".join(dict.fromkeys(_tail(part) for part in parts if part.strip()))


def _first_failed_item(result: dict[str, Any]) -> dict[str, Any]:
    items = result.get("results")
    failed = (
        [item for item in items if isinstance(item, dict) and item.get("failed")]
        if isinstance(items, list)
        else []
    )
    return failed[0] if failed else result


def _tail(text: str) -> str:
    return "\n".join(_COLOURS.sub("", text).strip().splitlines()[-_TAIL_LINES:])


def _recap(fields: dict[str, Any]) -> Recap:
    def count(kind: str, host: str) -> int:
        return int((fields.get(kind) or {}).get(host, 0))

    hosts = fields.get("processed") or {}
    return Recap(
        {
            host: HostCounts(
                count("ok", host), count("changed", host), count("failures", host), count("dark", host)
            )
            for host in hosts
        }
    )
