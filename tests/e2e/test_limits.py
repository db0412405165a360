"""Two load balancers before an attacker, while a visitor goes on: limits, bans on both, and how bans end.

Attacker and visitor are addresses of this machine on the sandbox's network: no host trusts them, unlike the address
that the controller has there. Figures are shown by `pytest -rP`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

import pytest

from orchestrator.workflows import sandbox
from tests.support.node_apps import bundle
from tests.support.visitors import Client, Clients
from tests.support.vps import Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

RATE, BURST = 20, 60
CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 4}", "limits: {memory: 128M}",
    "release: {drain_seconds: 5, watch_seconds: 2}", f"rate_limits: {{rate: {RATE}r/s, burst: {BURST}}}",
)  # fmt: skip
HOSTS = ("web-1", "web-2")
ATTACKER, VISITOR, OTHER = 201, 202, 203
"""Last numbers of addresses that no sandbox host has (count from .101)."""

WAIT_SECONDS = 60
"""Longest wait for what takes seconds."""

IDLE = 10_000


@dataclass(frozen=True)
class Net:
    """The sandbox's network, as this machine sees it."""

    project: Project
    hosts: tuple[str, ...]

    def source(self, last: int) -> str:
        """An address of this machine on it."""
        return f"{self.hosts[0].rpartition('.')[0]}.{last}"

    def ask(self, host: str, last: int, path: str = "/", **headers: str) -> int | str:
        """The status that a client gets on a connection of its own, or how it fails."""
        connection = http.client.HTTPConnection(host, timeout=2, source_address=(self.source(last), 0))
        with closing(connection):
            try:
                connection.request("GET", path, headers=headers)
                return connection.getresponse().status
            except OSError as error:
                return type(error).__name__

    def until(self, last: int, wanted: object, hosts: tuple[str, ...] | None = None) -> float:
        """Wait until a client gets this from every load balancer; how long that took (seconds)."""
        begin = time.monotonic()
        while (seen := [self.ask(host, last) for host in hosts or self.hosts]) != [wanted] * len(seen):
            assert time.monotonic() < begin + WAIT_SECONDS, seen
            time.sleep(0.1)
        return time.monotonic() - begin

    def bans(self, last: int) -> list[dict[str, object]]:
        """What `bans list` says of a client."""
        return [
            ban
            for ban in self.project.json("bans", "list")[-1]["bans"]
            if ban["address"] == self.source(last)
        ]


@pytest.fixture(scope="module", name="net")
def _net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """Two hosts, both app host and load balancer, with a release; and this machine's three more addresses."""
    path = tmp_path_factory.mktemp("limits")
    with (
        project_on_sandbox(path, f"e2e-limits-{os.getpid()}", hosts=2, config=CONFIG) as project,
        ExitStack() as stack,
    ):
        inventory = project.path / "inventories" / project.name / "hosts.yml"
        inventory.write_text(inventory.read_text().rstrip() + "\n        web-2: {}\n")
        addresses = {host.name: host.address for host in sandbox.status(project.name).hosts}
        net = Net(project, tuple(addresses[name] for name in HOSTS))
        for last in (ATTACKER, VISITOR, OTHER):
            stack.enter_context(_another_address(net, last))
        assert "web-2: {}" in inventory.read_text()
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        project.json("release", "--bundle", str(bundle(project.path, "one")))
        yield net


@contextlib.contextmanager
def _another_address(net: Net, last: int) -> Iterator[None]:
    route = subprocess.run(
        ["ip", "-json", "route", "get", net.hosts[0]], capture_output=True, text=True, check=True
    )
    device = json.loads(route.stdout)[0]["dev"]
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    words = [f"{net.source(last)}/32", "dev", device]
    subprocess.run([*sudo, "ip", "addr", "add", *words], check=True)
    try:
        yield
    finally:
        subprocess.run([*sudo, "ip", "addr", "del", *words], check=True)


