"""The fleet of the drills: booted and provisioned once, shared by all, good again before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.workflows import sandbox
from tests.drills.fleet import APPS, BALANCERS, CONFIG, Fleet
from tests.support.vps import project_on_sandbox

_NAME = "drills"


@pytest.fixture(scope="session", name="fleet")
def _fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two load balancers, three app hosts, and a first release with another before it, so that one can go back."""
    path = tmp_path_factory.mktemp("drills")
    with project_on_sandbox(
        path, _NAME, hosts=len(APPS), loadbalancers=len(BALANCERS), config=CONFIG
    ) as project:
        done = project.vpsdeploy("provision", "host")
        assert done.returncode == 0, done.stderr
        fleet = Fleet(project, {host.name: host.address for host in sandbox.status(_NAME).hosts})
        for _ in range(2):
            project.json("release", "--bundle", str(fleet.bundle()))
        yield fleet
