"""A release at work on a fleet in memory: failures, interrupts and dead controllers at every step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostUnreachable, Interrupted, LockHeld, ReleaseFailed, VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed
from orchestrator.model.fleet import Stage
from orchestrator.plan import settings, size
from orchestrator.plan.release import Target, idle_colour
from orchestrator.transport import http, local
from orchestrator.transport.bundle_stream import FromBundle
from orchestrator.workflows import heartbeat
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context, unlock
from orchestrator.workflows.sending import Sending
from tests.support.bundles import one_file
from tests.support.fleet import APP, FakeFleet, stage

CONFIG = AppConfig(app=APP)
OLD, NEW = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb"
TWO = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])
ONE = stage("web-1")
BEFORE_FLIP = ("lock", "offer", "receive", "assemble", "start", "gate")
AFTER_FLIP = ("flip", "watch", "confirm")
TIDY = ("drain", "prune", "unlock")


class Silent:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self, title: str, n: int = 0, of: int = 0) -> None:
        """Kept."""
        self.told.append(title)

    def finished(self, title: str, seconds: float, note: str = "") -> None:
        """Not kept."""

    def note(self, text: str) -> None:
        """Kept."""
        self.told.append(text)

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """Not kept."""


class SilentProbe:
    """No requests are sent."""

    def __init__(self, _: object) -> None:
        self.started = False

    def start(self, *, serving: bool) -> None:
        """Remember it."""
        self.started = True

    def silent_seconds(self) -> dict[str, float]:
        """Nobody is asked."""
        return {}

    def stop(self) -> http.Proof:
        """Nothing was seen."""
        return http.Proof(0, 0, 0.0, 0.0)


@pytest.fixture(autouse=True)
def _no_probe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(http, "Probe", SilentProbe)


def release(fleet: FakeFleet, of: Stage, name: str = NEW, pid: int = 1) -> Changed:
    """One release by one controller process."""
    owner = replace(local.this_process(), pid=pid)
    context = Context(CONFIG, of, fleet, owner)
    return change(context, name).run()


def change(context: Context, name: str = NEW, reporter: Silent | None = None) -> ChangeOver:
    """A release that has asked the hosts once and not begun."""
    shipped = one_file(Path.cwd())
    reporter = reporter or Silent()

    def decide(facts: FleetFacts) -> Target:
        wanted = settings.of(CONFIG, "dist/main.js", "24.21.0")
        return Target(
            name, idle_colour(facts), wanted, asdict(shipped.manifest), size.of_release(CONFIG, facts)
        )

    acts = Sending(FromBundle(shipped), context, reporter).acts
    return ChangeOver(context, reporter, context.facts(), decide, f"release {name}", acts)


def live_fleet(of: Stage) -> FakeFleet:
    """A fleet with one release live, of other files than the next one's."""
    fleet = FakeFleet(of)
    release(fleet, of, OLD)
    fleet.calls.clear()
    for host in fleet.hosts.values():
        host.store.clear()
    return fleet


def fail_at(verb: str, error: BaseException, host: str = "", times: int = 1) -> Callable[[str, str], None]:
    """Raise at a verb, on one host or on whichever is first; then no more."""
    left = [times]

    def fail(name: str, called: str) -> None:
        if called == verb and host in ("", name) and left[0]:
            left[0] -= 1
            raise error

    return fail


@pytest.mark.parametrize("of", [ONE, TWO], ids=["one host", "two and two"])
def test_a_release_goes_live_on_every_host(of: Stage) -> None:
    """Afterwards all load balancers route to the new release, and nothing is locked or pending."""
    fleet = live_fleet(of)
    changed = release(fleet, of)
    assert (changed.release, changed.previous) == (NEW, OLD)
    assert fleet.summary() == {("blue", NEW)}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())