def visitor(net: Net) -> Clients:
    """Keep-alive clients within the limit, one for each load balancer, without retries."""
    source = (net.source(VISITOR), 0)
    connects = (
        partial(http.client.HTTPConnection, host, timeout=20, source_address=source) for host in net.hosts
    )
    return Clients(map(Client, connects), pause_seconds=1 / (RATE / 2))


class Flood:
    """An attacker who asks one load balancer for twenty times the limit, until it is dropped."""

    def __init__(self, net: Net) -> None:
        self.seen: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run, args=(net,)) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until all of it was dropped."""
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive(), self.seen

    def _run(self, net: Net) -> None:
        connection = http.client.HTTPConnection(
            net.hosts[0], timeout=3, source_address=(net.source(ATTACKER), 0)
        )
        with closing(connection):
            until = time.monotonic() + WAIT_SECONDS
            while time.monotonic() < until:
                try:
                    connection.request("GET", "/")
                    answered = connection.getresponse()
                    answered.read()
                    self.seen[str(answered.status)] += 1
                except TimeoutError:
                    self.seen["dropped"] += 1
                    return
                time.sleep(4 / (20 * RATE))


def test_an_attacker_gets_429_and_is_dropped_everywhere_while_a_visitor_loses_nothing(net: Net) -> None:
    """It floods one load balancer; the other one drops it too, though it never saw it."""
    with visitor(net) as client:
        time.sleep(3)
        before = client.p99_ms()
        begin = time.monotonic()
        flood = Flood(net)
        net.until(ATTACKER, "TimeoutError")
        seconds = time.monotonic() - begin
        during = client.p99_ms()
        flood.end()
    sys.stdout.write(f"dropped on both after {seconds:.1f} s: {dict(flood.seen)}\n")
    sys.stdout.write(f"p99 of the visitor {before:.1f} ms before, {during:.1f} ms during the flood\n")
    assert flood.seen["429"] > 0
    assert flood.seen["200"] >= BURST
    assert set(client.seen) == {"200"}
    found = {(ban["host"], ban["source"], ban["origin"], ban["ports"]) for ban in net.bans(ATTACKER)}
    assert found == {("web-1", "nginx-limit-req", "", "web"), ("web-2", "nginx-limit-req", "web-1", "web")}


def test_a_ban_survives_a_reboot_on_both(net: Net) -> None:
    """On the host that found out (fail2ban remembers) and on the one that was told (we do)."""
    for name in HOSTS:
        sandbox.power_off(net.project.name, name, hard=True)
    for name in HOSTS:
        sandbox.power_on(net.project.name, name)
    net.until(VISITOR, 200)
    net.until(ATTACKER, "TimeoutError")
    assert {ban["host"] for ban in net.bans(ATTACKER)} == set(HOSTS)


def test_who_was_banned_by_mistake_is_served_again_at_once(net: Net) -> None:
    """On both; and it stays so, though the other load balancer still had it in its list."""
    lifted = net.project.json("bans", "lift", net.source(ATTACKER))[-1]["bans"]
    assert {ban["host"] for ban in lifted} == set(HOSTS)
    assert [net.ask(host, ATTACKER) for host in net.hosts] == [200, 200]
    time.sleep(5)
    assert [net.ask(host, ATTACKER) for host in net.hosts] == [200, 200]
    assert net.bans(ATTACKER) == []


def test_bans_end_by_themselves_on_both(net: Net) -> None:
    """fail2ban's own after its time, and with it what the others were told."""
    net.project.on("web-1", "fail2ban-client", "set", "nginx-botsearch", "bantime", "20")
    net.project.on("web-1", "fail2ban-client", "set", "nginx-botsearch", "banip", net.source(OTHER))
    net.until(OTHER, "TimeoutError")
    net.until(OTHER, 200)
    assert net.bans(OTHER) == []


