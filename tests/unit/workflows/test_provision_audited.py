"""What a host's own audit spares, and what it does not."""

from __future__ import annotations

import pytest

from orchestrator.config import AppConfig
from orchestrator.report.provision_progress import Lines
from orchestrator.report.reporter import Console
from orchestrator.workflows import provision
from orchestrator.workflows.provision import Wish
from tests.support.converging import World, run, stage


def test_hosts_whose_audit_finds_nothing_need_no_ansible(world: World) -> None:
    """The second run starts no Ansible at all, and says why."""
    run(stage())
    world.differences = {}
    result = run(stage())
    assert len(world.plays) == 1
    assert [(h.name, h.audited, h.module_calls) for h in result.hosts] == [
        ("web-1", True, 0),
        ("web-2", True, 0),
    ]
    assert not result.failures


def test_only_the_host_that_differs_is_run_on(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What differs is told, five things at most; the result has both hosts in their order."""
    run(stage())
    world.differences = {"web-2": [f"/etc/{n}" for n in range(7)]}
    result = run(stage())
    assert world.plays[1].hosts == ("web-2",)
    assert [host.audited for host in result.hosts] == [True, False]
    told = "web-2: changed since it was provisioned: /etc/0, /etc/1, /etc/2, /etc/3, /etc/4 and 2 more\n"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("wish", [Wish(check=True), Wish(tags=("nginx",)), Wish(full=True)])
def test_a_rehearsal_a_part_and_a_full_run_are_ansibles(world: World, wish: Wish) -> None:
    """No audit stands in for them."""
    run(stage())
    world.differences = {}
    run(stage(), wish)
    assert world.plays[1].hosts == ("web-1", "web-2")


def test_another_config_makes_the_audit_worthless(world: World) -> None:
    """The host is as it was made; it is to become something else."""
    run(stage())
    world.differences = {}
    whole = stage()
    other = AppConfig(app="shop", domains=("other.example",))
    provision.run(other, whole, whole.hosts, Wish(), Console(), lambda _: Lines())
    assert world.plays[1].hosts == ("web-1", "web-2")
