"""vpsdeploy itself."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from benchmarks.contest.app import App
from benchmarks.contest.box import Box
from tests.support.vps import VPSDEPLOY


class Vpsdeploy:
    """`vpsdeploy release --bundle`.

    Args:
        project: Directory with vpsdeploy.yml and one stage: the provisioned host.
        box: The host.
        app: What is released.
    """

    name = "vpsdeploy"
    processes = "[v]psdeploy"

    def __init__(self, project: Path, box: Box, app: App) -> None:
        self.box, self._project, self._app = box, project, app

    def set_up(self) -> None:
        """A first release."""
        self.prepare(0)
        self.release()

    def prepare(self, n: int) -> None:
        """A bundle, as a CI job would have built it."""
        self._bundle = self._app.bundle(n)

    def release(self) -> tuple[float, float]:
        """From the start of the command to its end."""
        begin = time.monotonic()
        done = subprocess.run(
            [VPSDEPLOY, "release", "--bundle", self._bundle, "--json", "--project", self._project],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.monotonic() - begin
        if done.returncode:
            raise RuntimeError(done.stdout[-4000:] + done.stderr[-4000:])
        return seconds, json.loads(done.stdout.splitlines()[-1])["boot_seconds"]
