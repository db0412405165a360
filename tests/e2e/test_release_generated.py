"""Bundles of projects made by the Nest CLI, released beside each other to one host, as a CI job would do it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.nest_projects import GeneratedProjects
from tests.support.vps import Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]

# The CLI's projects have no health route: their only one is /.
APPS = {
    "monorepo": ("port: 4000", "domains: [monorepo.example.com]", "tls: {mode: off}"),
    "commonjs": ("port: 4200", "domains: [commonjs.example.com]", "tls: {mode: off}"),
}


def _config(kind: str) -> tuple[str, ...]:
    return (
        f"app: shop-{kind}", "instances: 1", *APPS[kind], "health: {path: /}", "limits: {memory: 256M}",
        "release: {drain_seconds: 5, watch_seconds: 0}",
    )  # fmt: skip


@pytest.fixture(scope="module", name="host")
def _host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One bare sandbox host."""
    path = tmp_path_factory.mktemp("release-generated")
    with project_on_sandbox(path, "e2e-nest", config=_config("monorepo")) as project:
        yield project


@pytest.mark.parametrize("kind", APPS)
def test_a_generated_project_answers_through_nginx(
    host: Project, generated: GeneratedProjects, kind: str
) -> None:
    """Provisioned and released from the bundle file alone, each app by its own name, beside the other one."""
    built = generated.built(kind)
    _configure(host, kind)
    provisioned = host.vpsdeploy("provision", "host")
    assert provisioned.returncode == 0, provisioned.stderr
    released = host.json("release", "--bundle", str(built.file))[-1]
    assert released["proof"]["failed"] == 0
    status = host.json("status")[-1]
    assert status["live"] == released["release"]
    assert [i["state"] for i in status["hosts"][0]["instances"]] == ["active"]
    assert _answer(status, f"{kind}.example.com") == "Hello World!"


def test_the_other_apps_bundle_is_refused(host: Project, generated: GeneratedProjects) -> None:
    """A CI job that mixes up its files changes nothing."""
    _configure(host, "commonjs")
    refused = host.vpsdeploy("release", "--bundle", str(generated.built("monorepo").file))
    assert refused.returncode == 4
    assert "is a bundle of app shop-monorepo" in refused.stderr
    assert "why:   vpsdeploy.yml is of app shop-commonjs" in refused.stderr


def _configure(host: Project, kind: str) -> None:
    (host.path / "vpsdeploy.yml").write_text("\n".join([*_config(kind), ""]), encoding="utf-8")


def _answer(status: dict[str, Any], domain: str) -> str:
    url = f"http://{status['hosts'][0]['address']}/"
    request = urllib.request.Request(url, headers={"Host": domain})
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the sandbox host's own address
        return str(answer.read().decode())