def test_the_first_release_has_nothing_to_drain() -> None:
    """Without an old pool there is no drain, and no previous release."""
    fleet = FakeFleet(ONE)
    changed = release(fleet, ONE)
    assert changed.previous == ""
    assert "drain" not in {verb for _, verb in fleet.calls}


@pytest.mark.parametrize("of", [ONE, TWO], ids=["one host", "two and two"])
@pytest.mark.parametrize("verb", [*BEFORE_FLIP, "flip", "traffic", "instances", "confirm"])
def test_a_failing_step_leaves_users_on_the_old_release(of: Stage, verb: str) -> None:
    """Whatever fails where: the old release is live everywhere, the new pool is gone, no lock stays."""
    fleet = live_fleet(of)
    fleet.fail = fail_at(verb, ReleaseFailed("it broke", why="because"))
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, of)
    assert fleet.summary() == {("green", OLD)}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())
    assert all(host.pools["blue"] is None for host in fleet.hosts.values())
    undone = "nothing was flipped" if verb in BEFORE_FLIP else "the flip was undone"
    assert caught.value.state == f"live is {OLD} on all hosts; {undone}"
    assert " of " in caught.value.step


@pytest.mark.parametrize("host", ["web-1", "web-2", "lb-1", "lb-2"])
def test_a_confirmation_that_fails_on_one_host_is_undone_on_all(host: str) -> None:
    """Hosts that were told already that the new release stays are flipped back."""
    fleet = live_fleet(TWO)
    fleet.fail = fail_at("confirm", HostUnreachable("lost"), host)
    with pytest.raises(HostUnreachable):
        release(fleet, TWO)
    assert fleet.summary() == {("green", OLD)}
    assert {fake.current for fake in fleet.hosts.values() if fake.host.is_app} == {OLD}


@pytest.mark.parametrize("verb", TIDY)
def test_what_fails_after_the_change_is_a_warning(verb: str) -> None:
    """The release stands; the next command makes up for it."""
    fleet = live_fleet(TWO)
    fleet.fail = fail_at(verb, ReleaseFailed("it broke"))
    changed = release(fleet, TWO)
    assert fleet.summary() == {("blue", NEW)}
    assert "it broke" in changed.warnings[0]


@pytest.mark.parametrize("verb", BEFORE_FLIP + AFTER_FLIP)
def test_ctrl_c_undoes_what_was_begun(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted at any step before the end of the change, users see the old release."""
    fleet = live_fleet(TWO)
    from orchestrator.workflows.transaction import Transaction

    real = Transaction._act

    def act(self: Transaction, running: Any) -> Any:
        answers = real(self, running)
        if running.verb == verb:
            raise KeyboardInterrupt
        return answers

    monkeypatch.setattr(Transaction, "_act", act)
    with pytest.raises(Interrupted) as caught:
        release(fleet, TWO)
    assert fleet.summary() == {("green", OLD)}
    assert OLD in caught.value.state
    assert all(host.lock is None for host in fleet.hosts.values())


def test_what_another_release_did_before_we_got_the_lock_is_seen() -> None:
    """It changed over between our first look (a build takes minutes) and our lock: its pool is not overwritten."""
    fleet = live_fleet(TWO)
    ours = change(Context(CONFIG, TWO, fleet, local.this_process()))
    theirs = "20261101120000-cccccccc"
    release(fleet, TWO, theirs)
    changed = ours.run()
    assert (changed.release, changed.previous) == (NEW, theirs)
    assert fleet.summary() == {("green", NEW)}


class Killed(BaseException):
    """SIGKILL: nothing of ours runs after it."""


@pytest.mark.parametrize("of", [ONE, TWO], ids=["one host", "two and two"])
@pytest.mark.parametrize("verb", BEFORE_FLIP + AFTER_FLIP + TIDY)
def test_the_next_release_repairs_what_a_killed_one_left(
    of: Stage, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any step: the next release takes the lock over and ends with the fleet on itself."""
    fleet = live_fleet(of)
    with monkeypatch.context() as patched:
        kill_after(verb, patched)
        with pytest.raises(Killed):
            release(fleet, of, pid=2**22 + 1)
    third = "20261103000000-cccccccc"
    release(fleet, of, third, pid=1)
    assert {release for _, release in fleet.summary()} == {third}
    running = {pool["release"] for host in fleet.hosts.values() for pool in host.pools.values() if pool}
    assert running == {third}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())


