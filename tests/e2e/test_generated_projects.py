"""Projects made by the Nest CLI are built, bundled, unpacked elsewhere and run."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.project.archive import read
from orchestrator.transport import listing
from tests.support.bodies import laid_out
from tests.support.nest_projects import ENTRIES, GeneratedProjects, build_again
from tests.support.selection import sample

pytestmark = pytest.mark.npm
BOOT_SECONDS = 60


@pytest.mark.parametrize("kind", sample(ENTRIES, ("starter", "pnpm")))
def test_a_generated_project_runs_from_its_bundle(
    generated: GeneratedProjects, tmp_path: Path, kind: str
) -> None:
    """Each shape gives the expected entry, and its bundle answers without the project or development packages."""
    project = generated.built(kind)
    assert project.tree.entry == ENTRIES[kind]
    assert not (project.source / "node_modules").exists()
    assert not (project.source / "dist").exists()
    unpacked = read(project.file, tmp_path / "unpacked", f"shop-{kind}")
    assert unpacked.manifest == project.bundle.manifest
    app = laid_out(unpacked, tmp_path / "app")
    assert not (app / "node_modules" / "typescript").exists()
    with _running(app, project.tree.entry) as url:
        assert _first_answer(url) == b"Hello World!"


def test_a_one_line_change_installs_nothing(generated: GeneratedProjects) -> None:
    """The second build takes its dependencies from the cache, and only the output differs."""
    project = generated.built("starter")
    before = set(listing.read(project.bundle.listing))
    service = project.source / "src" / "app.service.ts"
    service.write_text(service.read_text(encoding="utf-8").replace("World", "There"), encoding="utf-8")
    tree, bundle = build_again(project, project.bundle.manifest.app)
    assert (project.tree.installed, tree.installed) == (True, False)
    changed = {file.path for file in before ^ set(listing.read(bundle.listing))}
    assert changed
    assert all(path.startswith("dist/app.service.js") for path in changed)


@contextmanager
def _running(root: Path, entry: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # As the agent sets it: what `nest generate app` writes reads `port`.
    env = {"PATH": os.environ["PATH"], "NODE_ENV": "production", "PORT": str(port), "port": str(port)}
    process = subprocess.Popen(["node", entry], cwd=root, env=env)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _first_answer(url: str) -> bytes:
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http:// address
                return bytes(answer.read())
        except OSError:  # refused until it listens
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
