"""Hooks as steps of a plan."""

from __future__ import annotations

from typing import Any

from orchestrator.config.app import AppConfig
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan import hooks, settings
from orchestrator.plan.release import CONFIRM_SECONDS, Target, idle_colour, steps
from tests.support.fleet import APP, FakeHost, stage

STAGE = stage("web-1", "web-2", balancers=["lb-1"])
FACTS = FleetFacts(STAGE, tuple(host.parse(h.name, APP, FakeHost(h).facts({})) for h in STAGE.hosts))
RELEASE = "20261102000000-bbbbbbbb"


def plan(**written: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    """(verb, title, hosts) of a release with some hooks."""
    config = AppConfig.model_validate({"app": APP, "hooks": written})
    target = Target(
        RELEASE, idle_colour(FACTS), settings.of(config, "m.js", "24.21.0"), {"digest": "d", "files": []}
    )
    return [(step.verb, step.title, step.hosts) for step in steps(config, FACTS, target)]


def test_each_phase_has_its_place() -> None:
    """Before the start, between gate and flip, between flip and confirm, after it."""
    phases = ("before_start", "after_gate", "after_flip", "after_confirm")
    order = [title if verb == "hook" else verb for verb, title, _ in plan(**dict.fromkeys(phases, ("x",)))]
    places = {name: order.index(f"{name}: x") for name in phases}
    assert order[places["before_start"] + 1] == "start"
    assert (order[places["after_gate"] - 1], order[places["after_gate"] + 1]) == ("gate", "flip")
    assert (order[places["after_flip"] - 1], order[places["after_flip"] + 1]) == ("flip", "confirm")
    assert (order[places["after_confirm"] - 1], order[places["after_confirm"] + 1]) == ("confirm", "prune")


def test_without_hooks_there_is_no_step() -> None:
    """Nothing costs anything."""
    assert "hook" not in {verb for verb, _, _ in plan()}


def test_a_hook_of_the_app_runs_on_one_host() -> None:
    """The first app host, for all; one of the controller on none."""
    found = plan(after_gate=({"run": "smoke", "where": "app"}, "curl x"))
    assert [hosts for verb, _, hosts in found if verb == "hook"] == [("web-1",), ()]


def test_a_hook_learns_what_goes_on() -> None:
    """Under names that begin with VPSDEPLOY_; what is not known is not there."""
    config = AppConfig.model_validate({"app": APP, "hooks": {"after_flip": ({"run": "x", "where": "app"},)}})
    told = {"release": RELEASE, "previous": "", "stage": "production", "command": "release"}
    (step,) = hooks.steps(config, "after_flip", told, FACTS, of=RELEASE)
    assert step.request["env"] == {
        "VPSDEPLOY_PHASE": "after_flip", "VPSDEPLOY_APP": APP, "VPSDEPLOY_RELEASE": RELEASE,
        "VPSDEPLOY_STAGE": "production", "VPSDEPLOY_COMMAND": "release",
    }  # fmt: skip
    assert step.request["release"] == RELEASE


def test_only_hooks_after_the_confirmation_are_tidy() -> None:
    """Their failure is a warning; that of all others stops the release."""
    config = AppConfig.model_validate({"app": APP, "hooks": {"after_confirm": ("x",), "after_flip": ("x",)}})
    assert [step.tidy for phase in ("after_flip", "after_confirm") for step in hooks.steps(config, phase, {})] == [
        False, True,
    ]  # fmt: skip


def test_a_flip_waits_as_long_as_its_hooks_may_take() -> None:
    """Else its timer would take it back under them."""
    config = AppConfig.model_validate(
        {"app": APP, "hooks": {"after_flip": ({"run": "x", "timeout_seconds": 90},)}}
    )
    target = Target(RELEASE, idle_colour(FACTS), settings.of(config, "m.js", "24.21.0"))
    (flip,) = (step for step in steps(config, FACTS, target) if step.verb == "flip")
    assert flip.request["confirm_seconds"] == CONFIRM_SECONDS + 90
