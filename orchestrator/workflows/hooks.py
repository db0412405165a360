"""Carrying out the hooks of a release, on this machine or in the app's sandbox on a host."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.step import Step
from orchestrator.plan import hooks as plan
from orchestrator.project import hook as here
from orchestrator.report.reporter import Reporter
from orchestrator.workflows.fleet import Context

Answers = dict[str, dict[str, Any]]


class Hooks:
    """What runs the steps of plan/hooks.py.

    Args:
        config: The app.
        reporter: Shows what a hook writes, as it comes.
        warn: Told where a hook fails whose failure does not matter.
        context: How hosts are reached; None where no hook of the command runs on one.
    """

    def __init__(
        self,
        config: AppConfig,
        reporter: Reporter,
        warn: Callable[[str], None],
        context: Context | None = None,
    ) -> None:
        self._config, self._reporter, self._warn, self._context = config, reporter, warn, context

    def act(self, step: Step) -> Answers:
        """Run one hook.

        Raises: ReleaseFailed: it failed, and that matters (it is not `tidy`).
        """
        try:
            return self._run(step)
        except VpsdeployError as error:
            phase = step.request["env"]["VPSDEPLOY_PHASE"]
            error.next = f"correct hooks.{phase} in vpsdeploy.yml, or leave hooks out with --no-hooks"
            if not step.tidy:
                raise
            self._warn(f"{step.title}: {error.why or error.what}")
            return {}

    def around(self, told: dict[str, str]) -> Callable[[str], None]:
        """What runs the hooks of a phase that is no part of a transaction: of the build."""

        def phase(name: str) -> None:
            for step in plan.steps(self._config, name, told):
                self._alone(step)

        return phase

    def _alone(self, step: Step) -> None:
        self._reporter.started(step.title)
        begin = time.monotonic()
        try:
            self.act(step)
        except VpsdeployError as error:
            error.step = error.step or step.title
            error.state = error.state or "no host was touched"
            raise
        self._reporter.finished(step.title, time.monotonic() - begin)

    def _run(self, step: Step) -> Answers:
        def told(_: str, event: dict[str, Any]) -> None:
            self._say(step, str(event.get("line", "")))

        if step.hosts and self._context:
            return {
                host: self._context.call(host, "hook", step.request, on_event=told) for host in step.hosts
            }
        asked = step.request
        here.run(
            asked["command"], cwd=self._config.project_dir, env=asked["env"],
            timeout_seconds=asked["timeout_seconds"], log=lambda line: self._say(step, line),
        )  # fmt: skip
        return {}

    def _say(self, step: Step, line: str) -> None:
        phase = step.request["env"]["VPSDEPLOY_PHASE"]
        self._reporter.note(f"  {phase} | {line}")


def after_failure(
    context: Context, reporter: Reporter, error: VpsdeployError, facts: FleetFacts | None
) -> None:
    """Run the hooks of `on_failure`, each whatever became of the others: a failure is a warning."""
    hooks, story = Hooks(context.config, reporter, reporter.note, context), context.story
    told = {
        "command": story.command, "stage": context.stage.name, "release": story.release, "previous": story.previous,
        "result": story.result, "error": error.what + (f" on {error.host}" if error.host else ""),
    }  # fmt: skip
    for hook in plan.homeless(context.config, plan.FAILURE, facts):
        reporter.note(f"warning: {plan.FAILURE}: {hook.run}: not run, no host is known")
    for step in plan.steps(context.config, plan.FAILURE, told, facts):
        try:
            hooks.act(step)
        except VpsdeployError as failed:
            reporter.note(f"warning: {step.title}: {failed.why or failed.what}")
