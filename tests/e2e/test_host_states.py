"""A host as releases find it: bare, with another agent, started again after a power cut."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from orchestrator.workflows import sandbox
from tests.support.node_apps import SLOW_SECONDS, bundle
from tests.support.vps import Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

CONFIG = ("app: shop", "limits: {memory: 128M}", "release: {drain_seconds: 40, watch_seconds: 0}")
BACK_SECONDS = 60
OTHER_VERSION = """
import zipfile
path = "/usr/local/lib/vpsdeploy/agent.pyz"
with zipfile.ZipFile(path) as old:
    members = [(one, old.read(one)) for one in old.infolist()]
with zipfile.ZipFile(path, "w") as new:
    for one, content in members:
        new.writestr(one, content.replace(b"0.1.0+", b"0.0.9+") if one.filename.endswith("version.py") else content)
"""


@pytest.fixture(scope="module", name="host")
def _host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One bare host; the tests of this file take it through its life, in order."""
    with project_on_sandbox(tmp_path_factory.mktemp("states"), "e2e-states", config=CONFIG) as project:
        yield project


def answer(project: Project) -> dict[str, Any]:
    """What users get on /."""
    address = sandbox.status(project.name).hosts[0].address
    with closing(http.client.HTTPConnection(address, timeout=5)) as connection:
        connection.request("GET", "/")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    return found


def answer_within(project: Project, seconds: float) -> dict[str, Any]:
    """The same, from a host that is just starting."""
    until = time.monotonic() + seconds
    while True:
        try:
            return answer(project)
        except (OSError, ValueError, http.client.HTTPException):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def test_a_bare_host_is_to_be_provisioned_first(host: Project) -> None:
    """The release stops before anything is touched and says what to type."""
    failed = host.vpsdeploy("release", "--bundle", str(bundle(host.path, "first")))
    assert failed.returncode == 5, failed.stderr
    assert f"vpsdeploy provision host web-1 --stage {host.name}" in failed.stderr
    assert host.on("web-1", "ls", "/srv") == ""


def test_another_agent_is_refused_until_the_host_is_provisioned_again(host: Project) -> None:
    """Both versions are named; provisioning mends it."""
    host.json("provision", "host")
    host.on("web-1", "python3", "-c", OTHER_VERSION)
    failed = host.vpsdeploy("release", "--bundle", str(bundle(host.path, "first")))
    assert failed.returncode == 6, failed.stderr
    assert "error: the agent is of another version on web-1" in failed.stderr
    assert "host has 0.0.9+" in failed.stderr
    assert host.json("provision", "host")[-1]["hosts"][0]["changed"] == 1
    host.json("release", "--bundle", str(bundle(host.path, "first")))
    assert answer(host)["text"] == "first"


def test_a_rollback_to_the_warm_pool_restarts_nothing(host: Project) -> None:
    """While the old pool drains, going back keeps its processes."""
    before = {one["port"]: one["uptime_seconds"] for one in host.json("status")[-1]["hosts"][0]["instances"]}
    address = sandbox.status(host.name).hosts[0].address
    with closing(http.client.HTTPConnection(address, timeout=SLOW_SECONDS * 2)) as slow:
        slow.request("GET", "/slow")
        host.json("release", "--bundle", str(bundle(host.path, "second")))
        host.json("rollback")
        answered = slow.getresponse()
        assert answered.read() == b"slow"
    assert answer(host)["text"] == "first"
    instances = host.json("status")[-1]["hosts"][0]["instances"]
    after = {one["port"]: one["uptime_seconds"] for one in instances if one["port"] in before}
    assert after.keys() == before.keys()
    assert all(after[port] > before[port] for port in before)


def test_after_a_power_cut_the_live_release_comes_back(host: Project) -> None:
    """Nobody has to type anything."""
    live = host.json("status")[-1]["live"]
    sandbox.power_off(host.name, "web-1", hard=True)
    sandbox.power_on(host.name, "web-1")
    assert answer_within(host, BACK_SECONDS)["release"] == live
    assert host.json("status")[-1]["live"] == live
    host.json("release", "--bundle", str(bundle(host.path, "third")))
    assert answer(host)["text"] == "third"
