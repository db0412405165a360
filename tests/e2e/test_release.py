"""Releases on a real host: no request is dropped, and what goes wrong is undone, whatever moment it strikes at."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.load import Load
from tests.support.node_apps import BEHAVIOURS, bundle
from tests.support.selection import sample
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox
from tests.support.waiting import begun, wait_for

pytestmark = pytest.mark.sandbox

CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 4}", "limits: {memory: 128M}",
    "release: {drain_seconds: 12, watch_seconds: 0}",
)  # fmt: skip
STEPS = (
    "take the lock", "compare files", "send missing files", "assemble", "start", "wait until", "flip", "confirm",
    "drain", "remove old", "give the lock",
)  # fmt: skip
WHY = {
    "answers 404": "answered 404",
    "answers 503": "answered 503",
    "hangs": "was accepted, but not answered",
    "never listens": "nothing listens",
    "crashes at boot": "no database",
}


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One provisioned host with a first release."""
    path = tmp_path_factory.mktemp("release")
    with project_on_sandbox(path, "e2e-release", config=CONFIG) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        release(project, "first")
        yield project


def release(project: Project, text: str, *options: str) -> dict[str, Any]:
    """Release an app that says `text`; the result."""
    return project.json("release", "--bundle", str(bundle(project.path, text)), *options)[-1]


def live(project: Project) -> str:
    """The live release, by status."""
    return str(project.json("status")[-1]["live"])


def address(project: Project) -> str:
    """The load balancer's."""
    return str(project.json("status")[-1]["hosts"][0]["address"])


def answer(project: Project) -> dict[str, Any]:
    """What users get on /."""
    with closing(http.client.HTTPConnection(address(project), timeout=10)) as connection:
        connection.request("GET", "/")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    return found


def assert_whole(project: Project) -> None:
    """One release on the host: live, current, in the only pool; nothing locked or pending; users get it."""
    host = project.json("status")[-1]["hosts"][0]
    running = {pool["release"] for pool in host["pools"].values() if pool and not pool["draining"]}
    assert running == {live(project)} == {host["current"]}
    assert host["lock"] is None
    assert answer(project)["release"] == live(project)


def test_a_release_and_a_rollback_drop_no_request(shop: Project) -> None:
    """Under keep-alive GET and POST without retries, until the old pool is gone: 0 failed."""
    with Load(address(shop)) as load:
        changed = release(shop, "second", "--wait-drain")
        assert answer(shop)["text"] == "second"
        shop.json("rollback", "--wait-drain")
    assert answer(shop)["text"] == "first"
    assert changed["proof"]["failed"] == 0
    assert changed["proof"]["requests"] > 0
    assert load.tally.failures == []
    assert len(load.tally.seconds) > 0


def test_an_upload_that_began_before_the_flip_is_answered(shop: Project) -> None:
    """Its pool is not stopped under it, though for all that time it has sent only the half of its body."""
    body = b"x" * 40
    with closing(http.client.HTTPConnection(address(shop), timeout=20)) as upload:
        upload.putrequest("POST", "/")
        upload.putheader("Content-Length", str(2 * len(body)))
        upload.endheaders(body)
        release(shop, "during-an-upload")
        time.sleep(6)  # longer than nginx keeps an idle connection, shorter than the drain may take
        upload.send(body)
        answered = upload.getresponse()
        assert (answered.status, answered.read()) == (200, 2 * body)
    assert_whole(shop)


def test_an_unchanged_bundle_is_not_sent_again(shop: Project) -> None:
    """The second time nothing is missing; it is a release of its own all the same."""
    before = release(shop, "same")
    lines = shop.json("release", "--bundle", str(bundle(shop.path, "same")))
    again = lines[-1]
    assert "nothing to send" in {line.get("note") for line in lines}
    assert again["release"] != before["release"]
    assert_whole(shop)


@pytest.mark.parametrize("behaviour", [name for name in BEHAVIOURS if name != "good"])
def test_a_bad_release_is_not_flipped_to(shop: Project, behaviour: str) -> None:
    """Each kind of bad has its own reason; users notice nothing."""
    before = live(shop)
    file = bundle(shop.path, f"bad-{behaviour.replace(' ', '-')}", behaviour)
    failed = shop.vpsdeploy("release", "--bundle", str(file))
    assert failed.returncode == 8, failed.stderr
    assert "error: health check failed on web-1" in failed.stderr
    assert WHY[behaviour] in failed.stderr, failed.stderr
    assert f"live is {before} on all hosts; nothing was flipped" in failed.stderr
    assert live(shop) == before
    assert_whole(shop)