def test_a_person_s_ban_is_on_both_at_once_and_none_meets_us(net: Net) -> None:
    """Of the fleet and of the controller's own address it is refused."""
    net.project.json("bans", "add", net.source(OTHER), "--for", "1h")
    assert [net.ask(host, OTHER) for host in net.hosts] == ["TimeoutError"] * 2
    assert "by" in net.bans(OTHER)[0]
    net.project.json("bans", "lift", net.source(OTHER))
    assert [net.ask(host, OTHER) for host in net.hosts] == [200, 200]
    for mine in (net.source(1), net.hosts[1]):
        refused = net.project.vpsdeploy("bans", "add", mine)
        assert refused.returncode == 2, refused.stderr
        assert "the address is trusted" in refused.stderr


def test_a_release_s_own_probe_is_never_limited(net: Net) -> None:
    """It asks for more than one client may; and no 429 is taken for a failure of the app."""
    with visitor(net) as client:
        changed = net.project.json("release", "--bundle", str(bundle(net.project.path, "two")))[-1]
    assert (changed["proof"]["failed"], set(client.seen)) == (0, {"200"})
    for name in HOSTS:
        log = net.project.on(name, "cat", "/var/log/nginx/shop.access.log")
        lines = [json.loads(line) for line in log.splitlines()]
        probes = [line for line in lines if line["agent"] == "vpsdeploy-probe"]
        assert len(probes) > 0
        assert {line["status"] for line in probes} == {200}


def test_ten_thousand_idle_connections_keep_nobody_out(net: Net) -> None:
    """nginx closes idle ones where it runs out of room; as many as this machine may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(IDLE, hard - 500)
    with visitor(net) as client, ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        opened = 0
        for _ in range(count):
            idle = stack.enter_context(closing(socket.socket()))
            idle.settimeout(5)
            idle.bind((net.source(OTHER), 0))
            with contextlib.suppress(OSError):
                idle.connect((net.hosts[0], 80))
                opened += 1
        time.sleep(2)
        assert net.ask(net.hosts[0], ATTACKER) == 200
    sys.stdout.write(f"{opened} of {count} idle connections were accepted\n")
    assert opened > count / 2
    assert set(client.seen) == {"200"}


def ended(connection: socket.socket) -> bool:
    """Whether the other side has had enough: nginx resets what took too long, so that nothing of it lingers."""
    try:
        return connection.recv(100)[9:12] in (b"", b"408")
    except ConnectionResetError:
        return True


def test_slow_and_oversized_requests_are_ended_and_their_sender_banned(net: Net) -> None:
    """Headers that never end are cut off after ten seconds, huge ones get 400; both count towards a ban."""
    with visitor(net) as client, ExitStack() as stack:
        slow = [stack.enter_context(closing(socket.socket())) for _ in range(15)]
        for one in slow:
            one.settimeout(WAIT_SECONDS)
            one.bind((net.source(ATTACKER), 0))
            one.connect((net.hosts[0], 80))
            one.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nX-Slow: ")
        for _ in range(8):
            time.sleep(1)
            for one in slow:
                with contextlib.suppress(OSError):  # on a busy machine its time may be up by now
                    one.sendall(b"x")
        assert all(ended(one) for one in slow)
        assert [net.ask(net.hosts[0], ATTACKER, X_Big="x" * 40_000) for _ in range(12)][:3] == [400] * 3
        net.until(ATTACKER, "TimeoutError")
    assert set(client.seen) == {"200"}
    assert {ban["source"] for ban in net.bans(ATTACKER)} == {"nginx-bad-request"}
    net.project.json("bans", "lift", net.source(ATTACKER))


def test_nothing_of_it_made_the_hosts_differ_from_what_they_were_provisioned_to_be(net: Net) -> None:
    """The audit finds nothing to do, and every jail has its action."""
    assert net.project.json("provision", "host")[-1]["hosts"][0]["audited"] is True
    for name in HOSTS:
        jails = net.project.on(name, "fail2ban-client", "status").partition("Jail list:")[2].split(",")
        for jail in jails:
            told = net.project.on(name, "fail2ban-client", "get", jail.strip(), "actions")
            assert "vpsdeploy" in told, jail
