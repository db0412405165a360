"""Updates on real hosts: one after the other, with a restart, under a visitor's requests; and one that fails."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support import hypervisor, shapes
from tests.support.node_apps import bundle
from tests.support.vps import Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 20}", "limits: {memory: 128M}",
    "release: {drain_seconds: 5, watch_seconds: 0}",
)  # fmt: skip
HOSTS = ("web-1", "web-2")

PUBLISH = r"""
import hashlib, os, pathlib, subprocess, sys
version, script = sys.argv[1:3]
repo, tree = pathlib.Path("/srv/repo"), pathlib.Path("/srv/repo/tree")
(tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
(tree / "DEBIAN/control").write_text(
    f"Package: mended\nVersion: {version}\nArchitecture: all\nMaintainer: t <t@t>\nDescription: t\n")
(tree / "DEBIAN/postinst").write_text(f"#!/bin/sh\n{script}\n")
(tree / "DEBIAN/postinst").chmod(0o755)
deb = repo / f"mended_{version}_all.deb"
subprocess.run(["dpkg-deb", "--build", "--root-owner-group", str(tree), str(deb)], check=True, capture_output=True)
control = subprocess.run(["dpkg-deb", "-f", str(deb)], check=True, capture_output=True, text=True).stdout
digest = hashlib.sha256(deb.read_bytes()).hexdigest()
packages = f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"
(repo / "Packages").write_text(packages)
listed = hashlib.sha256(packages.encode()).hexdigest()
(repo / "Release").write_text(
    "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nVersion: 99\n"
    f"SHA256:\n {listed} {len(packages)} Packages\n")
pathlib.Path("/etc/apt/sources.list.d/mended.list").write_text("deb [trusted=yes] file:/srv/repo ./\n")
if version == "1.0":
    subprocess.run(["dpkg", "-i", str(deb)], check=True, capture_output=True)
"""
"""A package archive on the host's own disk, that says it is Debian's security archive."""

REBOOT = "touch /run/reboot-required; echo mended >> /run/reboot-required.pkgs"


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two hosts of both roles with a release."""
    path = tmp_path_factory.mktemp("patch")
    with project_on_sandbox(path, "e2e-patch", hosts=2, config=CONFIG) as project:
        _both_balance(path / "inventories" / "e2e-patch" / "hosts.yml")
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        project.json("release", "--bundle", str(bundle(path, "one")))
        for host in HOSTS:
            publish(project, host, "1.0")
        yield project


def _both_balance(inventory: Path) -> None:
    """Let the second host run nginx too: with one load balancer there is nothing to restart without an outage."""
    found = yaml.safe_load(inventory.read_text())
    found["all"]["children"]["loadbalancer"]["hosts"]["web-2"] = {}
    inventory.write_text(yaml.safe_dump(found))


def publish(project: Project, host: str, version: str, script: str = "true") -> None:
    """Make a version of the package the newest of the host's archive."""
    project.on(host, "python3", "-c", PUBLISH, version, script)


def installed(project: Project, host: str) -> str:
    """The version that is installed."""
    return project.on(host, "dpkg-query", "-Wf", "${Version}", "mended")


def boots(project: Project, host: str) -> str:
    """Names the host's present boot."""
    return project.on(host, "awk", "{print $22}", "/proc/1/stat")


class Visitor:
    """Asks one host again and again while the other one is patched."""

    def __init__(self, address: str) -> None:
        self.url, self.answered, self.failed = f"http://{address}/", 0, list[str]()

    def ask(self) -> None:
        """One request on a connection of its own."""
        try:
            with urllib.request.urlopen(self.url, timeout=10) as answer:  # noqa: S310 - our own address
                answer.read()
            self.answered += 1
        except OSError as error:
            self.failed.append(str(error))


def test_a_rehearsal_shows_what_waits_and_changes_nothing(shop: Project) -> None:
    """Only what comes from Debian's security archive."""
    for host in HOSTS:
        publish(shop, host, "1.1")
    rehearsed = shop.json("host", "patch", "--check")[-1]
    assert shapes.differences(shapes.examples()["host_patch"], rehearsed) == []
    for host in rehearsed["hosts"]:
        (mended,) = [one for one in host["pending"] if one["package"] == "mended"]
        assert (mended["from"], mended["to"], mended["security"]) == ("1.0", "1.1", True)
    assert [installed(shop, host) for host in HOSTS] == ["1.0"] * 2


def test_hosts_are_patched_and_restarted_one_after_the_other_and_users_of_the_other_lose_nothing(
    shop: Project,
) -> None:
    """A package asks for a reboot. Each host is out while it is away; afterwards everybody is in, nothing is locked."""
    for host in HOSTS:
        publish(shop, host, "1.2", REBOOT)
    before = [boots(shop, host) for host in HOSTS]
    with hypervisor.restarting(shop.name) as restarted:
        address = shop.on("web-2", "hostname", "-I").split()[0]
        visitor = Visitor(address)
        over = threading.Event()

        def visit() -> None:
            while not over.is_set() and "web-1" not in restarted:
                visitor.ask()
                time.sleep(0.05)

        thread = threading.Thread(target=visit, daemon=True)
        thread.start()
        patched = shop.json("host", "patch")[-1]
        over.set()
        thread.join(15)
    assert restarted == ["web-1", "web-2"]
    assert [(h["drained"], h["rebooted"], h["reboot_required"]) for h in patched["hosts"]] == [
        (True, True, False)
    ] * 2
    assert all("mended" in [one["package"] for one in h["upgraded"]] for h in patched["hosts"])
    assert [installed(shop, host) for host in HOSTS] == ["1.2"] * 2
    assert all(old != new for old, new in zip(before, [boots(shop, host) for host in HOSTS], strict=True))
    assert (visitor.failed, visitor.answered > 0) == ([], True)
    assert {host["state"] for host in shop.json("host", "list")[-1]["hosts"]} == {"in"}
    assert shop.vpsdeploy("host", "patch").stdout.startswith("nothing to do on web-1, web-2")
    shop.json("release", "--bundle", str(bundle(shop.path, "after")))


def test_a_failing_update_stops_at_the_first_host(shop: Project) -> None:
    """The error has apt's words, which host is out, which was not begun, and what to type."""
    for host in HOSTS:
        publish(shop, host, "1.3", "exit 7")
    failed = shop.vpsdeploy("host", "patch")
    assert failed.returncode == 6, failed.stderr
    assert "error: the updates cannot be installed on web-1" in failed.stderr
    assert "web-1 is out: it gets no requests; patched: none; not begun: web-2" in failed.stderr
    assert f"vpsdeploy host join web-1 --stage {shop.name}, then the same command again" in failed.stderr
    assert installed(shop, "web-2") == "1.2"
    shop.json("host", "join", "web-1")
    assert {host["state"] for host in shop.json("host", "list")[-1]["hosts"]} == {"in"}
