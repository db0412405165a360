"""What a host needs to install the production dependencies by itself: the package manager, and what it reads.

Both come with the bundle, so that every host uses the manager that built, and takes only packages from a registry.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator.errors import ProjectError
from orchestrator.model.bundle import INSTALL_DIRECTORY, HostInstall
from orchestrator.project.package_json import read_package
from orchestrator.project.process import Log
from orchestrator.project.toolchain import Toolchain, portable

_FIELDS = (
    "name", "dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta",
    "overrides", "resolutions", "pnpm", "workspaces", "packageManager", "allowScripts", "bundleDependencies",
)  # fmt: skip
"""What of a package.json an installation reads. No scripts: the project's own ask for development tools (husky)."""

_SECRET = re.compile(r"^\s*[^#;\n]*(?:_authToken|_auth|_password)\s*=\s*(?!\s*[\"']?\$\{)\S", re.MULTILINE)


def lay_out_install(
    source: Path, names: Iterable[str], app: Path, tools: Toolchain, cache: Path, log: Log
) -> HostInstall:
    """Put the project's part and the manager's into the app's INSTALL_DIRECTORY.

    Args:
        source: The clean copy of the project.
        names: Files that an installation reads, relative to it.
        app: What is shipped.
        tools: What built.
        cache: Where package managers are kept.
        log: Takes the output of fetching one.
    Raises: ProjectError: a password in one of the files.
    """
    target = app / INSTALL_DIRECTORY
    shutil.rmtree(target, ignore_errors=True)
    for name in names:
        _refuse_secret(source / name, name)
        (target / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("package.json"):
            (target / "project" / name).write_text(_reduced(source / name), encoding="utf-8")
        else:
            shutil.copyfile(source / name, target / "project" / name)
    home = portable(tools, cache, log)
    shutil.copytree(
        home / "node_modules", target / "manager" / "node_modules", symlinks=True, ignore=_no_links
    )
    return HostInstall(str(tools.name), tools.version, _program(home, tools))


def _reduced(path: Path) -> str:
    package = read_package(path.parent)
    return json.dumps({key: package[key] for key in _FIELDS if key in package}, indent=2)


def _no_links(directory: str, names: list[str]) -> list[str]:
    """The manager's program is started by its path; what npm links to it is not needed."""
    return [name for name in names if name == ".bin" and Path(directory).name == "node_modules"] + [
        name for name in names if name == ".package-lock.json"
    ]


def _program(home: Path, tools: Toolchain) -> str:
    name = "@yarnpkg/cli-dist" if tools.is_yarn_berry else str(tools.name)
    stated: Any = read_package(home / "node_modules" / name).get("bin")
    script = stated.get(str(tools.name)) if isinstance(stated, dict) else stated
    path = f"node_modules/{name}/{str(script).removeprefix('./')}"
    if not script or not path.endswith((".js", ".cjs", ".mjs")):
        raise ProjectError(
            f"{tools.name} {tools.version} cannot install on the hosts",
            why=f"its program is {script!r}, which Node does not run",
            next="pin a version that is written in JavaScript, or set build.install: bundle",
        )
    return path


def _refuse_secret(path: Path, name: str) -> None:
    if path.name == ".npmrc" and _SECRET.search(path.read_text(encoding="utf-8", errors="replace")):
        raise ProjectError(
            f"{name} holds a password or a token",
            why="everybody on a host may read a release",
            state="no host was touched",
            next="write ${NPM_TOKEN} in its place, and the token into /etc/npmrc of each host",
        )
