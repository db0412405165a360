"""Updates of a host that carries a database, on a fleet in memory: it restarts only where an outage is allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.config.services import ServiceConfig
from orchestrator.errors import HostNotReady, UsageError
from orchestrator.model.patch import Patched
from orchestrator.plan.patch import Wish
from orchestrator.report import patch as report
from orchestrator.workflows import patch
from tests.support.changes import CONFIG, Silent, live_fleet
from tests.support.fleet import FakeFleet
from tests.unit.workflows.conftest import Clock
from tests.unit.workflows.with_patch import FLEET, OPENSSL, did, fleet_of, no_network_of, whole  # noqa: F401 - no_network_of: a fixture

DATABASE = {
    "package": "postgresql-17", "from": "17.6-1", "to": "17.7-1", "security": True, "restarts": "postgresql"
}  # fmt: skip
APART = replace(FLEET, hosts=tuple(replace(one, private_address=one.address) for one in FLEET.hosts))
CARRIED = CONFIG.model_copy(update={"services": {"postgresql": ServiceConfig(host="web-2")}})


def patched(fleet: FakeFleet, **wish: Any) -> Patched:
    """`vpsdeploy host patch` where web-2 carries the app's database, too."""
    fleet.hosts["web-2"].carried = {"postgresql"}
    return patch.run(CARRIED, APART, APART.hosts, Wish(**wish), Silent(), lambda *_: fleet)


def test_a_host_that_carries_a_database_is_not_restarted_unasked() -> None:
    """No other host has its data meanwhile; nothing is upgraded before that is known."""
    fleet = fleet_of(APART)
    with pytest.raises(UsageError) as refused:
        patched(fleet)
    assert refused.value.why == "it carries postgresql, which every instance uses"
    assert "restarts no host, nor postgresql: updates of postgresql go on waiting" in refused.value.next
    assert did(fleet, "upgrade") == []


def test_without_a_restart_the_database_s_own_updates_are_left_out() -> None:
    """Its package restarts it: that needs an outage, and is told; all the rest comes."""
    fleet = fleet_of(APART)
    fleet.hosts["web-2"].pending_updates = [OPENSSL, DATABASE]
    result = patched(fleet, no_reboot=True)
    assert fleet.hosts["web-2"].pending_updates == [DATABASE]
    assert report.text(result).splitlines()[-2:] == [
        "left out on web-2, because it restarts postgresql (vpsdeploy host patch web-2 --allow-outage brings it):",
        "    postgresql-17 17.6-1 -> 17.7-1 (security, restarts postgresql)",
    ]
    again = patched(fleet, no_reboot=True)
    assert report.text(again).splitlines()[0] == "nothing to do on web-1, web-2, lb-1, lb-2"
    assert "left out on web-2" in report.text(again)
    assert whole(fleet)


def test_with_an_outage_the_database_restarts_while_its_host_is_out_and_must_answer_again() -> None:
    """What was restarted is told; the host joins only then."""
    fleet = fleet_of(APART, DATABASE)
    result = patched(fleet, allow_outage=True)
    (of_web_2,) = [one for one in result.hosts if one.name == "web-2"]
    assert (of_web_2.drained, of_web_2.restarted) == (True, ("postgresql",))
    assert "1 package upgraded, taken out meanwhile, postgresql restarted" in report.text(result)
    after = fleet.calls[fleet.calls.index(("web-2", "upgrade")) :]
    assert after.index(("web-2", "services")) < after.index(("lb-1", "join"))
    assert whole(fleet)


def test_a_database_that_does_not_answer_any_more_stops_the_rest(clock: Clock) -> None:
    """Its host stays out, and the load balancers are not begun."""
    fleet = fleet_of(APART, DATABASE)

    def fail(host: str, verb: str) -> None:
        if (host, verb) == ("web-2", "upgrade"):
            fleet.hosts["web-2"].ailing = {"running": False, "why": "it does not start"}

    fleet.fail = fail
    with pytest.raises(HostNotReady) as failed:
        patched(fleet, allow_outage=True)
    assert failed.value.what == "postgresql does not answer any more"
    assert "it does not start" in failed.value.why
    assert "vpsdeploy logs --stage production --service postgresql" in failed.value.next
    assert "patched: web-1; not begun: lb-1, lb-2" in failed.value.state


def test_a_database_that_runs_replaced_files_is_renewed_only_with_an_outage() -> None:
    """A library's update came by night, and left it running."""
    fleet = live_fleet(APART)
    fleet.hosts["web-2"].stale, fleet.hosts["web-2"].behind = ["postgresql@17-main.service"], ["postgresql"]
    assert patched(fleet).hosts == ()
    assert [one.name for one in patched(fleet, allow_outage=True).hosts] == ["web-2"]
