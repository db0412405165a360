"""Dependencies installed on the host: by the lockfile, as nobody's user, once, and never again for the same."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.vps import Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-nest"
CONFIG = ("app: shop", "build: {install: host}", "limits: {memory: 256M}", "release: {drain_seconds: 5}")
IGNORED = shutil.ignore_patterns("node_modules", "dist", ".vpsdeploy", "vpsdeploy.yml", "inventories")


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example on one provisioned host, released once."""
    path = tmp_path_factory.mktemp("install") / "project"
    shutil.copytree(EXAMPLE, path, ignore=IGNORED)
    with project_on_sandbox(path, "e2e-install", config=CONFIG) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        project.json("release")
        yield project


def step(lines: list[dict[str, Any]], title: str) -> dict[str, Any]:
    """A step of a release's result."""
    found: dict[str, Any] = next(one for one in lines[-1]["steps"] if one["title"] == title)
    return found


def release_json(project: Project) -> dict[str, Any]:
    """What the host keeps of the live release."""
    found: dict[str, Any] = json.loads(project.on("web-1", "cat", "/srv/shop/current/release.json"))
    return found


def test_the_app_runs_with_what_the_host_installed(shop: Project) -> None:
    """Production dependencies only, root's and read-only; of npm and its cache nothing is left in the app."""
    address = shop.json("status")[-1]["hosts"][0]["address"]
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert answer.status == 200
    modules = "/srv/shop/current/app/node_modules"
    assert (
        shop.on("web-1", "stat", "-c", "%U %a", f"{modules}/@nestjs/core/package.json").strip() == "root 644"
    )
    listed = shop.on("web-1", "ls", "-a", modules, f"{modules}/..").split()
    assert "typescript" not in listed
    assert ".vpsdeploy" not in listed
    assert shop.on("web-1", "sh", "-c", "ls -d /var/cache/private/vpsdeploy-install-* || true").strip() == ""


def test_the_same_dependencies_are_not_installed_again(shop: Project) -> None:
    """A changed line of source is a release of the same dependencies."""
    before = release_json(shop)["install"]
    source = next((shop.path / "src").rglob("*.service.ts"), shop.path / "src" / "main.ts")
    source.write_text(source.read_text(encoding="utf-8") + "\n// changed\n", encoding="utf-8")
    installed = "journalctl -u vpsdeploy-install-shop -o cat | grep -c Started || true"
    count = shop.on("web-1", "sh", "-c", installed)
    lines = shop.json("release")
    assert step(lines, "install dependencies")["hosts"] == ["web-1"]
    assert release_json(shop)["install"] == before
    assert shop.on("web-1", "sh", "-c", installed) == count


def test_a_lockfile_that_cannot_be_installed_stops_the_release(shop: Project) -> None:
    """The manager's own words are in the error, and users notice nothing."""
    live = shop.json("status")[-1]["live"]
    package = json.loads((shop.path / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((shop.path / "package-lock.json").read_text(encoding="utf-8"))
    name = next(path for path in lock["packages"] if path == "node_modules/rxjs")
    lock["packages"][name]["integrity"] = "sha512-" + "A" * 86 + "=="
    written = {"package.json": package, "package-lock.json": lock}
    kept = {file: (shop.path / file).read_bytes() for file in written}
    tree = next((shop.path / ".vpsdeploy" / "build").glob("*/tree/package-lock.json"))
    assert tree.is_file()
    try:
        for file, content in written.items():
            (shop.path / file).write_text(json.dumps(content, indent=2), encoding="utf-8")
        done = shop.vpsdeploy("release")
    finally:
        for file, content in kept.items():
            (shop.path / file).write_bytes(content)
    assert done.returncode in (4, 8), done.stderr
    assert "cannot be installed" in done.stderr
    assert "EINTEGRITY" in done.stderr
    assert shop.json("status")[-1]["live"] == live


def test_the_unit_is_nobodys_and_limited(shop: Project) -> None:
    """What the package manager and the install scripts see and may use, asked from inside such a unit."""
    properties = (
        "from orchestrator.agent import installer; import types, pathlib;"
        "app = types.SimpleNamespace(name='shop');"
        "layout = types.SimpleNamespace(proc=pathlib.Path('/proc'));"
        "call = types.SimpleNamespace(app=app, layout=layout);"
        "print('\\n'.join(installer.properties(call, pathlib.Path('/srv/shop/releases'))))"
    )
    copies = "ls -d /run/vpsdeploy/agent/* | tail -1"
    listed = shop.on("web-1", "sh", "-c", f'PYTHONPATH=$({copies}) python3 -c "{properties}"').splitlines()
    options = [f"--property={line}" for line in listed]
    script = "id -un; id -u; ls /srv 2>&1; ls /run/vpsdeploy-install > /dev/null && echo sees the stage"
    said = shop.on(
        "web-1", "systemd-run", "--wait", "--pipe", "--quiet", *options, "--", "/bin/sh", "-c", script
    )
    user, number, *rest = said.splitlines()
    assert user not in ("root", "shop", "deploy")
    assert int(number) > 60_000
    assert "cannot open directory '/srv'" in rest[0]
    assert rest[1] == "sees the stage"
    assert any(line.startswith("MemoryMax=") for line in listed)
