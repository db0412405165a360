"""Updates on a fleet in memory: one host at a time, out while it restarts, and what is true where it stops."""

from __future__ import annotations

import pytest

from orchestrator.errors import HostNotReady, HostUnreachable, Interrupted, UsageError, VpsdeployError
from orchestrator.model.fleet import Stage
from orchestrator.plan.patch import Wish
from orchestrator.report import patch as report
from orchestrator.transport import http
from orchestrator.workflows import patch, patch_host
from tests.support import shapes
from tests.support.changes import CONFIG, Silent, fail_at, live_fleet
from tests.support.fleet import stage
from tests.unit.workflows.conftest import Clock
from tests.unit.workflows.with_patch import (  # noqa: F401 - no_network_of: a fixture
    FLEET,
    KERNEL,
    ONE,
    OPENSSL,
    TZDATA,
    did,
    fleet_of,
    no_network_of,
    run,
    whole,
)


def test_hosts_are_patched_one_after_the_other_and_app_hosts_are_out_meanwhile() -> None:
    """App hosts first, then load balancers; without a reboot nothing is restarted."""
    fleet = fleet_of()
    result = run(fleet)
    assert did(fleet, "leave", "upgrade", "join") == [
        *(("lb-1", "leave"), ("lb-2", "leave"), ("web-1", "upgrade"), ("lb-1", "join"), ("lb-2", "join")),
        *(("lb-1", "leave"), ("lb-2", "leave"), ("web-2", "upgrade"), ("lb-1", "join"), ("lb-2", "join")),
        *(("lb-1", "upgrade"), ("lb-2", "upgrade")),
    ]
    assert did(fleet, "reboot") == []
    assert [(host.name, host.drained, len(host.upgraded)) for host in result.hosts] == [
        ("web-1", True, 1), ("web-2", True, 1), ("lb-1", False, 1), ("lb-2", False, 1),
    ]  # fmt: skip
    assert fleet.hosts["web-1"].pending_updates == [TZDATA]
    assert whole(fleet)


def test_a_new_kernel_restarts_each_host_and_the_next_waits_for_it() -> None:
    """It is asked until systemd says that it has booted; nobody else's lock comes between."""
    fleet = fleet_of(FLEET, KERNEL)
    fleet.hosts["lb-1"].states = ["running", "running", "starting", "starting"]
    result = run(fleet)
    assert [host for host, _ in did(fleet, "reboot")] == ["web-1", "web-2", "lb-1", "lb-2"]
    assert all(host.rebooted and not host.reboot_required for host in result.hosts)
    assert fleet.calls.index(("lb-2", "upgrade")) > max(
        n for n, call in enumerate(fleet.calls) if call == ("lb-1", "updates")
    )
    assert whole(fleet)


def test_nothing_is_done_where_nothing_waits() -> None:
    """No lock, no drain; the result says so."""
    fleet = live_fleet(FLEET)
    result = run(fleet)
    assert did(fleet, "lock", "leave", "upgrade", "reboot") == []
    assert report.text(result) == "nothing to do on web-1, web-2, lb-1, lb-2"


@pytest.mark.parametrize(
    ("stale", "done"),
    [("dbus.service", []), ("shop@4001.service", ["web-1"]), ("shop-worker-mail@x-1.service", ["web-1"])],
)
def test_nobody_is_taken_out_for_what_that_does_not_renew(stale: str, done: list[str]) -> None:
    """A system's daemon goes on with its old files until a reboot: each command would drain the fleet for nothing."""
    fleet = live_fleet(FLEET)
    fleet.hosts["web-1"].stale = [stale]
    result = run(fleet)
    assert [host.name for host in result.hosts] == done
    if not done:
        assert did(fleet, "lock", "leave", "upgrade", "reboot") == []
        assert report.text(result).splitlines()[-1] == (
            "    web-1 still runs files that were replaced, until it is restarted (--reboot): dbus.service"
        )


def test_a_rehearsal_only_fetches_lists() -> None:
    """It shows package, version now and then; also on a single host."""
    fleet = fleet_of(ONE)
    shown = report.text(run(fleet, ONE, check=True)).splitlines()
    assert "    libssl3 3.0.1 -> 3.0.2 (security)" in shown
    assert not any("tzdata" in line for line in shown)
    assert shown[-1] == "nothing was upgraded: this was a rehearsal"
    assert did(fleet, "lock", "upgrade", "reboot") == []
    assert "    tzdata 2026a -> 2026b" in report.text(run(fleet, ONE, check=True, everything=True))


@pytest.mark.parametrize(
    ("of", "why"),
    [(ONE, "the only app host"), (stage("web-1", "web-2", balancers=["lb-1"]), "the only load balancer")],
)
def test_what_users_would_notice_is_refused_before_anything_is_touched(of: Stage, why: str) -> None:
    """The error names both ways on."""
    fleet = fleet_of(of)
    with pytest.raises(UsageError) as refused:
        run(fleet, of)
    assert why in refused.value.why
    assert "nothing was upgraded" in refused.value.state
    assert "--no-reboot" in refused.value.next
    assert "--allow-outage" in refused.value.next
    assert did(fleet, "lock", "leave", "upgrade", "reboot") == []


