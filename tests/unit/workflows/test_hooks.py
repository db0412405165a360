"""Hooks at work in a release: what a failing one undoes, at each phase, and who is told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import ProjectError, ReleaseFailed
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed
from orchestrator.plan import settings
from orchestrator.plan.release import Target, idle_colour
from orchestrator.transport import local
from orchestrator.transport.bundle_stream import FromBundle
from orchestrator.workflows.audience import told
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.hooks import Hooks
from orchestrator.workflows.sending import Sending
from tests.support.bundles import one_file
from tests.support.changes import NEW, OLD, Silent, live_fleet
from tests.support.fleet import APP, FakeFleet, stage

TWO = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])


def config(tmp_path: Path, **written: Any) -> AppConfig:
    """A configuration whose project is a directory of the test."""
    made = AppConfig.model_validate({"app": APP, **written})
    made._project_dir = tmp_path
    return made


def release(fleet: FakeFleet, app: AppConfig, reporter: Silent | None = None) -> Changed:
    """One release, with everybody told."""

    def decide(facts: FleetFacts) -> Target:
        return Target(
            NEW, idle_colour(facts), settings.of(app, "dist/main.js", "24.21.0"), asdict(shipped.manifest)
        )

    shipped = one_file(Path.cwd())
    reporter = reporter or Silent()
    context = Context(app, TWO, fleet, local.this_process())
    with told(context, reporter, "release") as audience:
        facts = context.facts()
        audience.started(NEW, facts)
        acts = Sending(FromBundle(shipped), context, reporter).acts
        return ChangeOver(context, reporter, facts, decide, "release", acts).run()


@pytest.mark.parametrize("where", ["app", "controller"])
@pytest.mark.parametrize("phase", ["before_start", "after_gate", "after_flip"])
def test_a_failing_hook_leaves_users_on_the_old_release(tmp_path: Path, phase: str, where: str) -> None:
    """Before the flip nothing was changed; after it every load balancer is back; the error names the hook."""
    fleet = live_fleet(TWO)
    app = config(tmp_path, hooks={phase: ({"run": "false", "where": where},)})
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, app)
    assert caught.value.step.endswith(f"{phase}: false")
    assert "false: it ended with exit code 1" in caught.value.why
    assert caught.value.next == f"correct hooks.{phase} in vpsdeploy.yml, or leave hooks out with --no-hooks"
    assert f"live is {OLD} on all hosts" in caught.value.state
    assert ("the flip was undone" if phase == "after_flip" else "nothing was flipped") in caught.value.state
    assert fleet.summary() == {("green", OLD)}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())


@pytest.mark.parametrize("where", ["app", "controller"])
def test_a_hook_that_fails_after_the_confirmation_is_a_warning(tmp_path: Path, where: str) -> None:
    """The release stands, and what comes behind the hook is done: the old pool is drained, the lock given back."""
    fleet = live_fleet(TWO)
    changed = release(fleet, config(tmp_path, hooks={"after_confirm": ({"run": "false", "where": where},)}))
    assert changed.release == NEW
    assert changed.warnings == ("after_confirm: false: false: it ended with exit code 1",)
    assert all(host.lock is None and host.pools["green"] is None for host in fleet.hosts.values())


def test_a_hook_of_the_app_runs_in_the_new_release_on_one_host(tmp_path: Path) -> None:
    """Once, and it is told what goes on."""
    fleet = live_fleet(TWO)
    release(fleet, config(tmp_path, hooks={"before_start": ({"run": "node seed.js", "where": "app"},)}))
    (asked,) = (request for host in fleet.hosts.values() for request in host.hooks)
    assert (asked["release"], asked["command"]) == (NEW, "node seed.js")
    assert asked["env"]["VPSDEPLOY_PREVIOUS"] == OLD


def test_what_a_hook_writes_is_shown_as_it_comes(tmp_path: Path) -> None:
    """With its phase before each line."""
    reporter = Silent()
    app = config(tmp_path, hooks={"after_gate": ('echo "smoke of $VPSDEPLOY_RELEASE"',)})
    release(live_fleet(TWO), app, reporter)
    assert f"  after_gate | smoke of {NEW}" in reporter.told


def test_hooks_of_a_failure_run_when_it_was_undone(tmp_path: Path) -> None:
    """Each of them, whatever became of the one before; they learn what failed; the error is the release's own."""
    fleet, reporter = live_fleet(TWO), Silent()
    say = 'echo "$VPSDEPLOY_RESULT $VPSDEPLOY_ERROR" > told'
    app = config(tmp_path, hooks={"after_flip": ("exit 3",), "on_failure": ("false", say)})
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, app, reporter)
    assert "exit 3" in caught.value.why
    assert (tmp_path / "told").read_text() == "returned a hook failed\n"
    assert "on_failure" in str([line for line in reporter.told if line.startswith("warning: ")])


def test_a_hook_for_the_apps_sandbox_never_runs_here(tmp_path: Path) -> None:
    """The build failed before any host was asked: what was written for a host stays undone, and that is said."""
    hooks = {"on_failure": ({"run": "touch in-the-sandbox", "where": "app"}, "touch here")}
    app, reporter = config(tmp_path, hooks=hooks), Silent()
    context = Context(app, TWO, FakeFleet(TWO), local.this_process())
    with pytest.raises(ProjectError), told(context, reporter, "release"):
        raise ProjectError("the build failed")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert "warning: on_failure: touch in-the-sandbox: not run, no host is known" in reporter.told


def test_hooks_of_the_build_fail_before_any_host_is_touched(tmp_path: Path) -> None:
    """With that said."""
    app = config(tmp_path, hooks={"before_build": ("false",)})
    around = Hooks(app, Silent(), print).around({"command": "build"})
    with pytest.raises(ReleaseFailed) as caught:
        around("before_build")
    assert (caught.value.step, caught.value.state) == ("before_build: false", "no host was touched")
    around("after_build")
