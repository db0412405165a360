"""One provisioned host for all judges, with HTTPS and a live release, and a bare one that looks from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.workflows import sandbox
from tests.support.acme import DIRECTORY_URL, Authority
from tests.support.node_apps import bundle
from tests.support.vps import DEBIAN, Project, project_on_sandbox

ROOT = Path(__file__).resolve().parents[2]
NAME, SHOP = "audits", "shop.test"
AUDITED, OUTSIDE = "web-1", "web-2"
CONFIG = (
    "app: shop", f"domains: [{SHOP}]", "health: {path: /health, timeout_seconds: 20}", "limits: {memory: 128M}",
    "release: {drain_seconds: 5, watch_seconds: 0}", f"tls: {{directory_url: '{DIRECTORY_URL}'}}",
)  # fmt: skip
_INSTALL = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends"
_FETCH = r"""
set -eu
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
  | grep -oE 'https?://[^ ]+' | grep -v security | head -1)
rm -rf "/root/of-$1" && mkdir -p "/root/of-$1/lists/partial" && cd "/root/of-$1"
echo "deb $mirror $1 main" > suite.list
from() {
  apt-get -q -o Dir::Etc::SourceList="$PWD/suite.list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$PWD/lists" -o APT::Sandbox::User=root "$@" >/dev/null
}
from update
from download "$2"
dpkg-deb -x "$2"_*.deb .
ls "$2"_*.deb
"""
"""Unpack a package of another of Debian's suites: data or scripts, which are the same for all. Nothing is installed."""


@dataclass(frozen=True)
class Audited:
    """The host that is judged.

    Attributes:
        project: Its project; the host `OUTSIDE` is bare.
        reports: Where reports are kept.
        address: Of the host that is judged.
        authority: Issues its certificate, on `OUTSIDE`.
    """

    project: Project
    reports: Path
    address: str
    authority: Authority

    def on(self, *argv: str, host: str = AUDITED) -> str:
        """Run a program as root, past SSH; its standard output. How a judge ends is its verdict."""
        return self.project.tried_on(host, *argv).stdout

    def install(self, *packages: str, host: str = AUDITED) -> None:
        """Bring a judge to the host: after what it judges, so that it is no part of that."""
        self.project.on(host, "sh", "-c", f"{_INSTALL} {' '.join(packages)}")

    def fetch(self, suite: str, package: str, host: str = AUDITED) -> tuple[str, str]:
        """Unpack a package of one of Debian's suites. Returns: where, and the name of its file, with its version."""
        return f"/root/of-{suite}", self.project.on(host, "sh", "-c", _FETCH, "sh", suite, package).strip()

    def keep(self, name: str, text: str) -> None:
        """Keep a report."""
        (self.reports / name).write_text(text)

    def figure(self, name: str, value: object) -> None:
        """Keep a figure, for docs/security.md."""
        file = self.reports / "figures.json"
        figures = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**figures, name: value}, indent=1, sort_keys=True) + "\n")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what has a host of its own: it is gone when the two of the others come.

    Then what copies one of these: before judges are brought to it.
    """
    first = ("test_box.py", "test_machine.py")
    items.sort(key=lambda item: first.index(item.path.name) if item.path.name in first else len(first))


@pytest.fixture(scope="session", name="audited")
def _audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """Boot two hosts, have one issue certificates, provision the other, release."""
    reports = ROOT / "build" / "audits" / f"debian{DEBIAN}"
    reports.mkdir(parents=True, exist_ok=True)
    path = tmp_path_factory.mktemp(NAME)
    with project_on_sandbox(path, NAME, hosts=2, config=CONFIG) as project:
        yield audited(project, reports)


def audited(project: Project, reports: Path) -> Audited:
    """Make of a sandbox with two hosts what is judged."""
    addresses = {host.name: host.address for host in sandbox.status(project.name).hosts}
    # Who looks from outside is not to be banned for what it tries: every finding is wanted, not the first five.
    lines = (*CONFIG, f"trusted_addresses: [{addresses[OUTSIDE]}]", "")
    (project.path / "vpsdeploy.yml").write_text("\n".join(lines))
    project.leave_out(OUTSIDE)
    authority = Authority(project, OUTSIDE, addresses[OUTSIDE], (AUDITED, OUTSIDE))
    authority.install()
    authority.start()
    for host in (AUDITED, OUTSIDE):
        authority.point(host, SHOP, addresses[AUDITED])
    project.json("provision", "host")
    project.json("release", "--bundle", str(bundle(project.path, "one")))
    return Audited(project, reports, addresses[AUDITED], authority)
