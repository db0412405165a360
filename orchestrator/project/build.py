"""Build a project in a clean copy and lay out what is shipped."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from orchestrator.model.build import BuildSettings, BuiltTree, Project
from orchestrator.project.checks import check_project
from orchestrator.project.copy import mirror, source_files
from orchestrator.project.entry import find_entry
from orchestrator.project.host_install import lay_out_install
from orchestrator.project.install import (
    Places,
    dependency_key,
    forget_others,
    install,
    production,
    read_by_installation,
)
from orchestrator.project.node import Node, controller_node
from orchestrator.project.process import Log, run
from orchestrator.project.shipped_files import lay_out
from orchestrator.project.toolchain import Toolchain, prepare


def build(project: Project, settings: BuildSettings, work_dir: Path, log: Log) -> BuiltTree:
    """Install, build, prune; the user's tree is read and never written.

    Args:
        project: As detected.
        settings: What vpsdeploy.yml says.
        work_dir: For clean copies and installed dependencies, .vpsdeploy/build; kept between builds. The caller has
            claimed it (project/claim.py): what is built is read from it later.
        log: Takes each line that the tools print.
    Raises: ProjectError: a check, the installation or the build failed, or there is no entry file.
    """
    node = controller_node()
    check_project(project, node)
    work_dir = work_dir.resolve()
    tools = prepare(project.manager, _manager_cache(), log)
    return _build(project, settings, work_dir, log, node, tools)


def _build(
    project: Project, settings: BuildSettings, work_dir: Path, log: Log, node: Node, tools: Toolchain
) -> BuiltTree:
    names = source_files(project.root, project.output)
    places = Places(work_dir / dependency_key(project.root, names, tools, node))
    mirror(project.root, places.tree, names)
    started = time.monotonic()
    installed = install(places, tools, log)
    built_from = time.monotonic()
    _run_build(project, places.tree, tools, log)
    done = time.monotonic()
    entry = find_entry(project, places.tree)
    app, on_host = places.app, None
    if settings.on_host:
        app = places.bare
        app.mkdir(exist_ok=True)
    else:
        production(places, tools, names, log)
    lay_out(places.tree, app, project, settings.include, entry)
    if settings.on_host:
        read = read_by_installation(names)
        on_host = lay_out_install(places.tree, read, app, tools, _manager_cache(), log)
    forget_others(work_dir, places)
    return BuiltTree(
        root=app,
        entry=entry,
        node_version=node.version,
        node_abi=node.abi,
        platform=node.platform,
        manager=f"{tools.name} {tools.version}",
        installed=installed,
        build_seconds=done - built_from,
        install_seconds=built_from - started if installed else 0.0,
        install=on_host,
    )


def _run_build(project: Project, tree: Path, tools: Toolchain, log: Log) -> None:
    """Run the build command with an empty output; NODE_ENV is not set, so that nothing is left out."""
    shutil.rmtree(tree / project.output, ignore_errors=True)
    path = f"{tree / 'node_modules' / '.bin'}{os.pathsep}{tools.env['PATH']}"
    argv = ["sh", "-c", project.build_command]
    run(argv, cwd=tree, env={**tools.env, "PATH": path}, log=log, what="the build failed")


def _manager_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "vpsdeploy" / "managers"
