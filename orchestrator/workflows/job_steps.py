"""Carrying out the steps `jobs`: each host is told its own share, and what another knew of entries that come to it."""

from __future__ import annotations

from typing import Any

from orchestrator.model.step import Step
from orchestrator.transport.agent import OnEvent
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.parallel import each


class JobSteps:
    """The steps of one command, in order.

    Args:
        context: The hosts.
        told: Told about progress, by host.
    """

    def __init__(self, context: Context, told: OnEvent | None = None) -> None:
        self._context, self._told = context, told
        self._handover: dict[str, Any] = {}

    def run(self, step: Step) -> dict[str, dict[str, Any]]:
        """One step on all its hosts.

        Raises: VpsdeployError: of the first host that failed.
        """
        answers = each(step.hosts, lambda host: self._ask(host, step)).or_raise()
        for answer in answers.values():
            self._handover |= answer.get("handover") or {}
        return answers

    def _ask(self, host: str, step: Step) -> dict[str, Any]:
        share = step.request["on"][host]
        known = {name: self._handover[name] for name in share["cron"] if name in self._handover}
        request = {**share, **({"handover": known} if known else {})}
        return self._context.call(host, step.verb, request, on_event=self._told)
