"""The example app: versions of it that differ in one line, each built by `vpsdeploy build` outside of the clock."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.vps import VPSDEPLOY

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello-nest"
CHANGED = "dist/app.controller.js"
_SOURCE = "src/app.controller.ts"
_LINE = "Hello World!"
_LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", ".vpsdeploy", "inventories")


class App:
    """The versions, by number.

    Args:
        work: Directory for the project, the bundles and the trees.
    """

    def __init__(self, work: Path) -> None:
        self._project, self._bundles = work / "source", work / "bundles"
        self._text = (EXAMPLE / _SOURCE).read_text()
        if _LINE not in self._text:
            raise RuntimeError(f"{_SOURCE} has no line with {_LINE!r}: the example has changed")
        shutil.copytree(EXAMPLE, self._project, dirs_exist_ok=True, ignore=_LEFT_OUT)
        shutil.rmtree(self._bundles, ignore_errors=True)

    def bundle(self, n: int) -> Path:
        """The bundle of one version, as a CI job would hand it over; built when it is asked for first."""
        file = self._bundles / f"line-{n}.bundle"
        if not file.exists():
            (self._project / _SOURCE).write_text(self._text.replace(_LINE, self.greeting(n)))
            subprocess.run(
                [VPSDEPLOY, "build", "--output", file, "--project", self._project],
                check=True, capture_output=True,
            )  # fmt: skip
        return file

    def greeting(self, n: int) -> str:
        """The line that versions differ in."""
        return f"Hello {n}!"

    def tree(self, target: Path) -> Path:
        """What the peers release: the built app without dependencies, which their hosts install by the lockfile."""
        self.bundle(0)
        built = next((self._project / ".vpsdeploy" / "build").glob(f"*/app/{CHANGED}")).parent
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(built, target / "dist")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(EXAMPLE / name, target / name)
        self._built_text = (target / CHANGED).read_text()
        return target

    def built(self, n: int) -> str:
        """The changed file of one version as the compiler would write it, for a tree made by `tree`."""
        return self._built_text.replace(self.greeting(0), self.greeting(n))