def kill_after(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die once a step has been carried out, with neither undo nor unlock."""
    from orchestrator.workflows import undo
    from orchestrator.workflows.transaction import Transaction

    real = Transaction.run

    def run(self: Transaction, step: Any, n: int = 0, of: int = 0) -> Any:
        result = real(self, step, n, of)
        if step.verb == verb and of:
            raise Killed
        return result

    monkeypatch.setattr(Transaction, "run", run)
    monkeypatch.setattr(undo.Undo, "run", lambda *_: "")


def test_a_running_release_is_not_disturbed() -> None:
    """Somebody else's lock: LockHeld says so, nothing is changed, and their lock stays."""
    fleet = live_fleet(TWO)
    other = {"user": "ann", "host": "laptop", "pid": 1, "pid_started": "1", "machine_id": "elsewhere/1"}
    fleet.hosts["web-1"].lock = {"owner": other, "message": "release 20261102"}
    with pytest.raises(LockHeld) as caught:
        release(fleet, TWO)
    assert caught.value.host == "web-1"
    assert fleet.summary() == {("green", OLD)}
    assert fleet.hosts["web-1"].lock is not None
    assert fleet.hosts["lb-1"].lock is None


def test_several_failing_hosts_are_all_named() -> None:
    """The first in full, the others by name and what."""
    fleet = live_fleet(TWO)

    def fail(host: str, verb: str) -> None:
        if verb == "gate":
            raise ReleaseFailed("health check failed", host=host, why=f"{host} answered 503")

    fleet.fail = fail
    with pytest.raises(VpsdeployError) as caught:
        release(fleet, TWO)
    assert caught.value.host == "web-1"
    assert caught.value.why == "web-1 answered 503\nalso on web-2: health check failed"


def test_an_undo_that_fails_says_which_host_and_what_happens_to_it() -> None:
    """A load balancer that is lost after the flip returns by its own timer; the message says so."""
    fleet = live_fleet(TWO)

    def fail(host: str, verb: str) -> None:
        if host == "lb-2" and verb in ("flip", "return", "unlock"):
            raise HostUnreachable("lost")

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        release(fleet, TWO)
    assert "lb-2 could not be put in order, and flips back by itself within 60 s" in caught.value.state
    assert "lb-2 may send requests" in caught.value.state


@pytest.mark.parametrize("confirmed", [False, True], ids=["not confirmed", "confirmed"])
def test_a_pool_is_not_drained_while_a_load_balancer_may_route_to_it(confirmed: bool) -> None:
    """One that cannot be told to flip back: its users keep their pool, and the next release repairs the fleet."""
    fleet = live_fleet(TWO)

    def fail(host: str, verb: str) -> None:
        done = fleet.hosts["lb-1"].live == "blue" and (not confirmed or fleet.hosts["lb-1"].pending is None)
        if (host == "lb-1" and done) or (host == "lb-2" and verb == "confirm"):
            raise HostUnreachable("lost")

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        release(fleet, TWO)
    assert all(fleet.hosts[name].pools["blue"] for name in ("web-1", "web-2"))
    assert "lb-1 may send requests" in caught.value.state
    fleet.fail, fleet.hosts["lb-1"].lock = None, None
    third = "20261103000000-cccccccc"
    release(fleet, TWO, third)
    assert {name for _, name in fleet.summary()} == {third}


def test_hosts_that_ran_different_releases_before_do_so_again() -> None:
    """No release was live on all, but users were served: the load balancers go back all the same."""
    fleet = live_fleet(TWO)
    other = "20261101120000-eeeeeeee"
    fleet.hosts["web-2"].pools["green"] = {"release": other, "ports": [4101], "state": "running"}
    fleet.hosts["web-2"].current = other
    fleet.fail = fail_at("confirm", HostUnreachable("lost"), "lb-2")
    with pytest.raises(HostUnreachable):
        release(fleet, TWO)
    assert fleet.summary() == {("green", OLD), ("green", other)}
    assert fleet.hosts["web-2"].current == other


def test_a_second_ctrl_c_says_what_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Impatience during the undo: the message tells what becomes of the hosts."""
    from orchestrator.workflows import undo

    def impatient(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(undo.Undo, "run", impatient)
    fleet = live_fleet(TWO)
    fleet.fail = fail_at("gate", ReleaseFailed("it broke"))
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, TWO)
    assert "a flip returns by itself within 60 s, the next command repairs the rest" in caught.value.state


def test_locks_are_renewed_where_a_host_has_to_wait_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load balancer has nothing to do while files are sent; over a slow line its lease would run out."""
    monkeypatch.setattr(heartbeat, "RENEW_SECONDS", 0.01)
    fleet = live_fleet(TWO)

    renewed = {("lb-1", "renew"), ("lb-2", "renew")}

    def slow(_: str, verb: str) -> None:
        deadline = time.monotonic() + 5
        while verb == "receive" and not renewed <= set(fleet.calls) and time.monotonic() < deadline:
            time.sleep(0.01)

    fleet.fail = slow
    fleet.hosts["web-1"].store.clear()
    release(fleet, TWO)
    assert renewed <= set(fleet.calls)


def told(fleet: FakeFleet) -> dict[str, tuple[Any, ...]]:
    """The last summary on each host: (result, from, to)."""
    return {
        name: tuple(line[key] for key in ("result", "from", "to"))
        for name, host in fleet.hosts.items()
        for line in host.history
        if line.get("summary")
    }


def tell(context: Context) -> ChangeOver:
    """A release that tells its story."""
    context.story.command = "release"
    return change(context)


def test_a_release_tells_every_host_how_it_ended() -> None:
    """In the call that gives the lock back: no call more than without a story."""
    fleet = live_fleet(TWO)
    tell(Context(CONFIG, TWO, fleet, local.this_process())).run()
    assert told(fleet) == dict.fromkeys(fleet.hosts, ("live", OLD, NEW))
    assert [verb for _, verb in fleet.calls].count("unlock") == len(TWO.hosts)


@pytest.mark.parametrize(
    ("verb", "result"), [("gate", "failed"), ("flip", "returned"), ("confirm", "returned")]
)
def test_a_failed_release_is_told_too(verb: str, result: str) -> None:
    """Whether users had seen it, and what failed where; never why, which may quote the app's log."""
    fleet = live_fleet(TWO)
    host = "lb-1" if verb == "flip" else "web-1"
    fleet.fail = fail_at(verb, ReleaseFailed("it broke", host=host, why="password=hunter2"))
    with pytest.raises(ReleaseFailed):
        tell(Context(CONFIG, TWO, fleet, local.this_process())).run()
    assert told(fleet) == dict.fromkeys(fleet.hosts, (result, OLD, NEW))
    line = fleet.hosts["web-2"].history[-1]
    assert line["figures"]["error"]["what"] == "it broke"
    assert "hunter2" not in str(line)


def test_a_release_that_stands_is_told_as_live_though_tidying_failed() -> None:
    """The lock is given back at the end of the command instead, with the same story."""
    fleet = live_fleet(ONE)
    fleet.fail = fail_at("drain", ReleaseFailed("it broke", host="web-1", why="because"))
    context = Context(CONFIG, ONE, fleet, local.this_process())
    tell(context).run()
    unlock(context)
    assert told(fleet) == {"web-1": ("live", OLD, NEW)}
    assert fleet.hosts["web-1"].history[-1]["figures"]["warnings"]
