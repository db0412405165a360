"""What status and releases show."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.report import releases, status, table
from tests.support.fleet import APP, FakeHost, stage

A, B = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb"
STAGE = stage("web-1")


def facts(**fields: Any) -> FleetFacts:
    """One host with B live in green, A kept."""
    kept = [
        {"id": A, "revision": "aaaa", "subject": "Sell", "node": "24.21.0", "by": "ann@laptop", "created_at": "11-01"},
        {"id": B, "revision": "bbbb", "subject": "Buy", "node": "24.21.0", "by": "bob@ci", "created_at": "11-02"},
    ]  # fmt: skip
    instance = {
        "unit": "shop@4101.service", "port": 4101, "pool": "green", "release": B, "state": "active",
        "sub_state": "running", "memory_bytes": 64 << 20, "uptime_seconds": 3723.0, "restarts": 0,
    }  # fmt: skip
    answer = FakeHost(STAGE.hosts[0]).facts({}) | {
        "live": "green", "releases": kept, "instances": [instance],
        "pools": {"blue": None, "green": {"release": B, "ports": [4101], "state": "running"}},
        "last": {"verb": "confirm", "to": B, "by": "bob@ci", "time": "2026-11-02T10:00:00Z", "result": "confirmed"},
    }  # fmt: skip
    return FleetFacts(STAGE, (host.parse("web-1", APP, answer | fields),))


def test_status_for_people() -> None:
    """The whole output."""
    assert (
        status.text(APP, "http://10.0.0.1/", facts())
        == f"""\
shop on production: http://10.0.0.1/
live: {B}  bbbb Buy

host   instance   pool        release                  state             memory  uptime     restarts
web-1  shop@4101  green live  {B}  active (running)  64 MiB  1 h 2 min  0

last on web-1: confirm {B} by bob@ci at 2026-11-02T10:00:00Z: confirmed"""
    )


def test_status_for_programs() -> None:
    """The names that the issue and docs/json.md promise."""
    fields = status.fields(APP, "http://10.0.0.1/", facts())
    assert (fields["url"], fields["live"], fields["settled"]) == ("http://10.0.0.1/", B, True)
    assert fields["hosts"][0]["address"] == "10.0.0.1"
    assert fields["hosts"][0]["instances"][0]["unit"] == "shop@4101.service"


def test_a_host_without_a_release_says_so() -> None:
    """No table with only a head."""
    nothing = facts(pools={"blue": None, "green": None}, instances=[], releases=[], last=None)
    shown = status.text(APP, "http://10.0.0.1/", nothing)
    assert shown == "shop on production: http://10.0.0.1/\nlive: none\n\nno instance runs"
    assert releases.text(nothing) == "no release is kept yet"


def test_releases_are_listed_newest_first() -> None:
    """With the live one marked."""
    lines = releases.text(facts()).splitlines()
    assert [line.split()[0] for line in lines] == ["release", B, A]
    assert " live " in lines[1]
    assert [(one["id"], one["live"]) for one in releases.fields(facts())["releases"]] == [
        (B, True),
        (A, False),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3723, "1 h 2 min"), (90_000, "1 d 1 h")]
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    """Enough to see whether something has just restarted."""
    assert table.duration(seconds) == text


def test_a_canary_is_shown() -> None:
    """How many requests go where, and what becomes of it."""
    seen = facts(live="blue", pending={"from": "blue", "to": "green", "share": 25, "deadline": 0})
    assert (
        f"not confirmed on web-1: 25 % of the requests go to green ({B}); it goes back by itself unless a release "
        "confirms it" in status.text(APP, "http://10.0.0.1/", seen)
    )
    assert status.fields(APP, "x", seen)["hosts"][0]["pending"] == {"to": "green", "share": 25}
    assert status.fields(APP, "x", facts())["hosts"][0]["pending"] is None
