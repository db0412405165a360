"""A project whose hosts are machines of their own: each can be lost, and another one take its name."""

from __future__ import annotations

import http.client
import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox
from tests.support import shapes
from tests.support.vps import DEBIAN, TIMEOUT_SECONDS, VPSDEPLOY

_HOST = "web-1"


class Machines:
    """The project's directory, and the machines' addresses by name.

    Args:
        path: The directory; made.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.addresses = path, dict[str, str]()
        self.login = path.parent / "login"
        path.mkdir()
        keygen(self.login)

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        return [str(VPSDEPLOY), *arguments]

    def run(self, *arguments: str, code: int = 0, stdin: str = "") -> str:
        """Run a command, which has to end so."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.path, capture_output=True, text=True, check=False, input=stdin,
            timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run with --json: the result, which has the documented shape."""
        result: dict[str, Any] = json.loads(self.run(*arguments, "--json").splitlines()[-1])
        assert shapes.differences(shapes.examples()[result["kind"]], result) == []
        return result

    def on(self, machine: str, script: str, stdin: str = "") -> str:
        """A shell's script as root, past SSH; it has to succeed."""
        done = sandbox.run(machine, _HOST, ["sh", "-ec", script], stdin=stdin, timeout_seconds=120)
        assert done.ok, f"{script}\n{done.stdout}{done.tail()}"
        return done.stdout.strip()

    def boot(self, name: str) -> str:
        """A bare machine. Returns: its address; its keys are in a stage of its own."""
        spec = SandboxSpec(name=name, hosts=1, debian=DEBIAN, inventory_dir=self.path / "machines" / name)
        self.addresses[name] = sandbox.up(spec, self.path).hosts[0].address
        return self.addresses[name]

    def admit(self, name: str) -> None:
        """Let the project's login in as root, as a provider does."""
        public = self.login.with_suffix(".pub").read_text()
        self.on(name, "cat >> /root/.ssh/authorized_keys", public)

    def host_keys(self, name: str) -> str:
        """A machine's lines of known_hosts."""
        return (self.path / "machines" / name / "known_hosts").read_text()

    def answer(self, machine: str) -> dict[str, Any]:
        """What users get there on /."""
        with closing(http.client.HTTPConnection(self.addresses[machine], timeout=10)) as connection:
            connection.request("GET", "/")
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        return found


def keygen(path: Path) -> None:
    """A key pair."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True, timeout=20
    )
