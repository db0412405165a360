"""What is detected of a project, and what is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.model.build import BuildSettings
from orchestrator.project.checks import check_project, warnings
from orchestrator.project.detect import detect
from orchestrator.project.node import Node
from tests.unit.project.projects import PACKAGE, lay

NODE = Node("24.21.0", 137, "linux-x64")
NPM_LOCK = '{"packages": {"node_modules/@nestjs/core": {"version": "12.5.1"}}}'


def test_the_lockfile_decides_about_manager_and_nest_version(tmp_path: Path) -> None:
    """npm's, pnpm's and Yarn's lockfiles are read for the version of @nestjs/core."""
    locks = {
        "package-lock.json": (NPM_LOCK, "npm"),
        "pnpm-lock.yaml": ("lockfileVersion: '9.0'\npackages:\n  '@nestjs/core@12.5.1(rxjs@7)':\n", "pnpm"),
        "yarn.lock": ('# yarn lockfile v1\n"@nestjs/core@^12.0.0":\n  version "12.5.1"\n', "yarn"),
    }
    for name, (text, manager) in locks.items():
        project = detect(lay(tmp_path / manager, {"package.json": PACKAGE, name: text}), BuildSettings())
        assert (project.manager.name, project.nest_version, project.name) == (manager, "12.5.1", "shop")


def test_two_lockfiles_are_refused(tmp_path: Path) -> None:
    """Nobody can know which of two lockfiles is kept up to date."""
    lay(tmp_path, {"package.json": PACKAGE, "package-lock.json": "{}", "yarn.lock": ""})
    with pytest.raises(ProjectError, match=r"two lockfiles: package-lock\.json and yarn\.lock"):
        detect(tmp_path, BuildSettings())


def test_a_pinned_manager_must_match_the_lockfile(tmp_path: Path) -> None:
    """packageManager wins; a lockfile of another manager is an error."""
    pinned = {**PACKAGE, "packageManager": "pnpm@10.12.1+sha512.abc"}
    lay(tmp_path, {"package.json": pinned, "pnpm-lock.yaml": ""})
    assert detect(tmp_path, BuildSettings()).manager.version == "10.12.1"
    (tmp_path / "pnpm-lock.yaml").rename(tmp_path / "yarn.lock")
    with pytest.raises(ProjectError, match="names pnpm, the lockfile is"):
        detect(tmp_path, BuildSettings())


@pytest.mark.parametrize(
    ("controller", "path"),
    [
        ("@Controller('health') class H { @Get() @HealthCheck() a() {} @Get('live') b() {} }", "/health"),
        (
            "@Controller({ path: 'health' }) class H { @Get('ready') a() {} @Get('live') b() {} }",
            "/health/ready",
        ),
        ("@Controller() class H { @Get('healthz') a() {} }", "/healthz"),
        ("app.setGlobalPrefix('api'); @Controller('health') class H { @Get() a() {} }", "/api/health"),
        ("// @Controller('health') { @Get()\n@Controller('cats') class C { @Get() a() {} }", ""),
    ],
)
def test_the_health_route_is_read_from_the_controllers(tmp_path: Path, controller: str, path: str) -> None:
    """Readiness is preferred, comments do not count."""
    lay(tmp_path, {"package.json": PACKAGE, "src/health.controller.ts": controller})
    assert detect(tmp_path, BuildSettings()).health_path == path


def test_settings_win(tmp_path: Path) -> None:
    """What vpsdeploy.yml says replaces what was found."""
    settings = BuildSettings(command="make app", output="out", entry="out/app.js")
    project = detect(lay(tmp_path, {"package.json": PACKAGE}), settings)
    assert (project.build_command, project.output, project.entry_candidates) == (
        "make app",
        "out",
        ("out/app.js",),
    )


def test_a_monorepo_project_is_named_to_the_build(tmp_path: Path) -> None:
    """`nest build` alone builds the default project, so the chosen one is appended."""
    cli = {"projects": {"shop": {"type": "application", "root": "apps/shop"}}}
    lay(tmp_path, {"package.json": PACKAGE, "nest-cli.json": cli})
    assert detect(tmp_path, BuildSettings(nest_project="shop")).build_command == "npm run build -- shop"


