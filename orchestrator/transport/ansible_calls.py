"""Count the module calls of a task: the programs that Ansible sends to the host. A run's time is made of them.

The rule, one number for each task and host (a loop: for each item that was not skipped):

    0   the action never leaves the controller, it was delegated to the controller, or the task was
        skipped or found the host unreachable
    2   the action asks the host first, then sends (copy, template and the like: stat, then copy or file)
    1   everything else, our own vpsdeploy_* actions among it

Source: ansible-core's action plugins; measured: an unchanged `copy` costs two calls' time, `file` one.
"""

from __future__ import annotations

from typing import Any

_CONTROLLER_ONLY = frozenset({
    "add_host", "assert", "debug", "fail", "group_by", "import_playbook", "import_role", "import_tasks",
    "include_role", "include_tasks", "include_vars", "meta", "pause", "set_fact", "set_stats", "validate_argument_spec",
})  # fmt: skip
_TWO_CALLS = frozenset({"assemble", "copy", "fetch", "script", "template", "unarchive"})
_CONTROLLER_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def count(action: str, result: dict[str, Any]) -> int:
    """The module calls of one ended task.

    Args:
        action: The task's action, with or without its collection.
        result: The task's result as Ansible's event gives it (`res`).
    """
    if _delegated_to(result) in _CONTROLLER_NAMES:
        return 0
    return _calls_each(action.rpartition(".")[2]) * _runs(result)


def _calls_each(name: str) -> int:
    if name in _CONTROLLER_ONLY:
        return 0
    return 2 if name in _TWO_CALLS else 1


def _runs(result: dict[str, Any]) -> int:
    items = result.get("results")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return 1
    return sum(1 for item in items if not item.get("skipped"))


def _delegated_to(result: dict[str, Any]) -> str:
    delegated = result.get("_ansible_delegated_vars")
    return str(delegated.get("ansible_host", "")) if isinstance(delegated, dict) else ""
