"""A project with sandbox hosts, and the installed command line, for the end-to-end tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from orchestrator.sandbox.hosts import SandboxHost
from orchestrator.sandbox.lifecycle import Lifecycle
from orchestrator.sandbox.machine import Machine
from orchestrator.sandbox.process import Result
from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox

VPSDEPLOY = Path(sys.executable).with_name("vpsdeploy")
TIMEOUT_SECONDS = 600
DEBIAN = int(os.environ.get("VPSDEPLOY_TEST_DEBIAN", "13"))
"""What the hosts run; `make test-e2e-all` takes each in turn."""


@dataclass(frozen=True)
class Project:
    """A project directory whose only stage is a sandbox."""

    path: Path
    name: str

    def vpsdeploy(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command line in the project's directory."""
        return subprocess.run(
            [VPSDEPLOY, *arguments], cwd=self.path, capture_output=True, text=True, check=False, input=stdin,
            timeout=TIMEOUT_SECONDS,
        )  # fmt: skip

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """The same, and it has to end so; all that it printed."""
        done = self.vpsdeploy(*arguments, stdin=stdin)
        printed = done.stdout + done.stderr
        assert done.returncode == code, f"{arguments}\n{printed}"
        return printed

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """Run with --json: the lines, the result last; the command has to succeed."""
        done = self.vpsdeploy(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    @property
    def url(self) -> str:
        """Where users reach the app, as status says."""
        return str(self.json("status")[-1]["url"])

    def services(self) -> dict[str, dict[str, Any]]:
        """What status says of each database and broker."""
        return {one["service"]: one for one in self.json("status")[-1]["services"]}

    @property
    def inventory(self) -> Path:
        """The stage's hosts.yml."""
        return self.path / "inventories" / self.name / "hosts.yml"

    @property
    def key(self) -> Path:
        """The private key that logs in to its hosts."""
        return Path(yaml.safe_load(self.inventory.read_text())["all"]["vars"]["ansible_ssh_private_key_file"])

    def edit_inventory(self, old: str, new: str) -> None:
        """Write something else where it says this."""
        text = self.inventory.read_text()
        assert old in text
        self.inventory.write_text(text.replace(old, new))

    def leave_out(self, host: str) -> None:
        """Take a host out of the inventory: what is not in it is not provisioned."""
        inventory = yaml.safe_load(self.inventory.read_text())
        _drop(inventory["all"], host)
        self.inventory.write_text(yaml.safe_dump(inventory))

    def twin(self, place: Path) -> Project:
        """A copy with the same hosts, to break."""
        shutil.copytree(self.path, place / "twin")
        return Project(place / "twin", self.name)

    def host(self, name: str) -> SandboxHost:
        """A host's machine, for what happens to machines."""
        return Lifecycle(Machine()).host(self.name, name)

    def on(self, host: str, *argv: str) -> str:
        """Run a program on a host as root, past SSH, which has to succeed; its standard output."""
        done = self.tried_on(host, *argv)
        assert done.ok, f"{host}: {argv}\n{done.tail()}"
        return done.stdout

    def tried_on(self, host: str, *argv: str) -> Result:
        """The same, however it ends."""
        return sandbox.run(self.name, host, argv, timeout_seconds=TIMEOUT_SECONDS)


def _drop(group: dict[str, Any], host: str) -> None:
    (group.get("hosts") or {}).pop(host, None)
    for child in (group.get("children") or {}).values():
        _drop(child or {}, host)


@contextmanager
def project_on_sandbox(
    path: Path,
    name: str,
    *,
    hosts: int = 1,
    loadbalancers: int = 0,
    debian: int = DEBIAN,
    config: Sequence[str] = ("app: shop",),
) -> Iterator[Project]:
    """Boot hosts, write vpsdeploy.yml; the hosts are removed at the end."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "vpsdeploy.yml").write_text("\n".join([*config, ""]))
    try:
        sandbox.up(SandboxSpec(name=name, hosts=hosts, loadbalancers=loadbalancers, debian=debian), path)
        yield Project(path, name)
    finally:
        sandbox.down(name)
