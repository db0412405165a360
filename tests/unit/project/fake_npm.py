"""An npm and a Node made of a few lines of shell: what they install is in one file each, every call is written down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.model.build import BuildSettings, BuiltTree
from orchestrator.project.build import build
from orchestrator.project.detect import detect
from tests.unit.project.projects import PACKAGE, lay

_NODE = """#!/bin/sh
echo '["24.21.0","137","linux","x64"]'
"""
# The file $FAKE_NPM_DIES names the step after which npm is killed, as by a power cut.
_NPM = """#!/bin/sh
echo "$*" >> "$FAKE_NPM_CALLS"
case "$1" in
--version) echo 11.0.0 ;;
ci)
  mkdir -p node_modules/express node_modules/typescript node_modules/.bin
  echo express > node_modules/express/index.js
  [ ! -f "$FAKE_NPM_DIES" ] || exit 137
  echo tsc > node_modules/typescript/tsc.js
  ln -s ../typescript/tsc.js node_modules/.bin/tsc ;;
prune) rm -r node_modules/typescript node_modules/.bin ;;
run) . ./build.sh ;;
esac
"""
BUILDS = "mkdir -p dist && cp src/main.ts dist/main.js"


@dataclass(frozen=True)
class FakeProject:
    """A project, and what its npm was asked for."""

    source: Path
    calls_file: Path
    dies_file: Path

    def build(self, **settings: object) -> BuiltTree:
        """Build it as `vpsdeploy build` does."""
        asked = BuildSettings(**settings)  # type: ignore[arg-type] # each test gives keys of its fields
        return build(detect(self.source, asked), asked, self.work, lambda _: None)

    @property
    def work(self) -> Path:
        """The build's own directory."""
        return self.source / ".vpsdeploy" / "build"

    def calls(self, verb: str) -> int:
        """How often npm was called so."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return sum(line.split()[0] == verb for line in lines)


def make(directory: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    """A project that builds, and a PATH on which npm and node are ours."""
    binaries = lay(directory / "bin", {"npm": _NPM, "node": _NODE})
    for name in ("npm", "node"):
        (binaries / name).chmod(0o755)
    project = FakeProject(directory / "shop", directory / "calls", directory / "npm-dies")
    monkeypatch.setenv("PATH", f"{binaries}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_NPM_CALLS", str(project.calls_file))
    monkeypatch.setenv("FAKE_NPM_DIES", str(project.dies_file))
    files = {"package.json": PACKAGE, "package-lock.json": "{}", "build.sh": BUILDS, "src/main.ts": "one"}
    lay(project.source, files)
    return project
