"""Locks and the history, on a real host."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import shapes
from tests.support.node_apps import bundle
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 4}", "limits: {memory: 128M}", "release: {drain_seconds: 5}",
)  # fmt: skip
EXAMPLES = shapes.examples()


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One provisioned host with a first release."""
    path = tmp_path_factory.mktemp("audit")
    with project_on_sandbox(path, "e2e-audit", config=CONFIG) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        release(project, "first")
        yield project


@pytest.fixture(autouse=True)
def _plain(shop: Project) -> Iterator[None]:
    """Each test begins with the plain configuration and ends without a lock."""
    configure(shop)
    yield
    shop.vpsdeploy("unlock", "--force")


def configure(project: Project, *lines: str) -> None:
    """Add lines to vpsdeploy.yml."""
    (project.path / "vpsdeploy.yml").write_text("\n".join([*CONFIG, *lines, ""]))


def release(project: Project, text: str, *options: str) -> dict[str, Any]:
    """Release an app that says `text`; the result."""
    return project.json("release", "--bundle", str(bundle(project.path, text)), *options)[-1]


def history(project: Project, lines: int = 1) -> list[dict[str, Any]]:
    """The newest changes."""
    told = project.json("history", "--lines", str(lines))[-1]
    assert shapes.differences(EXAMPLES["history"], told) == []
    changes: list[dict[str, Any]] = told["changes"]
    return changes


def test_a_persons_lock_keeps_everybody_out_until_unlock(shop: Project) -> None:
    """Also after a reboot: release says who, since when, why and what to type; status shows it."""
    locked = shop.json("lock", "--message", "database maintenance")[-1]
    assert shapes.differences(EXAMPLES["lock"], locked) == []
    refused = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "refused")))
    assert refused.returncode == 9, refused.stderr
    assert "error: the app is locked on web-1" in refused.stderr
    assert f"{locked['by']} holds the lock since" in refused.stderr
    assert "database maintenance" in refused.stderr
    assert "vpsdeploy unlock --stage e2e-audit, if you are" in refused.stderr
    assert "nothing was flipped" in refused.stderr
    assert "until vpsdeploy unlock" in shop.vpsdeploy("status").stdout
    ended = shop.json("unlock")[-1]
    assert shapes.differences(EXAMPLES["unlock"], ended) == []
    assert ended["hosts"][0]["was"]["message"] == "database maintenance"
    assert [change["command"] for change in history(shop, 2)] == ["unlock", "lock"]
    release(shop, "after-unlock")


def test_a_release_waits_for_its_turn(shop: Project) -> None:
    """It tells who holds the lock, and goes on once that one has ended; one that gives up says how long it was."""
    shop.json("lock", "--message", "a minute")
    command = [VPSDEPLOY, "release", "--wait", "120", "--bundle", bundle(shop.path, "waited")]
    waiting = subprocess.Popen(
        command, cwd=shop.path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    gave_up = shop.vpsdeploy("rollback", "--wait", "2")
    assert gave_up.returncode == 9, gave_up.stderr
    assert "waited 2 s for it" in gave_up.stderr
    shop.json("unlock")
    _, told = waiting.communicate(timeout=TIMEOUT_SECONDS)
    assert waiting.returncode == 0, told
    assert "waiting up to" in told
    assert "a minute" in told


def test_the_history_tells_a_release_with_its_figures(shop: Project) -> None:
    """One entry a change: who, from, to, result, seconds, and what the probe saw."""
    before = shop.json("status")[-1]["live"]
    changed = release(shop, "told")
    (entry,) = history(shop)
    assert (entry["command"], entry["result"]) == ("release", "live")
    assert (entry["from"], entry["to"]) == (before, changed["release"])
    assert entry["proof"]["requests"] == changed["proof"]["requests"] > 0
    assert {line["verb"] for line in entry["lines"]} >= {"start", "flip", "confirm", "release"}


def test_the_history_tells_failures_too(shop: Project) -> None:
    """What failed, and that users never saw it."""
    failed = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "bad", "answers 503")))
    assert failed.returncode == 8
    (entry,) = history(shop)
    assert (entry["result"], entry["error"]["what"]) == ("failed", "health check failed")
