"""Pools of another size on a fleet in memory: what stays, what is refused, what a failure leaves."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import ReleaseFailed, UsageError
from orchestrator.model.fleet import Stage
from orchestrator.transport import agent_pyz
from orchestrator.workflows import scale
from tests.support.changes import CONFIG, OLD, THREE, Silent, fail_at, live_fleet, release
from tests.support.fleet import VERSION, FakeFleet
from tests.unit.workflows.test_membership import drain, join


@pytest.fixture(autouse=True)
def _same_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)


def scaled(fleet: FakeFleet, instances: int, of: Stage = THREE) -> Any:
    """`vpsdeploy scale`."""
    return scale.run(CONFIG, of, scale.Wish(instances), Silent(), lambda *_: fleet)


def size(fleet: FakeFleet) -> tuple[set[int], set[int]]:
    """Sizes of the live pool as app hosts run it, and as load balancers know it."""
    live = next(host.live for host in fleet.hosts.values() if host.live)
    apps = [host for host in fleet.hosts.values() if host.host.is_app]
    pools = {len(pool["ports"]) for host in apps if (pool := host.pools[live])}
    return pools, {host.sizes[live] for host in fleet.hosts.values() if host.host.is_loadbalancer}


def test_scaling_flips_to_a_pool_of_another_size() -> None:
    """The same release, on all hosts, and every load balancer knows how many."""
    fleet = live_fleet(THREE)
    changed = scaled(fleet, 4)
    assert (changed.release, size(fleet)) == (OLD, ({4}, {4}))
    assert fleet.summary() == {("blue", OLD)}


def test_hooks_are_for_releases() -> None:
    """Nothing new goes live: nobody has to purge a cache, and no hook is told that this is a rollback."""
    fleet = live_fleet(THREE)
    hooks = {"before_start": ({"run": "warm-up", "where": "app"},), "after_confirm": ("false",)}
    told = AppConfig.model_validate({**CONFIG.model_dump(exclude_unset=True), "hooks": hooks})
    changed = scale.run(told, THREE, scale.Wish(4), Silent(), lambda *_: fleet)
    assert changed is not None
    assert changed.warnings == ()
    assert [host.hooks for host in fleet.hosts.values() if host.hooks] == []


def test_what_was_scaled_stays_scaled() -> None:
    """Through a release, a rollback and a host that joins."""
    fleet = live_fleet(THREE)
    scaled(fleet, 3)
    release(fleet, THREE)
    assert size(fleet) == ({3}, {3})
    drain(fleet)
    join(fleet)
    assert size(fleet) == ({3}, {3})
    assert scaled(fleet, 3) is None
    scaled(fleet, 1)
    assert size(fleet) == ({1}, {1})


def test_too_many_are_refused_before_anything_is_touched() -> None:
    """Beyond what nginx was provisioned for; and beyond the memory of a host."""
    fleet = live_fleet(THREE)
    with pytest.raises(UsageError, match="5 instances are too many"):
        scaled(fleet, 5)
    large = CONFIG.model_copy(update={"limits": CONFIG.limits.model_copy(update={"memory": "1G"})})
    with pytest.raises(UsageError, match="4 instances do not fit into the memory of web-1"):
        scale.run(large, THREE, scale.Wish(4), Silent(), lambda *_: fleet)
    assert {verb for _, verb in fleet.calls} == {"facts"}


def test_nothing_can_be_scaled_before_a_release() -> None:
    """There is nothing to run."""
    with pytest.raises(UsageError, match="there is nothing to scale"):
        scaled(FakeFleet(THREE), 2)


@pytest.mark.parametrize("verb", ["start", "gate", "flip", "confirm"])
def test_a_scale_that_fails_leaves_what_was(verb: str) -> None:
    """The old pool, with its size."""
    fleet = live_fleet(THREE)
    fleet.fail = fail_at(verb, ReleaseFailed("it broke"))
    with pytest.raises(ReleaseFailed):
        scaled(fleet, 4)
    assert fleet.summary() == {("green", OLD)}
    assert size(fleet) == ({2}, {2})
