"""Projects made by the Nest CLI are built, bundled, unpacked elsewhere and run."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.model.build import BuildSettings
from orchestrator.project.archive import read, write
from orchestrator.project.build import build
from orchestrator.project.bundle import make_bundle
from orchestrator.project.detect import detect
from tests.support.nest_projects import ENTRIES, generate

pytestmark = pytest.mark.npm
BOOT_SECONDS = 30


@pytest.mark.parametrize("kind", ENTRIES)
def test_a_generated_project_runs_from_its_bundle(tmp_path: Path, kind: str) -> None:
    """Each shape gives the expected entry, and its bundle answers without the project or development packages."""
    source = generate(kind, tmp_path)
    settings = BuildSettings(nest_project="shop" if kind == "monorepo" else "")
    project = detect(source, settings)
    tree = build(project, settings, source / ".vpsdeploy" / "build", print)
    assert tree.entry == ENTRIES[kind]
    assert not (source / "node_modules").exists()
    bundle = make_bundle("shop", project, tree, datetime.now(UTC))
    write(bundle, tmp_path / "shop.tar.gz")
    unpacked = read(tmp_path / "shop.tar.gz", tmp_path / "unpacked", "shop")
    assert unpacked.manifest == bundle.manifest
    assert not (unpacked.root / "node_modules" / "typescript").exists()
    with _running(unpacked.root, tree.entry) as url:
        assert _first_answer(url) == b"Hello World!"


def test_a_one_line_change_installs_nothing(tmp_path: Path) -> None:
    """The second build takes its dependencies from the cache, and only the output differs."""
    source = generate("starter", tmp_path)
    settings = BuildSettings()
    project = detect(source, settings)
    work = source / ".vpsdeploy" / "build"
    first = build(project, settings, work, print)
    before = make_bundle("shop", project, first, datetime.now(UTC)).manifest
    service = source / "src" / "app.service.ts"
    service.write_text(service.read_text(encoding="utf-8").replace("World", "There"), encoding="utf-8")
    second = build(project, settings, work, print)
    after = make_bundle("shop", project, second, datetime.now(UTC)).manifest
    assert (first.installed, second.installed) == (True, False)
    changed = {f.path for f in set(before.files) ^ set(after.files)}
    assert changed
    assert all(path.startswith("dist/app.service.js") for path in changed)


@contextmanager
def _running(root: Path, entry: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {"PATH": os.environ["PATH"], "NODE_ENV": "production", "PORT": str(port)}
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
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
