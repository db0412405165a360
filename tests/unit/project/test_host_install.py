"""What a bundle holds for hosts that install the dependencies themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.model.build import ManagerName
from orchestrator.model.bundle import INSTALL_DIRECTORY, HostInstall
from orchestrator.project.host_install import lay_out_install
from orchestrator.project.toolchain import Toolchain
from tests.unit.project.projects import lay

PACKAGE = json.dumps({
    "name": "shop", "version": "1.2.3", "scripts": {"prepare": "husky"}, "dependencies": {"rxjs": "^7"},
})  # fmt: skip


def put(place: Path, name: ManagerName, version: str, package: str, program: object) -> Toolchain:
    """A manager that was fetched before."""
    home = place / "cache" / f"{name}-{version}" / "node_modules"
    lay(home, {
        f"{package}/package.json": json.dumps({"bin": program}), f"{package}/bin/cli.js": "cli",
        ".package-lock.json": "{}",
    })  # fmt: skip
    return Toolchain(name, version, {})


def laid(place: Path, tools: Toolchain, **files: str) -> HostInstall:
    """Lay out for a project with these further files."""
    source = lay(place / "source", {"package.json": PACKAGE, "package-lock.json": "{}", **files})
    names = ["package.json", "package-lock.json", *files]
    return lay_out_install(source, names, place / "app", tools, place / "cache", print)


@pytest.mark.parametrize(
    ("name", "version", "package", "program"),
    [
        (ManagerName.NPM, "11.4.2", "npm", {"npm": "bin/cli.js", "npx": "bin/npx.js"}),
        (ManagerName.PNPM, "10.1.0", "pnpm", {"pnpm": "./bin/cli.js"}),
        (ManagerName.YARN, "1.22.22", "yarn", {"yarn": "./bin/cli.js"}),
        (ManagerName.YARN, "4.9.0", "@yarnpkg/cli-dist", {"yarn": "./bin/cli.js"}),
    ],
)
def test_the_manager_comes_along(
    tmp_path: Path, name: ManagerName, version: str, package: str, program: object
) -> None:
    """In the version that built; the manifest says what of it Node runs."""
    how = laid(tmp_path, put(tmp_path, name, version, package, program))
    assert how == HostInstall(str(name), version, f"node_modules/{package}/bin/cli.js")
    assert (tmp_path / "app" / INSTALL_DIRECTORY / "manager" / how.program).read_text(
        encoding="utf-8"
    ) == "cli"
    assert not (tmp_path / "app" / INSTALL_DIRECTORY / "manager/node_modules/.package-lock.json").exists()


def test_only_what_an_installation_reads_is_in_it(tmp_path: Path) -> None:
    """The project's own scripts ask for development tools; a new version of it changes no dependency."""
    laid(tmp_path, put(tmp_path, ManagerName.NPM, "11.4.2", "npm", {"npm": "bin/cli.js"}))
    written = tmp_path / "app" / INSTALL_DIRECTORY / "project"
    assert json.loads((written / "package.json").read_text(encoding="utf-8")) == {
        "name": "shop", "dependencies": {"rxjs": "^7"},
    }  # fmt: skip
    assert (written / "package-lock.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(
    "line", ["//registry.example/:_authToken=npm_abc", "_auth = abc", "//r/:_password='abc'"]
)
def test_a_token_is_never_shipped(tmp_path: Path, line: str) -> None:
    """Everybody on a host may read a release."""
    tools = put(tmp_path, ManagerName.NPM, "11.4.2", "npm", {"npm": "bin/cli.js"})
    with pytest.raises(ProjectError, match=r"\.npmrc holds a password or a token") as caught:
        laid(tmp_path, tools, **{".npmrc": f"save-exact=true\n{line}\n"})
    assert "abc" not in str(caught.value)


def test_a_token_that_the_host_knows_is_no_secret(tmp_path: Path) -> None:
    """Only its name is in the file."""
    tools = put(tmp_path, ManagerName.NPM, "11.4.2", "npm", {"npm": "bin/cli.js"})
    laid(tmp_path, tools, **{".npmrc": "//registry.example/:_authToken=${NPM_TOKEN}\n# _auth=old\n"})
    assert (tmp_path / "app" / INSTALL_DIRECTORY / "project/.npmrc").is_file()


def test_a_manager_that_node_does_not_run_is_refused(tmp_path: Path) -> None:
    """It is another program for each architecture."""
    with pytest.raises(ProjectError, match=r"pnpm 12\.0\.0 cannot install on the hosts"):
        laid(tmp_path, put(tmp_path, ManagerName.PNPM, "12.0.0", "pnpm", {"pnpm": "bin/pnpm"}))