@pytest.mark.parametrize(
    ("change", "files", "what"),
    [
        ({"dependencies": {}}, {"package-lock.json": "{}"}, "is not a NestJS project"),
        ({"scripts": {}}, {"package-lock.json": "{}"}, "no build script"),
        ({}, {}, "no lockfile"),
        ({"packageManager": "yarn@4.9.1"}, {"yarn.lock": ""}, "without node_modules"),
        ({"engines": {"node": "18"}}, {"package-lock.json": NPM_LOCK}, "needs a newer Node"),
    ],
)
def test_what_cannot_be_built_is_refused(
    tmp_path: Path, change: dict[str, object], files: dict[str, str], what: str
) -> None:
    """Each preflight check says what to change."""
    project = detect(lay(tmp_path, {"package.json": {**PACKAGE, **change}, **files}), BuildSettings())
    with pytest.raises(ProjectError, match=what) as caught:
        check_project(project, NODE)
    assert caught.value.next


def test_an_old_controller_node_is_refused_for_nest_12(tmp_path: Path) -> None:
    """NestJS 12 needs require(esm): Node 20.19, 22.12 or newer."""
    project = detect(lay(tmp_path, {"package.json": PACKAGE, "package-lock.json": NPM_LOCK}), BuildSettings())
    check_project(project, Node("20.19.0", 115, "linux-x64"))
    for version in ("20.18.3", "21.7.0", "22.11.0"):
        with pytest.raises(ProjectError, match="needs a newer Node"):
            check_project(project, Node(version, 115, "linux-x64"))


def test_surprises_are_warned_of(tmp_path: Path) -> None:
    """Missing hooks, a missing health route and another Node on the hosts are warnings, not errors."""
    lay(tmp_path, {"package.json": PACKAGE, "package-lock.json": NPM_LOCK, ".nvmrc": "22"})
    text = "\n".join(warnings(detect(tmp_path, BuildSettings()), NODE))
    assert "enableShutdownHooks" in text
    assert "GET /health" in text
    assert "the hosts run 22" in text


def test_a_health_path_that_is_set_needs_no_route_in_the_sources(tmp_path: Path) -> None:
    """Who wrote health.path is not asked to write it."""
    project = detect(lay(tmp_path, {"package.json": PACKAGE}), BuildSettings())
    assert not any("health.path" in text for text in warnings(project, NODE, health_is_set=True))


@pytest.mark.parametrize(("range_", "is_warned"), [("^20.19.0 || >=24", False), (">=26", True), ("", False)])
def test_a_controller_outside_of_engines_is_warned_of(tmp_path: Path, range_: str, is_warned: bool) -> None:
    """npm only prints it among a hundred lines: the sentence names both versions."""
    package = {**PACKAGE, "engines": {"node": range_}}
    project = detect(lay(tmp_path, {"package.json": package}), BuildSettings())
    text = f"this machine builds with Node 24.21.0, but package.json asks for {range_} "
    assert any(found.startswith(text) for found in warnings(project, NODE)) is is_warned


def test_a_committed_env_file_is_warned_of(tmp_path: Path) -> None:
    """Examples are meant to be committed, secrets are not."""
    lay(tmp_path, {"package.json": PACKAGE, ".env": "A=1", ".env.example": "A=", "apps/shop/.env": "B=1"})
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=tmp_path, check=True)
    found = [t for t in warnings(detect(tmp_path, BuildSettings()), NODE) if "is in Git" in t]
    assert [text.split()[0] for text in found] == [".env", "apps/shop/.env"]


def test_no_package_json_is_an_error(tmp_path: Path) -> None:
    """It names the directory that was looked at and what to type."""
    with pytest.raises(ProjectError, match=r"no package\.json in") as caught:
        detect(tmp_path, BuildSettings())
    assert "--project DIR" in caught.value.next
