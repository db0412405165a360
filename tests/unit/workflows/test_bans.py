"""bans: the same on every host, whoever is down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostUnreachable, UsageError
from orchestrator.model.ban import Seen
from orchestrator.plan import bans as plan
from orchestrator.report import bans as report
from orchestrator.workflows import bans
from tests.support.fleet import APP, FakeFleet, stage

CONFIG = AppConfig(app=APP)
STAGE = stage("web-1", balancers=("lb-1", "lb-2"))


@pytest.fixture(name="fleet")
def _fleet() -> FakeFleet:
    """An app host and two load balancers."""
    return FakeFleet(STAGE)


def add(fleet: FakeFleet, address: str = "203.0.113.7", length: str = "1d") -> Seen:
    """Ban somebody."""
    return bans.add(CONFIG, STAGE, address, length, lambda *_: fleet)


def look(fleet: FakeFleet) -> Seen:
    """Ask for the bans."""
    return bans.look(CONFIG, STAGE, lambda *_: fleet)


def lift(fleet: FakeFleet, address: str = "203.0.113.7") -> Seen:
    """Lift a ban."""
    return bans.lift(CONFIG, STAGE, address, lambda *_: fleet)


def down(name: str) -> Callable[[str, str], None]:
    """A host that nobody reaches."""

    def fail(host: str, verb: str) -> None:
        if host == name:
            raise HostUnreachable("no answer", host=host, why="it is off")

    return fail


def test_a_ban_is_on_every_host_and_so_is_its_end(fleet: FakeFleet) -> None:
    """App hosts too: an attacker looks for all of them."""
    assert report.added_text(add(fleet), 1000.0) == "203.0.113.7 is banned on web-1, lb-1, lb-2, 1 d left"
    assert {ban.host for ban in look(fleet).bans} == {"web-1", "lb-1", "lb-2"}
    expected = "lifted 203.0.113.7: added on web-1, lb-1, lb-2"
    assert report.lifted_text(lift(fleet), "203.0.113.7") == expected
    assert report.text(look(fleet), 1000.0) == "nobody is banned"
    assert report.lifted_text(lift(fleet), "203.0.113.7") == "203.0.113.7 was not banned on web-1, lb-1, lb-2"


def test_a_client_is_one_line_wherever_it_is_banned(fleet: FakeFleet) -> None:
    """With who told so, since when, and what is left."""
    add(fleet)
    add(fleet, "2001:db8::7", "ever")
    assert report.text(look(fleet), 1090.0).splitlines() == [
        "address      why                 since           end                 ports  on",
        "203.0.113.7  added by test@here  1 min 30 s ago  23 h 58 min left    all    web-1, lb-1, lb-2",
        "2001:db8::7  added by test@here  1 min 30 s ago  until it is lifted  all    web-1, lb-1, lb-2",
        "Banned by mistake? vpsdeploy bans lift ADDRESS",
    ]


def test_a_host_that_is_down_keeps_nobody_from_seeing_the_others(fleet: FakeFleet) -> None:
    """It is named; where none answers, that is the error."""
    add(fleet)
    fleet.fail = down("lb-2")
    seen = look(fleet)
    assert (seen.hosts, len(seen.bans)) == (("web-1", "lb-1"), 2)
    assert (
        report.text(seen, 1000.0).splitlines()[-2] == "warning: lb-2 could not be asked: no answer: it is off"
    )


def test_a_change_that_a_host_missed_says_so(fleet: FakeFleet) -> None:
    """What was done stays done: to repeat is safe."""
    fleet.fail = down("lb-2")
    with pytest.raises(HostUnreachable) as caught:
        add(fleet)
    assert caught.value.state == "done on web-1, lb-1"
    assert caught.value.next.startswith("the same command again")


@pytest.mark.parametrize(
    ("address", "length"),
    [
        ("example.com", "1d"), ("203.0.113.7", "1"), ("203.0.113.7", "0d"), ("203.0.113.7", "999w"),
        ("127.0.0.1", "1d"), ("0.0.0.0/0", "1d"), ("::/0", "1d"), ("203.0.113.300", "1d"), ("2001:db8::/31", "1d"),
    ],
)  # fmt: skip
def test_bad_input_asks_no_host(fleet: FakeFleet, address: str, length: str) -> None:
    """Refused on the controller."""
    with pytest.raises(UsageError):
        add(fleet, address, length)
    assert fleet.calls == []


def test_lift_takes_addresses_only(fleet: FakeFleet) -> None:
    """In any notation."""
    with pytest.raises(UsageError):
        lift(fleet, "web-1")
    assert plan.address("2001:DB8:0::7") == "2001:db8::7"
    assert plan.address("203.0.113.9/24") == "203.0.113.0/24"
    assert (plan.seconds("30m"), plan.seconds("ever")) == (1800, 0)
