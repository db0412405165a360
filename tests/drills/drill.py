"""One drill, from a good fleet through the fault to a good fleet again."""

from __future__ import annotations

import time
from typing import NamedTuple

from tests.drills import judge
from tests.drills.command import Command
from tests.drills.fault import Ends, Fault
from tests.drills.fleet import BALANCERS, Fleet
from tests.drills.load import Load

_TAIL_SECONDS = 1.0
"""How long users go on after everything is over."""
_CONTROL_SECONDS = 8.0
"""How long a fault lasts on a fleet that nobody releases to: about as long as in a release."""
_BACK_SECONDS = 30.0


class Tally(NamedTuple):
    """Requests of one drill: those that got a good answer, and those that the fault itself cost (counts)."""

    answered: int
    lost: int


def carry_out(fleet: Fleet, fault: Fault) -> Tally:
    """Strike, and assert the three things.

    Raises: AssertionError: one of them does not hold.
    """
    old = fleet.assert_good()
    ports = range(4001, 4003) if fleet.routes() == {"green"} else range(4101, 4103)
    with Load(fleet.balancers) as load:
        strike = judge.Strike(
            fault.harm, time.monotonic(), bad_ports=tuple(ports) if fault.app != "good" else ()
        )
        command = _strike_in_release(fleet, fault, strike) if fault.step or fault.app != "good" else None
        if command is None:
            looked = Command(fleet.project.path, ("status",))
            looked.wait()
            strike.began = time.monotonic()
            fault.harm.strike(fleet, looked)
            time.sleep(_CONTROL_SECONDS)
        _assert_status_tells(fleet, fault)
        fault.harm.heal(fleet)
        _wait_until_back(load, fault)
        fleet.wait_until_settled()
        _assert_ends(fleet, fault, command, old)
        _go_on(fleet, fault)
        time.sleep(_TAIL_SECONDS)
    assert judge.unexcused(fleet, load, strike) == []
    assert len(load.answered) > 0
    fleet.assert_good()
    return Tally(len(load.answered), len(load.failures))


def _strike_in_release(fleet: Fleet, fault: Fault, strike: judge.Strike) -> Command:
    at = (fault.step, fault.moment) if fault.step else None
    words = ("release", "--bundle", str(fleet.bundle(fault.app)))
    command = Command(fleet.project.path, words, at, fault.harm.env)
    if at:
        try:
            command.wait_until_held()
            strike.began = time.monotonic()
            fault.harm.strike(fleet, command)
        except BaseException:
            command.end()
            raise
        command.go_on()
    code = command.wait()
    assert code == fault.code, f"exit code {code}, expected {fault.code}: {command.describe()}"
    if code > 0:
        judge.assert_explained(command)
    return command


def _assert_status_tells(fleet: Fleet, fault: Fault) -> None:
    """While a host is away, `status` shows the others and says which one it is."""
    away = fault.harm.unreachable
    if away and len(away) < len(fleet.addresses):
        found = fleet.status()
        assert [one["host"] for one in found["unreachable"]] == list(away)
        assert {host["name"] for host in found["hosts"]} == set(fleet.addresses) - set(away)


def _wait_until_back(load: Load, fault: Fault) -> None:
    """A load balancer that has its power again serves again."""
    for host in set(fault.harm.lost) & set(BALANCERS):
        healed, deadline = time.monotonic(), time.monotonic() + _BACK_SECONDS
        while not load.served_since(healed, host):
            assert time.monotonic() < deadline, f"{host} is back, but does not serve"
            time.sleep(0.1)


def _assert_ends(fleet: Fleet, fault: Fault, command: Command | None, old: str) -> None:
    if fault.ends is Ends.SPLIT:
        assert not fleet.status()["settled"]
    elif fault.ends is Ends.NEW:
        assert command is not None
        live = str(fleet.status()["live"])
        assert live != old, f"the old release {old} is live: {command.describe()}"
        judge.assert_one_release(fleet, live)
    else:
        judge.assert_one_release(fleet, old)


def _go_on(fleet: Fleet, fault: Fault) -> None:
    """The next command, without any other help."""
    words = [str(fleet.bundle()) if word == "{bundle}" else word for word in fault.then]
    judge.next_command(fleet, *words)