def test_another_app_on_the_host_is_no_collateral(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its own project could take it elsewhere."""
    fleet = fleet_of()
    facts = fleet.hosts["web-2"].facts({})
    monkeypatch.setattr(fleet.hosts["web-2"], "facts", lambda _: {**facts, "apps": {"shop": {}, "blog": {}}})
    with pytest.raises(UsageError) as refused:
        run(fleet)
    assert "web-2 cannot be restarted" in refused.value.what
    assert "it also runs blog" in refused.value.why


def test_a_single_host_is_upgraded_without_a_restart() -> None:
    """The reboot is left for later, and told."""
    fleet = fleet_of(ONE, KERNEL)
    result = run(fleet, ONE, no_reboot=True)
    assert did(fleet, "leave", "reboot") == []
    assert "still waits for a reboot: vpsdeploy host patch web-1 --allow-outage" in report.text(result)
    assert whole(fleet)


def test_a_single_host_is_restarted_where_an_outage_is_allowed() -> None:
    """Its instances must be healthy and it must serve before the command ends."""
    fleet = fleet_of(ONE, KERNEL)
    result = run(fleet, ONE, allow_outage=True)
    assert did(fleet, "reboot", "gate") == [("web-1", "reboot"), ("web-1", "gate")]
    assert "1 package upgraded, restarted" in report.text(result)
    assert whole(fleet)


def test_a_host_that_was_out_is_patched_and_stays_out() -> None:
    """Somebody took it out for a reason; meanwhile no second one is taken out."""
    fleet = fleet_of()
    for name in ("lb-1", "lb-2"):
        fleet.hosts[name].out["web-2"] = {"by": "ann@laptop", "since": "now", "dead": False}
    fleet.hosts["web-2"].pools = {"blue": None, "green": None}
    web_2 = tuple(host for host in FLEET.hosts if host.name == "web-2")
    patch.run(CONFIG, FLEET, web_2, Wish(reboot=True), Silent(), lambda *_: fleet)
    assert did(fleet, "leave", "join") == []
    assert did(fleet, "upgrade", "reboot") == [("web-2", "upgrade"), ("web-2", "reboot")]
    assert set(fleet.hosts["lb-1"].out) == {"web-2"}


def test_it_stops_at_the_first_host_that_fails_and_says_where_everything_is() -> None:
    """The host that was taken out is named, with what to type; those behind it are not begun."""
    fleet = fleet_of()
    fleet.fail = fail_at("upgrade", HostNotReady("the updates cannot be installed", why="E: x"), "web-2")
    with pytest.raises(HostNotReady) as failed:
        run(fleet)
    error = failed.value
    assert "web-2 is out: it gets no requests; patched: web-1; not begun: lb-1, lb-2" in error.state
    assert "vpsdeploy host join web-2 --stage production, then the same command again" in error.next
    assert did(fleet, "upgrade")[-1] == ("web-2", "upgrade")
    assert all(host.lock is None for host in fleet.hosts.values())


def test_a_host_that_does_not_come_back_is_told_after_its_time(clock: Clock) -> None:
    """Five minutes; the load balancer behind it is not touched."""
    fleet = fleet_of(FLEET, KERNEL)
    gone: list[str] = []

    def fail(host: str, verb: str) -> None:
        if verb == "updates" and host in gone:
            raise HostUnreachable("no SSH connection", host=host, why="no route to host")
        if verb == "reboot":
            gone.append(host)

    fleet.fail = fail
    with pytest.raises(HostNotReady) as failed:
        run(fleet)
    assert failed.value.what == "the host did not come back"
    assert "no route to host (limit 300 s)" in failed.value.why
    assert "patched: none; not begun: web-2, lb-1, lb-2" in failed.value.state
    assert clock.now >= patch_host.BOOT_SECONDS


def test_a_load_balancer_that_does_not_answer_any_more_stops_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It answered before: after its restart it must again."""
    fleet = fleet_of(FLEET, KERNEL)
    monkeypatch.setattr(http, "reachable", lambda _: fleet.hosts["lb-1"].boots == 0)
    with pytest.raises(HostNotReady) as failed:
        run(fleet)
    assert (failed.value.what, failed.value.host) == ("the load balancer does not serve", "lb-1")
    assert "patched: web-1, web-2; not begun: lb-2" in failed.value.state


def test_ctrl_c_gives_the_lock_back_and_says_what_was_done(clock: Clock) -> None:
    """While a host restarts; it was taken out, and is named."""
    fleet = fleet_of(FLEET, KERNEL)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    clock.looked = interrupt
    with pytest.raises(Interrupted) as stopped:
        run(fleet)
    assert "web-1 has its updates and was restarted; web-1 is out" in stopped.value.state
    assert all(host.lock is None for host in fleet.hosts.values())


def test_a_lock_of_somebody_else_is_respected() -> None:
    """A release goes on; nothing is upgraded."""
    fleet = fleet_of()
    fleet.hosts["lb-1"].lock = {"owner": {"pid": 1}, "message": "release", "manual": True}
    with pytest.raises(VpsdeployError):
        run(fleet)
    assert did(fleet, "upgrade", "reboot") == []


def test_the_fields_for_programs() -> None:
    """The shape of docs/json.md."""
    fleet = fleet_of()
    printed = {"schema": "vpsdeploy/1", "kind": "host_patch", "ok": True, **report.fields(run(fleet))}
    assert shapes.differences(shapes.examples()["host_patch"], printed) == []
