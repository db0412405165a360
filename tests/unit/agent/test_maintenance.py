"""maintenance: the link that nginx looks at, and what is behind it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.agent.conftest import GREEN, RELEASES, Host

ASKED = {
    "on": True,
    "message": "Back <soon>",
    "allow": ["203.0.113.7", "2001:db8::7"],
    "retry_after_seconds": 90,
}


def turn(host: Host, **more: Any) -> dict[str, Any]:
    """One call of the verb, without a lock."""
    host.token = ""
    return host.call("maintenance", **{**ASKED, **more})


def test_everything_that_nginx_needs_is_behind_one_link(bare: Host) -> None:
    """The directory is named after the seconds, each address has a file, both pages hold the message as text."""
    assert turn(bare)["changed"] is True
    place = bare.app.closed.resolve()
    assert (place.name, place.is_relative_to(bare.app.routes)) == ("90", True)
    assert {file.name for file in (place / "allow").iterdir()} == {"203.0.113.7", "2001:db8::7"}
    assert "<p>Back &lt;soon&gt;</p>" in (place / "page.html").read_text()
    assert json.loads((place / "page.json").read_text())["message"] == "Back <soon>"


def test_nginx_can_read_it_and_only_root_the_record(bare: Host) -> None:
    """Workers are no root."""
    turn(bare)
    place = bare.app.closed.resolve()
    assert all(path.stat().st_mode & 0o005 == 0o005 for path in (place, place.parent, place / "allow"))
    assert (place / "page.html").stat().st_mode & 0o777 == 0o644
    assert (place / "record.json").stat().st_mode & 0o777 == 0o600


def test_facts_and_history_say_who_and_since_when(bare: Host) -> None:
    """The history keeps each change, and no line for what changed nothing."""
    turn(bare)
    turn(bare)
    told = bare.call("facts")["maintenance"]
    assert {key: told[key] for key in ("message", "allow", "retry_after_seconds")} == {
        key: ASKED[key] for key in ("message", "allow", "retry_after_seconds")
    }
    assert told["by"] == "test@here"
    lines = [line for line in bare.call("history")["lines"] if line["verb"] == "maintenance"]
    assert [(line["result"], line["figures"]["message"]) for line in lines] == [("on", "Back <soon>")]


def test_a_second_time_replaces_message_and_addresses_and_leaves_nothing(bare: Host) -> None:
    """`since` stays that of the first; what was behind the link before is gone."""
    since = turn(bare)["maintenance"]["since"]
    answer = turn(bare, message="Longer", allow=[], retry_after_seconds=600)
    assert (answer["maintenance"]["message"], answer["maintenance"]["since"]) == ("Longer", since)
    assert answer["before"]["message"] == "Back <soon>"
    assert not list((bare.app.closed / "allow").iterdir())
    assert len(list(bare.app.maintenance.iterdir())) == 1


def test_off_removes_the_link_and_what_was_behind_it(bare: Host) -> None:
    """Twice is no error."""
    turn(bare)
    assert bare.call("maintenance", on=False)["changed"] is True
    assert not bare.app.closed.is_symlink()
    assert not list(bare.app.maintenance.iterdir())
    assert bare.call("maintenance", on=False)["changed"] is False
    assert bare.call("facts")["maintenance"] is None


def test_what_a_killed_call_left_is_swept(bare: Host) -> None:
    """Pages without a link are nobody's."""
    (bare.app.maintenance / "1" / "60" / "allow").mkdir(parents=True)
    turn(bare)
    assert len(list(bare.app.maintenance.iterdir())) == 1


def test_a_network_is_a_file_for_each_address(bare: Host) -> None:
    """nginx looks for the client's own address."""
    turn(bare, allow=["203.0.113.0/30"])
    names = {file.name for file in (bare.app.closed / "allow").iterdir()}
    assert names == {f"203.0.113.{n}" for n in range(4)}
    assert bare.call("facts")["maintenance"]["allow"] == ["203.0.113.0/30"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"message": ""}, {"message": "a\nb"}, {"message": "x" * 501}, {"allow": ["../green"]}, {"allow": "203.0.113.7"},
        {"allow": [7]}, {"allow": ["10.0.0.0/8"]}, {"allow": ["2001:db8::/64"]}, {"retry_after_seconds": -1},
        {"retry_after_seconds": 86401},
    ],
)  # fmt: skip
def test_a_wrong_request_touches_nothing(bare: Host, wrong: dict[str, Any]) -> None:
    """The controller checks it too; here it would become a file's name and a page."""
    assert turn(bare, **wrong)["kind"] == "UsageError"
    assert not bare.app.closed.is_symlink()
    assert not bare.app.green_marker.exists()


def test_a_host_without_a_route_says_so(bare: Host) -> None:
    """An app host has no nginx."""
    bare.app.routes.rmdir()
    assert turn(bare)["kind"] == "HostNotReady"


def test_a_flip_and_a_boot_leave_it_on(host: Host) -> None:
    """Both change what is behind nginx, not what it says."""
    host.live(RELEASES[0], GREEN)
    token = host.token
    turn(host)
    host.token = token
    host.call("flip", colour="blue", confirm_seconds=60)
    host.words(["boot"])
    assert host.call("facts")["maintenance"]["message"] == "Back <soon>"
    assert host.app.green_marker.exists()
