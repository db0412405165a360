"""What the commands really print with --json has the fields and types of docs/json.md."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support import shapes
from tests.support.node_apps import bundle
from tests.support.vps import Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

EXAMPLES = shapes.examples()
CONFIG = ("app: shop", "limits: {memory: 128M}", "release: {drain_seconds: 5, watch_seconds: 0}")


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One bare host."""
    with project_on_sandbox(tmp_path_factory.mktemp("json"), "e2e-json", config=CONFIG) as project:
        yield project


def test_every_command_prints_what_is_documented(shop: Project) -> None:
    """One life of a host: each result and each log event has the documented shape; nothing else is printed."""
    first, second = (str(bundle(shop.path, text)) for text in ("first", "second"))
    for kind, arguments in (
        ("provision", ["provision", "host"]),
        ("release_plan", ["release", "--dry-run", "--bundle", first]),
        ("release", ["release", "--bundle", first]),
        ("release", ["release", "--bundle", second, "--wait-drain"]),
        ("rollback", ["rollback"]),
        ("releases", ["releases"]),
        ("status", ["status"]),
        ("history", ["history"]),
        ("lock", ["lock", "--message", "a freeze"]),
        ("unlock", ["unlock"]),
        ("sandbox", ["sandbox", "status", "--name", shop.name]),
    ):
        result = shop.json(*arguments)[-1]
        assert result["kind"] == kind
        assert shapes.differences(EXAMPLES[kind], result) == []
    events = shop.json("logs", "--lines", "5")
    assert events
    assert [shapes.differences(EXAMPLES["log"], event) for event in events] == [[]] * len(events)


def test_a_finding_and_a_failure_are_documented_too(shop: Project) -> None:
    """doctor in a directory without a project, and a rollback to an unknown release."""
    doctor = json.loads(shop.vpsdeploy("doctor", "--json").stdout)
    assert shapes.differences(EXAMPLES["doctor"], doctor) == []
    failed = json.loads(
        shop.vpsdeploy("rollback", "20000101000000-00000000", "--json").stdout.splitlines()[-1]
    )
    assert shapes.differences(EXAMPLES["error"], failed) == []
    assert failed["error"]["exit_code"] == 2
