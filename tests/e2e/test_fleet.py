"""Two load balancers and three app hosts: leaving, joining, scaling and dying under load."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import yaml

from examples.load import Load, Tally
from tests.support import shapes
from tests.support.node_apps import bundle
from tests.support.vps import Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 20}", "limits: {memory: 128M}",
    "release: {drain_seconds: 10, watch_seconds: 0}",
)  # fmt: skip
CLIENTS = 20
SILENCE = """table inet dead {
  chain i {
    type filter hook input priority -300; policy drop;
  }
}"""
"""Rules of a host that answers nobody any more, as a machine without power or behind a broken switch."""
EXAMPLES = shapes.examples()


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A provisioned fleet with a first release."""
    path = tmp_path_factory.mktemp("fleet")
    with project_on_sandbox(path, "e2e-fleet", hosts=3, loadbalancers=2, config=CONFIG) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        release(project, "first")
        yield project


def release(project: Project, text: str) -> dict[str, Any]:
    """Release an app that says `text`; the result."""
    return project.json("release", "--bundle", str(bundle(project.path, text)))[-1]


def addresses(project: Project) -> dict[str, str]:
    """Of all hosts, by name; also of one that does not answer."""
    tree = yaml.safe_load(next(project.path.glob("inventories/*/hosts.yml")).read_text())
    return {name: variables["ansible_host"] for name, variables in tree["all"]["hosts"].items()}


@contextmanager
def load(project: Project) -> Iterator[list[Tally]]:
    """Keep-alive GET and POST through both load balancers, without retries."""
    found = addresses(project)
    with ExitStack() as stack:
        loads = [stack.enter_context(Load(found[name], clients=CLIENTS)) for name in ("lb-1", "lb-2")]
        time.sleep(1)
        yield [one.tally for one in loads]
        time.sleep(1)


def failures(tallies: list[Tally]) -> list[str]:
    """What failed, of more than nothing."""
    assert all(tally.seconds for tally in tallies)
    return [failure for tally in tallies for failure in tally.failures]


def running(project: Project) -> dict[str, tuple[str, int]]:
    """Release and number of instances of each app host that answers, by status."""
    hosts = project.json("status")[-1]["hosts"]
    live = {host["live_pool"] for host in hosts if "loadbalancer" in host["roles"]}
    assert len(live) == 1
    pools = {host["name"]: host["pools"][next(iter(live))] for host in hosts if "app" in host["roles"]}
    return {name: (pool["release"], len(pool["ports"])) if pool else ("", 0) for name, pool in pools.items()}


def reaches(project: Project, host: str, address: str, port: int) -> bool:
    """Whether one host gets a connection to a port of another."""
    script = f"exec 3<>/dev/tcp/{address}/{port} && echo open"
    return "open" in project.tried_on(host, "timeout", "2", "bash", "-c", script).stdout


def test_ports_of_instances_are_reachable_from_load_balancers_only(shop: Project) -> None:
    """Not from another app host, nor from a machine of the same network."""
    address = addresses(shop)["web-1"]
    port = next(iter(shop.json("status")[-1]["hosts"][2]["instances"]))["port"]
    assert [reaches(shop, host, address, port) for host in ("lb-1", "lb-2", "web-2")] == [True, True, False]
    with pytest.raises(OSError, match="timed out"), socket.create_connection((address, port), timeout=2):
        pass


def test_a_host_leaves_and_comes_back_without_a_dropped_request(shop: Project) -> None:
    """A release goes live without it; when it joins, it runs that release. Reboots change nothing."""
    with load(shop) as tallies:
        drained = shop.json("host", "drain", "web-3")[-1]
        assert running(shop)["web-3"] == ("", 0)
        done = release(shop, "without-web-3")
        shop.host("web-3").stop()
        shop.host("web-3").start()
        shop.host("web-3").wait_until_booted(fresh=False)
        assert running(shop)["web-3"] == ("", 0)
        joined = shop.json("host", "join", "web-3")[-1]
        time.sleep(1)
    assert failures(tallies) == []
    assert set(running(shop).values()) == {(done["release"], 2)}
    assert [shapes.differences(EXAMPLES[one["kind"]], one) for one in (drained, joined)] == [[], []]
    assert shapes.differences(EXAMPLES["hosts"], shop.json("host", "list")[-1]) == []


