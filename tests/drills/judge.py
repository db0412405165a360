"""What every drill asserts: no request lost for the release, one release on the fleet, a next command that works.

The yardstick. A fault that takes a host away costs requests also where nobody releases. A failed request is put down to
the fault, and not to the release, by this rule and by no other:

1. It was sent to a load balancer that the fault had taken away and that had not come back: it began before the load
   balancer answered again, and ended after the strike.
2. nginx had handed it to the app host (or the very instance) that the fault took away, and it began before the strike
   or less than UPSTREAM_IDLE_SECONDS after it: for so long nginx may hold an idle connection to a host that is gone.
3. The released app itself is bad, passed the gate, and nginx had handed the request to its pool: that is what the fault
   is. Such drills assert that nothing else failed, and that the fleet has left the bad pool.

The drills without a release (step "no release") strike the same faults on a fleet that stays as it is and are judged by
the same rule: were it too narrow, they would fail; what they lose is the figure to compare with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.drills.command import Command
from tests.drills.fleet import APPS, BALANCERS, Fleet
from tests.drills.harms import Harm
from tests.drills.load import Failure, Load

UPSTREAM_IDLE_SECONDS = 4.0
"""nginx's `keepalive_timeout` of an upstream. Source: roles/nginx/templates/etc/nginx/sites-enabled/app.conf.j2."""

_LOG = "/var/log/nginx/shop.access.log"
_COMMAND = re.compile(r"vpsdeploy [a-z]+(?: [\w./=-]+)*")


@dataclass(slots=True)
class Strike:
    """When a harm struck and when its hosts were whole again (time.monotonic(), seconds)."""

    harm: Harm
    began: float
    over: float = float("inf")
    bad_ports: tuple[int, ...] = ()


def unexcused(fleet: Fleet, load: Load, strike: Strike) -> list[str]:
    """Failed requests that the fault does not account for, one text each."""
    upstreams = _upstreams(fleet, load.failures)
    return [
        f"{one.method} through {one.balancer}, {one.began - strike.began:+.2f} to {one.ended - strike.began:+.2f} s, "
        f"upstream {upstreams.get(one.path, 'unknown')}: {one.why}"
        for one in load.failures
        if not _is_excused(fleet, one, upstreams.get(one.path, ""), strike, load)
    ]


def _is_excused(fleet: Fleet, one: Failure, upstream: str, strike: Strike, load: Load) -> bool:
    lost = strike.harm.lost
    if one.balancer in lost:
        return one.ended >= strike.began and not _was_back(load, one, strike)
    address, _, port = upstream.rpartition(", ")[2].rpartition(":")
    if port and int(port) in strike.bad_ports:
        return True
    at_lost = address in {fleet.addresses[host] for host in lost}
    if at_lost and lost and strike.harm.lost_ports and int(port) not in strike.harm.lost_ports:
        return False
    return at_lost and one.ended >= strike.began and one.began <= strike.began + UPSTREAM_IDLE_SECONDS


def _was_back(load: Load, one: Failure, strike: Strike) -> bool:
    """Whether the load balancer had answered somebody between the strike and the beginning of a request.

    What was answered within the first moment may have been on its way when the fault struck.
    """
    return any(strike.began + 1 < ended < one.began and name == one.balancer for ended, name in load.answered)


def _upstreams(fleet: Fleet, failures: Iterable[Failure]) -> dict[str, str]:
    """By path: whom nginx had handed a request to, the last one last."""
    found: dict[str, str] = {}
    paths = {one.path for one in failures}
    for host in BALANCERS if paths else ():
        for line in fleet.on(host, f"tail -n 50000 {_LOG}").splitlines():
            entry = json.loads(line)
            if entry["path"] in paths:
                found[entry["path"]] = entry["upstream"]
    return found


def assert_one_release(fleet: Fleet, release: str) -> None:
    """Every load balancer routes to one pool, and on every app host that pool runs this release; users see it."""
    found = fleet.status()
    assert found["settled"], found
    assert found["live"] == release, f"live is {found['live']}, expected {release}"
    for host in found["hosts"]:
        if host["name"] in APPS:
            states = {one["state"] for one in host["instances"] if one["release"] == release}
            assert states == {"active"}, f"{host['name']}: {host['instances']}"
    assert fleet.seen_by_users() == {release}


def assert_explained(command: Command) -> None:
    """An error says what failed, why, what state things are in and what to type; and no traceback is shown."""
    error = command.error
    assert error, command.describe()
    missing = [name for name in ("what", "state", "next") if not error[name]]
    assert not missing, f"the error has no {missing}: {command.describe()}"
    assert error["kind"] != "InternalError", command.describe()
    assert "Traceback" not in command.describe(), command.describe()


def next_command(fleet: Fleet, *words: str) -> Command:
    """What its user types next: it works, or its error says what to type, and then it works."""
    command = Command(fleet.project.path, words)
    if command.wait() == 0:
        return command
    assert_explained(command)
    advice = _COMMAND.search(command.error["next"])
    if advice:
        advised = Command(fleet.project.path, tuple(advice[0].split()[1:]))
        assert advised.wait() == 0, f"advised: {advised.describe()}\nafter: {command.describe()}"
    again = Command(fleet.project.path, words)
    assert again.wait() == 0, f"{again.describe()}\nafter: {command.describe()}"
    return again
