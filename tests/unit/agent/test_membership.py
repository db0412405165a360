"""leave, join, retire, describe, copy, and the sizes of pools: what nginx looks at, and what a host hands over."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from orchestrator.transport import blocks
from tests.support.bodies import unframed, untar
from tests.unit.agent.conftest import BLUE, GREEN, RELEASES, Host, bundle


@pytest.fixture(name="lb")
def _lb(host: Host) -> Host:
    """A host that is both, web-1 of three."""
    facts = json.loads(host.app.facts_file.read_text())
    more = {"name": "web-1", "hosts": ["web-1", "web-2", "web-3"], "instances_max": 4}
    host.app.facts_file.write_text(json.dumps(facts | more))
    return host


def markers(lb: Host) -> list[str]:
    """What spares nginx the other questions (agent/plain.py)."""
    return [path.name for path in lb.app.routes.glob("plain-*")]


def test_a_host_that_leaves_has_a_file_of_its_name(lb: Host) -> None:
    """nginx looks for it at each request; facts say who wrote it."""
    answer = lb.call("leave", host="web-2", dead=True)
    assert (lb.app.without / "web-2").stat().st_mode & 0o777 == 0o644
    assert (answer["changed"], answer["out"]["web-2"]["by"]) == (True, "test@here")
    assert lb.call("facts")["out"]["web-2"]["dead"] is True
    assert lb.call("leave", host="web-2")["changed"] is False
    assert [lb.call("join", host="web-2")["changed"] for _ in range(2)] == [True, False]
    assert list(lb.app.without.iterdir()) == []


def test_while_a_host_is_out_the_flip_is_not_all(lb: Host) -> None:
    """The file that says so is gone before the host's own is there."""
    lb.live(RELEASES[0], BLUE)
    lb.call("flip", colour=BLUE, instances=2, confirm_seconds=60)
    assert markers(lb) == ["plain-2-blue"]
    lb.call("leave", host="web-2")
    assert markers(lb) == []
    lb.call("join", host="web-2")
    assert markers(lb) == ["plain-2-blue"]


def test_two_hosts_cannot_be_out(lb: Host) -> None:
    """nginx has no upstream without both. A mark of a host that is no longer provisioned does not count."""
    lb.call("leave", host="web-2")
    refused = lb.call("leave", host="web-3")
    assert (refused["kind"], refused["what"]) == ("ReleaseFailed", "web-3 cannot be taken out")
    (lb.app.without / "web-2").rename(lb.app.without / "web-9")
    assert lb.call("leave", host="web-3")["changed"] is True


@pytest.mark.parametrize("name", ["../green", "web-4", ".", "a/b", ""])
def test_a_host_that_nginx_does_not_know_is_refused(lb: Host, name: str) -> None:
    """Nor is anything a file's name that leaves its directory."""
    assert lb.call("leave", host=name)["kind"] in ("HostNotReady", "UsageError")
    assert not lb.app.without.exists()


def test_the_only_host_cannot_leave(lb: Host) -> None:
    """It would leave nobody."""
    facts = json.loads(lb.app.facts_file.read_text())
    lb.app.facts_file.write_text(json.dumps(facts | {"hosts": ["web-1"]}))
    assert lb.call("leave", host="web-1")["why"] == "it is the only app host"


def test_a_flip_says_how_many_instances_the_pool_has(lb: Host) -> None:
    """One file for each pool; the old pool's stays what it was, so that a return is exact."""
    lb.live(RELEASES[0], BLUE)
    lb.call("flip", colour=BLUE, confirm_seconds=60, instances=2)
    lb.call("flip", colour=GREEN, confirm_seconds=60, instances=3)
    lb.call("flip", colour=GREEN, confirm_seconds=60, instances=4)
    assert sorted(path.name for path in lb.app.sizes.iterdir()) == ["shop_blue_2", "shop_green_4"]
    lb.call("return")
    assert lb.call("facts")["sizes"] == {BLUE: 2, GREEN: 4}


def test_a_host_that_is_no_load_balancer_any_more_has_no_route(lb: Host) -> None:
    """Its files say blue for ever; others decide now what is live."""
    lb.live(RELEASES[0], BLUE)
    facts = json.loads(lb.app.facts_file.read_text())
    lb.app.facts_file.write_text(json.dumps(facts | {"roles": ["app"]}))
    lb.ship(RELEASES[1])
    lb.call("start", release=RELEASES[1], colour=GREEN)
    assert lb.call("confirm", release=RELEASES[1], colour=GREEN)["live"] is None
    assert lb.call("drain", colour=BLUE, timeout_seconds=0)["scheduled"] is True
    assert lb.call("retire", timeout_seconds=0)["stopped"] == [BLUE, GREEN]


def test_only_a_host_that_is_out_ends_its_live_pool(lb: Host) -> None:
    """Where nginx runs on the same host, it is asked."""
    lb.live(RELEASES[0], BLUE)
    assert lb.call("retire", timeout_seconds=0)["kind"] == "ReleaseFailed"
    lb.call("leave", host="web-1")
    assert lb.call("retire", timeout_seconds=0)["stopped"] == [BLUE]
    assert lb.systemd.running == set()
    assert lb.call("facts")["pools"] == {BLUE: None, GREEN: None}
    assert lb.call("retire", timeout_seconds=0)["stopped"] == []


