"""One provisioned host with a live release for all judges, a bare one that looks from outside, and the reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.node_apps import bundle
from tests.support.vps import DEBIAN, Project, project_on_sandbox

ROOT = Path(__file__).resolve().parents[2]
CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 20}", "limits: {memory: 128M}",
    "release: {drain_seconds: 5, watch_seconds: 0}",
)  # fmt: skip
AUDITED, OUTSIDE = "web-1", "web-2"
_INSTALL = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends"


@dataclass(frozen=True)
class Audited:
    """The host that is judged.

    Attributes:
        project: Its project; the host `OUTSIDE` is bare.
        reports: Where reports are kept.
    """

    project: Project
    reports: Path

    def on(self, *argv: str, host: str = AUDITED) -> str:
        """Run a program as root, past SSH; its standard output."""
        return self.project.on(host, *argv)

    def install(self, *packages: str, host: str = AUDITED) -> None:
        """Bring a judge to the host: after what it judges, so that it is no part of that."""
        self.on("sh", "-c", f"{_INSTALL} {' '.join(packages)}", host=host)

    def keep(self, name: str, text: str) -> None:
        """Keep a report."""
        (self.reports / name).write_text(text)

    def figure(self, name: str, value: object) -> None:
        """Keep a figure, for docs/security.md."""
        file = self.reports / "figures.json"
        figures = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**figures, name: value}, indent=1, sort_keys=True) + "\n")


@pytest.fixture(scope="session", name="audited")
def _audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """Boot two hosts, provision one, release."""
    reports = ROOT / "build" / "audits" / f"debian{DEBIAN}"
    reports.mkdir(parents=True, exist_ok=True)
    path = tmp_path_factory.mktemp("audits")
    with project_on_sandbox(path, "audits", hosts=2, config=CONFIG) as project:
        file = path / "inventories" / "audits" / "hosts.yml"
        whole = file.read_text()
        file.write_text(_without(whole, OUTSIDE))
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        project.json("release", "--bundle", str(bundle(path, "one")))
        yield Audited(project, reports)
        file.write_text(whole)


def _without(inventory: str, host: str) -> str:
    """The inventory without one host: what is not in it is not provisioned, and no load balancer sends it anything."""
    import yaml

    found = yaml.safe_load(inventory)

    def drop(group: dict[str, object]) -> None:
        hosts = group.get("hosts")
        if isinstance(hosts, dict):
            hosts.pop(host, None)
        children = group.get("children")
        for child in children.values() if isinstance(children, dict) else ():
            drop(child or {})

    for group in found.values():
        drop(group or {})
    return yaml.safe_dump(found)
