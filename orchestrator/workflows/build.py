"""`vpsdeploy build`: the bundle of a project, made here, once, for every host."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from orchestrator.config import AppConfig
from orchestrator.model.build import BuildSettings
from orchestrator.model.bundle import Bundle, BundleWritten
from orchestrator.project import archive, checks
from orchestrator.project.build import build
from orchestrator.project.bundle import make_bundle
from orchestrator.project.claim import claimed
from orchestrator.project.detect import detect
from orchestrator.project.node import controller_node
from orchestrator.report.reporter import Reporter
from orchestrator.workflows.hooks import Hooks

OWN_DIRECTORY = ".vpsdeploy"
"""Our leftovers in a project, ignored by Git."""

Made = TypeVar("Made")


def run(config: AppConfig, output: Path | None, reporter: Reporter) -> BundleWritten:
    """Build, and write the bundle file.

    Args:
        config: The app.
        output: The file; None for .vpsdeploy/<app>-<digest>.bundle in the project.
        reporter: Progress and the tools' output.

    Raises: ProjectError: the project cannot be built. ReleaseFailed: a hook of the build failed.
    """
    with claimed(work_dir(config)):
        made = make(config, reporter, Hooks(config, reporter, reporter.note).around({"command": "build"}))
        manifest = made.manifest
        path = output or config.project_dir / OWN_DIRECTORY / f"{config.app}-{manifest.digest[:12]}.bundle"
        path.parent.mkdir(parents=True, exist_ok=True)
        _timed(reporter, "write the bundle file", lambda: archive.write(made, path))
    return BundleWritten(path, manifest.digest, path.stat().st_size, manifest.files, manifest.revision)


def work_dir(config: AppConfig) -> Path:
    """Where the project is built, and what was built lies."""
    return config.project_dir / OWN_DIRECTORY / "build"


def make(config: AppConfig, reporter: Reporter, phase: Callable[[str], None] | None = None) -> Bundle:
    """Build the project as it is on the disk, in a place that the caller has claimed.

    Args:
        config: The app.
        reporter: Progress and the tools' output.
        phase: Called at "before_build" and "after_build": runs the hooks.

    Raises: ProjectError: the project cannot be built; what `phase` raises.
    """
    phase = phase or (lambda _: None)
    phase("before_build")
    settings = settings_of(config)
    project = detect(config.source_dir, settings)
    for text in checks.warnings(
        project, controller_node(), health_is_set=config.health_is_set, migrate_is_set=config.migrate_is_set
    ):
        reporter.note(f"hint: {text}")
    work = work_dir(config)
    tree = _timed(
        reporter,
        "build",
        lambda: build(project, settings, work, lambda line: reporter.event("build", {"line": line})),
    )
    made = _timed(reporter, "bundle", lambda: make_bundle(config.app, project, tree, datetime.now(UTC)))
    phase("after_build")
    return made


def settings_of(config: AppConfig) -> BuildSettings:
    """What vpsdeploy.yml says about the build; empty means "detect it"."""
    asked = config.build
    return BuildSettings(
        command=asked.command or "",
        output=asked.output or "",
        entry=asked.entry or "",
        nest_project=asked.project or "",
        include=tuple(asked.include),
        node=config.node if config.node_is_set else "",
        on_host=asked.install == "host",
    )


def _timed(reporter: Reporter, title: str, act: Callable[[], Made]) -> Made:
    reporter.started(title)
    begin = time.monotonic()
    result = act()
    reporter.finished(title, time.monotonic() - begin)
    return result