def test_scaling_up_and_down_drops_no_request(shop: Project) -> None:
    """And the number outlives a release and a provisioning, of which nginx notices nothing."""
    started = {lb: workers(shop, lb) for lb in ("lb-1", "lb-2")}
    with load(shop) as tallies:
        scaled = shop.json("scale", "4")[-1]
        assert {size for _, size in running(shop).values()} == {4}
        shop.json("scale", "1")
        shop.json("scale", "3")
        release(shop, "scaled")
        assert {size for _, size in running(shop).values()} == {3}
    assert failures(tallies) == []
    assert shop.vpsdeploy("provision", "host").returncode == 0
    assert {size for _, size in running(shop).values()} == {3}
    assert {lb: workers(shop, lb) for lb in ("lb-1", "lb-2")} == started
    assert shapes.differences(EXAMPLES["scale"], scaled) == []
    shop.json("scale", "2")


def workers(project: Project, host: str) -> str:
    """nginx's workers: others after a reload."""
    return project.on(host, "pgrep", "--full", "nginx: worker")


@pytest.mark.parametrize("number", ["0", "5", "100"])
def test_a_size_that_cannot_be_is_refused(shop: Project, number: str) -> None:
    """Nothing, more than nginx was provisioned for, more than there are ports."""
    before = running(shop)
    assert shop.vpsdeploy("scale", number).returncode == 2
    assert running(shop) == before


def test_a_host_that_dies_costs_no_more_than_what_it_was_answering(shop: Project) -> None:
    """One request of each client at most; then the others serve, releases go on without it, and it comes back."""
    with load(shop) as tallies:
        shop.on("web-3", "sh", "-c", f"echo '{SILENCE}' | /usr/sbin/nft --file -")
        time.sleep(22)  # longer than a client waits for what the host was answering
    assert len(failures(tallies)) <= 2 * CLIENTS
    with load(shop) as after:
        time.sleep(8)
    assert failures(after) == []
    refused = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "refused")))
    assert refused.returncode == 5
    assert "vpsdeploy host drain web-3 --dead" in refused.stderr
    with load(shop) as drained:
        shop.json("host", "drain", "web-3", "--dead")
        done = release(shop, "without-the-dead")
        assert shop.json("status")[-1]["out"][0]["answers"] is False
        shop.on("web-3", "/usr/sbin/nft", "delete", "table", "inet", "dead")
        shop.json("host", "join", "web-3")
    assert failures(drained) == []
    assert {release for release, _ in running(shop).values()} == {done["release"]}


def test_killed_instances_cost_posts_in_flight_and_nothing_else(shop: Project) -> None:
    """Also those that nginx keeps idle connections to: a GET goes to another, a POST that may have been seen never."""
    rounds = 4
    with load(shop) as tallies:
        for _ in range(rounds):
            with contextlib.suppress(Exception):
                shop.on("web-2", "systemctl", "kill", "--signal=KILL", "shop@*.service")
            time.sleep(3)
    failed = failures(tallies)
    assert set(failed) <= {"POST: HTTP 503"}
    assert len(failed) <= rounds * CLIENTS


def test_a_dead_load_balancer_stops_a_release_before_anything_is_touched(shop: Project) -> None:
    """All of them are flipped or none. Back on, it is told what the others route to."""
    before = {release for release, _ in running(shop).values()}
    file = str(bundle(shop.path, "one-balancer"))
    shop.host("lb-2").cut_power()
    refused = shop.vpsdeploy("release", "--bundle", file)
    assert (refused.returncode, "nothing was changed" in refused.stderr) == (5, True)
    assert "take lb-2 out of DNS" in refused.stderr
    inventory = next(shop.path.glob("inventories/*/hosts.yml"))
    whole = inventory.read_text()
    inventory.write_text(_without(whole, "lb-2"))
    done = shop.json("release", "--bundle", file)[-1]
    assert {release for release, _ in running(shop).values()} == {done["release"]}
    inventory.write_text(whole)
    shop.host("lb-2").start()
    shop.host("lb-2").wait_until_booted(fresh=False)
    shop.json("host", "join", "lb-2")
    with load(shop) as tallies:
        assert {release for release, _ in running(shop).values()} == {done["release"]} != before
    assert failures(tallies) == []


def _without(inventory: str, name: str) -> str:
    """The inventory as somebody leaves it who takes a host out."""
    tree = yaml.safe_load(inventory)
    groups = tree["all"]["children"].values()
    for hosts in (tree["all"]["hosts"], *(group["hosts"] for group in groups)):
        hosts.pop(name, None)
    return f"{inventory.splitlines()[0]}\n{yaml.safe_dump(tree)}"
