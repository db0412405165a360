"""The example app, built once by `vpsdeploy build`, and versions of it that differ in one line."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from orchestrator.model.bundle import Bundle
from orchestrator.project import archive
from orchestrator.project.bundle import content_digest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello-nest"
CHANGED = "dist/app.controller.js"
_LINE = "Hello World!"


class App:
    """The versions.

    Args:
        bundle: As `vpsdeploy build` wrote it.
        work: Directory for the trees and bundles made from it.
    """

    def __init__(self, bundle: Path, work: Path) -> None:
        self._work = work
        self._built = archive.read(bundle, work / "built")
        self._text = (self._built.root / CHANGED).read_text()
        if _LINE not in self._text:
            raise RuntimeError(f"{CHANGED} has no line with {_LINE!r}: the example has changed")

    def source(self, n: int) -> str:
        """The changed file of one version."""
        return self._text.replace(_LINE, f"Hello {n}!")

    def bundle(self, n: int) -> Path:
        """The bundle of one version, as a CI job would hand it over."""
        content = self.source(n).encode()
        (self._built.root / CHANGED).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files = tuple(
            replace(file, digest=digest, size_bytes=len(content)) if file.path == CHANGED else file
            for file in self._built.manifest.files
        )
        manifest = replace(
            self._built.manifest, files=files, digest=content_digest(files), revision=f"line-{n}"
        )
        file = self._work / "version.bundle"
        archive.write(Bundle(manifest, self._built.root), file)
        return file

    def tree(self, target: Path) -> Path:
        """What the peers release: the built app without dependencies, which their hosts install by the lockfile."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self._built.root / "dist", target / "dist")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(EXAMPLE / name, target / name)
        return target
