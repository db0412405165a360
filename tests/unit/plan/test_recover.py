"""What a dead command left behind, and the steps that repair it: one data file a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.errors import HostNotReady
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.step import Step
from orchestrator.plan import recover
from tests.support.fleet import APP, FakeHost, stage

CASES = sorted((Path(__file__).parents[2] / "cases" / "plan.recover").glob("*.yml"))
STAGE = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])


def facts_of(written: dict[str, Any]) -> FleetFacts:
    """Facts from a case: what differs from an empty host, by host."""
    found = []
    for one in STAGE.hosts:
        fake = FakeHost(one)
        for key, value in written.get(one.name, {}).items():
            setattr(fake, key, value)
        found.append(host.parse(one.name, APP, fake.facts({})))
    return FleetFacts(STAGE, tuple(found))


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_the_repairs_are(case: Path) -> None:
    """The steps, with their hosts, in order; none where nothing was left."""
    written = yaml.safe_load(case.read_text())
    facts = facts_of(written["facts"])
    if "error" in written:
        with pytest.raises(HostNotReady) as caught:
            recover.steps(facts, 30)
        assert caught.value.what == written["error"]
        assert written["next"] in caught.value.next
        assert told(recover.steps(facts, 30, decided=True)) == expected(written["decided"])
        return
    assert told(recover.steps(facts, 30)) == expected(written["steps"])
    assert recover.steps(facts, 30, decided=True) == recover.steps(facts, 30)


def told(steps: tuple[Step, ...]) -> list[tuple[str, list[str]]]:
    """Each step's verb and colour, and its hosts."""
    return [(f"{step.verb} {step.request.get('colour', '')}".strip(), list(step.hosts)) for step in steps]


def expected(written: list[dict[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """The same, as a case writes it."""
    return [(step, names) for one in written for step, names in one.items()]
