"""Releases that pass the gate and are bad all the same: a fleet of two load balancers goes back by itself."""

from __future__ import annotations

import http.client
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from examples.load import Load
from tests.support.node_apps import bundle
from tests.support.vps import TIMEOUT_SECONDS, Project, project_on_sandbox
from tests.support.waiting import begun

pytestmark = pytest.mark.sandbox

CONFIG = ("app: shop", "limits: {memory: 128M}", "release: {drain_seconds: 5}")
BALANCERS = ("lb-1", "lb-2")
BAD = {
    "answers 500 under traffic": "to the new instances failed",
    "crashes under traffic": "ended or was started anew",
}


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two load balancers, one app host, one release."""
    path = tmp_path_factory.mktemp("watch")
    with project_on_sandbox(path, "e2e-watch", loadbalancers=2, config=CONFIG) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        release(project, "first")
        yield project


def release(project: Project, text: str, *options: str) -> dict[str, Any]:
    """Release an app that says `text`; the result."""
    return project.json("release", "--bundle", str(bundle(project.path, text)), *options)[-1]


def status(project: Project) -> dict[str, Any]:
    """What the hosts say."""
    found: dict[str, Any] = project.json("status")[-1]
    return found


def addresses(project: Project) -> list[str]:
    """Of the load balancers."""
    return [host["address"] for host in status(project)["hosts"] if host["name"] in BALANCERS]


def texts(address: str, count: int) -> Counter[str]:
    """What so many requests are answered."""
    found: Counter[str] = Counter()
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        for _ in range(count):
            connection.request("GET", "/")
            found[json.loads(connection.getresponse().read())["text"]] += 1
    return found


def assert_whole(project: Project, release: str) -> None:
    """Both load balancers route to one release, and nothing is pending or locked."""
    now = status(project)
    assert now["live"] == release
    assert [host["pending"] for host in now["hosts"]] == [None] * len(now["hosts"])
    assert {host["lock"] is None for host in now["hosts"]} == {True}


def test_a_good_release_is_watched_under_load(shop: Project) -> None:
    """With the default watch: its users' requests were looked at on both load balancers, and none was dropped."""
    one, two = addresses(shop)
    with Load(one, clients=4) as first, Load(two, clients=4) as second:
        changed = release(shop, "watched")
    assert first.tally.failures == second.tally.failures == []
    watch = changed["watch"]
    assert (watch["shares"], watch["instances"], watch["after"]["failed"]) == ([100], 2, 0)
    assert watch["after"]["requests"] > 0
    assert watch["before"]["requests"] > 0
    assert_whole(shop, changed["release"])


@pytest.mark.parametrize("kind", BAD)
def test_a_release_that_turns_bad_goes_back_by_itself(shop: Project, kind: str) -> None:
    """On both load balancers, with what was measured; the hosts' history has the reason."""
    before = status(shop)["live"]
    file = bundle(shop.path, kind.replace(" ", "-"), kind)
    failed = shop.vpsdeploy("release", "--bundle", str(file))
    assert failed.returncode == 8, failed.stderr
    assert BAD[kind] in failed.stderr
    assert f"live is {before} on all hosts; the flip was undone" in failed.stderr
    assert_whole(shop, before)
    for name in BALANCERS:
        history = shop.on(name, "tail", "-n", "4", "/var/lib/vpsdeploy/shop/history.jsonl")
        assert "does worse than the one before" in history


def test_a_canary_gets_its_share_on_every_load_balancer(shop: Project) -> None:
    """A quarter of the requests, within what chance allows; nginx is started anew meanwhile and keeps it."""
    file = shop.path / "vpsdeploy.yml"
    usual = file.read_text()
    file.write_text(usual.replace("drain_seconds: 5", "drain_seconds: 5, watch_seconds: 30"))
    process = begun(shop, bundle(shop.path, "canary"), "watch 25 %", "--canary", "25,100")
    file.write_text(usual)
    for name in BALANCERS:
        shop.on(name, "systemctl", "restart", "nginx")
    seen = [texts(address, 400)["canary"] for address in addresses(shop)]
    process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0
    assert all(60 <= count <= 140 for count in seen), seen
    assert texts(addresses(shop)[0], 20) == {"canary": 20}
    assert_whole(shop, status(shop)["live"])


@pytest.mark.parametrize(
    ("step", "options"),
    [pytest.param("watch it", (), marks=pytest.mark.full), ("watch 5 %", ("--canary", "5,100"))],
)
def test_a_dead_controller_leaves_the_old_release(shop: Project, step: str, options: tuple[str, ...]) -> None:
    """kill -9 in the watch: each load balancer goes back on its own, and the next release works."""
    before = status(shop)["live"]
    process = begun(shop, bundle(shop.path, f"dead-{len(options)}"), step, *options)
    process.kill()
    process.communicate(timeout=TIMEOUT_SECONDS)
    deadline = time.monotonic() + 120
    while any(host["pending"] for host in status(shop)["hosts"]) and time.monotonic() < deadline:
        time.sleep(2)
    now = status(shop)
    assert now["live"] == before
    assert [host["pending"] for host in now["hosts"]] == [None] * len(now["hosts"])
    assert_whole(shop, release(shop, f"after-dead-{len(options)}", "--no-watch")["release"])


def test_a_controller_that_was_asleep_learns_that_it_is_too_late(shop: Project) -> None:
    """A laptop that was closed during the watch: the flip was taken back, and it says so."""
    before = status(shop)["live"]
    process = begun(shop, bundle(shop.path, "asleep"), "watch it")
    process.send_signal(signal.SIGSTOP)
    time.sleep(75)
    process.send_signal(signal.SIGCONT)
    output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    error = json.loads(output.splitlines()[-1])["error"]
    assert (process.returncode, error["kind"]) == (8, "ReleaseFailed")
    assert_whole(shop, before)