def test_two_releases_at_once_do_not_mix(shop: Project) -> None:
    """The later one is told who holds the lock; the earlier one goes on."""
    slow = bundle(shop.path, "slow-to-fail", "never listens")
    first = subprocess.Popen(
        [VPSDEPLOY, "release", "--json", "--bundle", slow], cwd=shop.path, stdout=subprocess.PIPE
    )
    wait_for(first, "wait until")
    # However slow the second one comes, it comes in the middle of the first.
    first.send_signal(signal.SIGSTOP)
    try:
        second = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "second-at-once")))
    finally:
        first.send_signal(signal.SIGCONT)
    first.communicate(timeout=TIMEOUT_SECONDS)
    assert second.returncode == 9, second.stderr
    assert "another release is running" in second.stderr
    assert first.returncode == 8
    assert_whole(shop)


@pytest.mark.parametrize("step", sample(STEPS, ("send missing files", "flip", "drain")))
def test_ctrl_c_leaves_one_release(shop: Project, step: str) -> None:
    """Interrupted at any step: exit code 130 (or the release was done), and the host is on one release."""
    before = live(shop)
    process = begun(shop, bundle(shop.path, f"int-{step.replace(' ', '-')}"), step)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode in (130, 0)
    if process.returncode == 130 and STEPS.index(step) < STEPS.index("confirm"):
        assert live(shop) == before
        assert_whole(shop)
    release(shop, f"after-int-{step.replace(' ', '-')}")
    assert_whole(shop)


@pytest.mark.parametrize("step", sample(STEPS, ("start", "flip", "remove old")))
def test_the_next_release_repairs_a_killed_one(shop: Project, step: str) -> None:
    """SIGKILL at any step: the next release needs no help and ends on itself."""
    process = begun(shop, bundle(shop.path, f"kill-{step.replace(' ', '-')}"), step)
    process.kill()
    process.communicate(timeout=TIMEOUT_SECONDS)
    assert answer(shop)["release"] == live(shop)
    text = f"after-kill-{step.replace(' ', '-')}"
    release(shop, text)
    assert answer(shop)["text"] == text
    assert_whole(shop)


def test_exec_runs_as_the_app_and_passes_the_exit_code(shop: Project) -> None:
    """In the release's directory, as the app's user, with its env; input and exit code pass through."""
    script = (
        "console.log(process.cwd(), process.env.NODE_ENV, require('os').userInfo().username); process.exit(7)"
    )
    done = shop.vpsdeploy("exec", "--", "node", "-e", script)
    assert done.returncode == 7, done.stderr
    assert done.stdout.split() == [f"/srv/shop/releases/{live(shop)}/app", "production", "shop"]


def test_logs_come_from_every_instance(shop: Project) -> None:
    """Host, instance, text."""
    release(shop, "logging")
    lines = [
        line for line in shop.vpsdeploy("logs", "--lines", "50").stdout.splitlines() if "logging" in line
    ]
    assert {line.split(" | ")[0].split("@")[0] for line in lines} == {"web-1 shop"}
    assert len({line.split(" | ")[0] for line in lines}) == 2


def test_an_unknown_release_lists_the_kept_ones(shop: Project) -> None:
    """rollback to nowhere: exit code 2 and what there is."""
    done = shop.vpsdeploy("rollback", "1999")
    assert done.returncode == 2
    assert live(shop) in done.stderr


@pytest.mark.full
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path: Path) -> None:
    """A release that does not fit: exit code 6, and the space is free again."""
    from orchestrator.sandbox.spec import SandboxSpec
    from orchestrator.workflows import sandbox

    name = "e2e-release-full"
    with project_on_sandbox(tmp_path, name, config=CONFIG) as project:
        sandbox.down(name)
        sandbox.up(
            SandboxSpec(name=name, hosts=1, loadbalancers=0, debian=13, tmpfs={"/srv": "24m"}), tmp_path
        )
        assert project.vpsdeploy("provision", "host").returncode == 0
        release(project, "small")
        free = project.on("web-1", "df", "--output=avail", "/srv").split()[-1]
        done = project.vpsdeploy(
            "release", "--bundle", str(bundle(tmp_path, "large", ballast_bytes=40 << 20))
        )
        assert done.returncode == 6, done.stderr
        assert live(project).endswith(release_digest(project, "small"))
        assert project.on("web-1", "df", "--output=avail", "/srv").split()[-1] == free


def release_digest(project: Project, text: str) -> str:
    """The end of the id of a release that says `text`."""
    kept = project.json("releases")[-1]["releases"]
    return str(next(one["id"] for one in kept if one["revision"] == text))[-8:]
