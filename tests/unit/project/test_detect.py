"""What is detected of a project, and what is refused."""

from __future__ import annotations

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
    package = {**PACKAGE, "engines": {"node": "22"}}
    project = detect(lay(tmp_path, {"package.json": package, "package-lock.json": NPM_LOCK}), BuildSettings())
    text = "\n".join(warnings(project, NODE))
    assert "enableShutdownHooks" in text
    assert "GET /health" in text
    assert "the hosts run 22" in text
