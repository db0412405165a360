"""The drills, their document and the steps of a release agree."""

from __future__ import annotations

from orchestrator.config import AppConfig
from orchestrator.config.app import ReleaseConfig
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.pool import Colour
from orchestrator.plan.release import Target
from orchestrator.plan.release import steps as plan_steps
from tests.drills import document, steps
from tests.drills.catalogue import FAULTS
from tests.drills.harms import Cut, Killed
from tests.drills.steps import Moment, Step
from tests.support.fleet import APP, FakeHost, stage

STAGE = stage("web-1", "web-2", balancers=("lb-1", "lb-2"))
LEAST_FAULTS = 25
"""What the issue asks for."""


def titles() -> list[str]:
    """The steps of a release on a fleet that serves an older one."""
    answers = {one.name: FakeHost(one).facts({}) for one in STAGE.hosts}
    for one in STAGE.app_hosts:
        answers[one.name]["pools"] = {
            "blue": {"release": "20261101000000-aaaaaaaa", "ports": [4001], "state": "running"},
            "green": None,
        }
    facts = FleetFacts(STAGE, tuple(host.parse(name, APP, answer) for name, answer in answers.items()))
    config = AppConfig(
        app=APP, release=ReleaseConfig(watch_seconds=0)
    )  # tests/e2e/test_watch.py strikes in a watch
    settings = {"instances": 1, "health": config.health.model_dump()}
    target = Target("20261102000000-bbbbbbbb", Colour.GREEN, settings, {"digest": "0" * 64, "files": []})
    return [step.title for step in plan_steps(config, facts, target)]


def test_the_document_is_up_to_date() -> None:
    """The committed document equals the generated one."""
    assert document.DOCUMENT.read_text() == document.render()


def test_the_drills_know_every_step_of_a_release() -> None:
    """A step that is added to the plan is added to the drills."""
    assert [steps.find(title) for title in titles()] == list(Step)


def test_the_controller_dies_and_is_cut_off_at_every_step() -> None:
    """kill -9 at the start and midway, the network at the start."""
    killed = {(one.step, one.moment) for one in FAULTS if one.harm == Killed()}
    cut = {one.step for one in FAULTS if one.harm == Cut()}
    assert killed == {(step, moment) for step in Step for moment in Moment}
    assert cut == set(Step)


def test_there_are_faults_of_many_kinds() -> None:
    """Counted by what goes wrong, not by the steps; and no two drills are the same."""
    assert len({one.what for one in FAULTS}) >= LEAST_FAULTS
    assert len({one.title for one in FAULTS}) == len(FAULTS)
