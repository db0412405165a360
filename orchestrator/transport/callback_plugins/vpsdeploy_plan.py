"""Ansible callback: print how many tasks each host will be given, before the first one runs.

Runs in Ansible's process. Ansible knows the number once the playbook is read, but tells it to nobody:
`--list-tasks` would be a second start of 0.6 s.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: vpsdeploy_plan
type: aggregate
short_description: Tell the number of tasks for each host
description: Prints one line that vpsdeploy reads; a task that is included at run time is not counted.
"""

MARK = "vpsdeploy-plan "
"""Begins the line; transport/ansible_events.py looks for it."""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core ships no type information
    """Counts the tasks of every play when the playbook starts."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "vpsdeploy_plan"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Print the counts as one line of JSON."""
        totals: Counter[str] = Counter()
        for play in playbook.get_plays():
            variables = play.get_variable_manager().get_vars(play=play)
            tasks = _count(play, variables)
            totals.update(dict.fromkeys(variables["ansible_play_hosts_all"], tasks))
        self._display.display(MARK + json.dumps(totals))


def _count(play: Any, variables: dict[str, Any]) -> int:
    gathering = 1 if play.gather_facts else 0
    return gathering + sum(_count_block(block.filter_tagged_tasks(variables)) for block in play.compile())


def _count_block(block: Any) -> int:
    # The rescue part runs only where something failed: it is no part of the plan.
    return sum(_count_entry(entry) for entry in [*block.block, *block.always])


def _count_entry(entry: Any) -> int:
    if hasattr(entry, "always"):
        return _count_block(entry)
    return 0 if entry.action.rpartition(".")[2] == "meta" else 1