def test_an_end_counts_what_it_cut(lb: Host) -> None:
    """A connection that stays open until the time is over."""
    lb.live(RELEASES[0], BLUE)
    lb.call("leave", host="web-1")
    (lb.layout.proc / "net/tcp").write_text(f"head\n 0: 0100007F:{4001:04X} 0100007F:9999 01 rest\n")
    assert lb.call("retire", timeout_seconds=0)["cut_connections"] == 1


def test_an_end_takes_over_from_a_drain(lb: Host) -> None:
    """Its unit is stopped; both pools end together."""
    lb.live(RELEASES[0], BLUE)
    lb.live(RELEASES[1], GREEN)
    lb.call("drain", colour=BLUE, timeout_seconds=30)
    lb.call("leave", host="web-1")
    assert lb.call("retire", timeout_seconds=0)["stopped"] == [BLUE, GREEN]
    assert "vpsdeploy-drain-shop.service" not in lb.systemd.running


def test_the_route_is_confirmed_on_a_host_that_is_out(lb: Host) -> None:
    """Its nginx serves; it runs no instances, so `current` stays."""
    lb.live(RELEASES[0], BLUE)
    lb.call("leave", host="web-1")
    lb.call("retire", timeout_seconds=0)
    lb.call("flip", colour=GREEN, confirm_seconds=60)
    answer = lb.call("confirm", colour=GREEN, release=RELEASES[1])
    assert (answer["live"], answer["current"]) == (GREEN, RELEASES[0])


def test_a_release_is_handed_over_as_it_was_sent(lb: Host) -> None:
    """Manifest, settings and files: another host assembles the same."""
    lb.ship(RELEASES[0], {"dist/main.js": b"main", "b": b"bee"}, env={"A": "1"})
    described = lb.call("describe", release=RELEASES[0])
    manifest, listed, blobs = bundle({"dist/main.js": b"main", "b": b"bee"})
    assert (described["manifest"], described["settings"]["env"]) == (manifest, {"A": "1"})
    offered = unframed([raw(lb, "copy", release=RELEASES[0])])
    assert offered == unframed([listed.removesuffix(blocks.END)])
    whole = unframed([raw(lb, "copy", release=RELEASES[0], missing=[[0, 2]])])
    assert untar(whole) == blobs
    rest = unframed([raw(lb, "copy", release=RELEASES[0], missing=[[1, 1]], parts=[[1, 2]])])
    assert list(untar(rest).values()) == [b"in"]


def test_nothing_but_the_store_is_handed_over(lb: Host) -> None:
    """What is asked for are places in the list; a release that is not there is an error."""
    lb.ship(RELEASES[0])
    for missing in (["../../etc/shadow"], [[0]], [[0, -1]], [[0, True]], "x"):
        assert lb.call("copy", release=RELEASES[0], missing=missing)["kind"] == "UsageError"
    assert lb.call("copy", release=RELEASES[2])["kind"] == "ReleaseFailed"
    assert lb.call("describe", release=RELEASES[2])["kind"] == "ReleaseFailed"


def raw(host: Host, verb: str, **fields: Any) -> bytes:
    """What a verb writes, as it is."""
    with contextlib.suppress(ValueError):  # it is no text
        host.call(verb, **fields)
    return (host.layout.root / "answers").read_bytes()


def test_more_instances_start_than_the_release_wished(lb: Host) -> None:
    """As many as are asked for, up to what nginx knows."""
    lb.ship(RELEASES[0])
    assert lb.call("start", release=RELEASES[0], colour=BLUE, size=3)["ports"] == [4001, 4002, 4003]
    assert lb.call("start", release=RELEASES[0], colour=GREEN, size=9)["ports"] == [4101, 4102, 4103, 4104]


def test_a_larger_pool_that_still_drains_comes_back_smaller(lb: Host) -> None:
    """Scaled up and down again at once: what is beyond the size ends, the rest stays warm."""
    lb.live(RELEASES[0], BLUE)
    lb.call("start", release=RELEASES[0], colour=GREEN, size=4)
    lb.call("drain", colour=GREEN, timeout_seconds=0)
    answer = lb.call("start", release=RELEASES[0], colour=GREEN, size=3)
    assert (answer["ports"], answer["warm"]) == ([4101, 4102, 4103], True)
    assert "shop@4104.service" not in lb.systemd.running
    assert lb.call("facts")["pools"][GREEN]["ports"] == [4101, 4102, 4103]


def test_a_live_pool_is_never_made_smaller(lb: Host) -> None:
    """Asked for less of what users are on, it stays whole."""
    lb.live(RELEASES[0], BLUE)
    assert lb.call("start", release=RELEASES[0], colour=BLUE, size=1)["ports"] == [4001, 4002]
