"""A host in a temporary directory, with a systemd that only remembers what it was told."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent.answers import Answers
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.layout import Layout
from orchestrator.agent.main import run
from orchestrator.agent.programs import Finished
from orchestrator.agent.request import Request
from orchestrator.agent.systemd import Systemd
from orchestrator.transport import blocks
from tests.support.bodies import framed, tar_of, unframed

BLUE, GREEN = "blue", "green"
RELEASES = ("20261122000001-aaaaaaaa", "20261122000002-bbbbbbbb", "20261122000003-cccccccc")


class FakeSystemd:
    """Units as a set of names that run."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.told: list[list[str]] = []
        self.outdated = False
        self.elapses = "Next elapse: Wed 2100-01-06 03:00:00 UTC"
        self.properties: dict[str, dict[str, str]] = {}
        self.refused: dict[str, str] = {}

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """Stand in for systemctl, systemd-run and journalctl."""
        words = [word for word in arguments if not word.startswith("-")]
        self.told.append(list(arguments))
        if words[0] == "systemctl" and words[1] in self.refused:
            return Finished(1, "", self.refused[words[1]])
        if words[0] == "env":
            return Finished(0, self.elapses, "")
        if words[0] == "systemd-run":
            name = next(word.removeprefix("--unit=") for word in arguments if word.startswith("--unit="))
            kind = ".timer" if "--on-active" in " ".join(arguments) else ".service"
            if name + kind in self.running:
                return Finished(1, "", f"Failed to start: Unit {name}{kind} was already loaded.")
            self.running.add(name + kind)
        if words[:2] == ["systemctl", "start"]:
            self.running.update(words[2:])
        if words[:2] == ["systemctl", "stop"]:
            self.running.difference_update(words[2:])
        if words[:2] == ["systemctl", "is-active"]:
            return Finished(0 if words[2] in self.running else 3, "", "")
        return Finished(
            0, "\n".join(map(self._show, words[2:])) if words[:2] == ["systemctl", "show"] else "", ""
        )

    def _show(self, unit: str) -> str:
        active, sub = ("active", "running") if unit in self.running else ("inactive", "dead")
        more = "".join(f"{name}={value}\n" for name, value in self.properties.get(unit, {}).items())
        return (
            f"Id={unit}\nLoadState={'loaded' if active == 'active' else 'not-found'}\nActiveState={active}\n"
            f"SubState={sub}\nMemoryCurrent=[not set]\nNRestarts=0\nExecMainStatus=0\n"
            f"ExecMainStartTimestampMonotonic=1000000\nNeedDaemonReload={'yes' if self.outdated else 'no'}\n{more}"
        )


class Host:
    """Calls verbs as the controller does, on a host that is a directory."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.app = self.layout.app("shop")
        self.systemd = FakeSystemd()
        self.token = ""
        self.lines: list[dict[str, Any]] = []

    def provision(self) -> None:
        """What the roles leave behind."""
        for path in (self.app.releases, self.app.slots, self.app.store, self.app.incoming, self.app.shared,
                     self.layout.units, self.layout.apps, self.app.routes, self.app.state):  # fmt: skip
            path.mkdir(parents=True, exist_ok=True)
        node = self.layout.node("24.21.0")
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
        self.layout.os_release.write_text('ID=debian\nVERSION_ID="13"\n')
        (self.layout.proc / "net").mkdir(parents=True, exist_ok=True)
        (self.layout.proc / "meminfo").write_text("MemTotal: 1000 kB\n")
        facts = {"app": "shop", "port": 4000, "instances": 2, "roles": ["app", "loadbalancer"]}
        self.app.facts_file.write_text(json.dumps(facts))

    def call(self, verb: str, body: bytes = b"", **fields: Any) -> dict[str, Any]:
        """The last line that a verb answers."""
        request = {"protocol": 1, "app": "shop", "by": "test@here", "token": self.token, **fields}
        return self.words([verb], json.dumps(request).encode() + b"\n" + body)

    def words(self, words: list[str], text: bytes = b"") -> dict[str, Any]:
        """The same with the command line and standard input as they are."""
        answers = self.layout.root / "answers"
        with answers.open("wb") as file:
            run(words, io.BytesIO(text), file.fileno(), self.layout, Systemd(self.systemd))
        self.lines = [json.loads(line) for line in answers.read_bytes().splitlines()]
        return self.lines[-1]

    def given(self, **fields: Any) -> Call:
        """What a verb is given, for what verbs are made of."""
        request = Request({"protocol": 1, "app": "shop", **fields})
        return Call(self.layout, Systemd(self.systemd), request, Answers(1), Body(io.BytesIO()))

    def lock(self) -> None:
        """Hold the lock from here on."""
        self.token = self.call("lock", message="m", owner={"pid": os.getpid()}, lease_seconds=600)["token"]

    def ship(self, release: str, files: dict[str, bytes] | None = None, **settings: Any) -> dict[str, Any]:
        """Offer, send, assemble. Returns: the answer to assemble."""
        manifest, listed, blobs = bundle(files or {"dist/main.js": b"main"})
        missing = names_of(self.call("offer", listed, manifest=manifest), listed)
        if missing:
            self.call("receive", archive({name: blobs[name] for name in missing}), count=len(missing))
        return self.call(
            "assemble",
            release=release,
            manifest_digest=manifest["digest"],
            settings=make_settings(**settings),
        )

    def live(self, release: str, colour: str) -> None:
        """Take a release the whole way."""
        self.ship(release)
        self.call("start", release=release, colour=colour)
        self.call("flip", colour=colour, confirm_seconds=60)
        self.call("confirm", colour=colour, release=release)


def make_settings(**other: Any) -> dict[str, Any]:
    """Settings that a release of these tests has."""
    limits = {"memory": "512M", "cpu": "100%"}
    base = {
        "node": "24.21.0",
        "entry": "dist/main.js",
        "env": {},
        "instances": 2,
        "port": 4000,
        "limits": limits,
    }
    return {**base, "stop_timeout_seconds": 5, "shared": ["uploads"], **other}


def bundle(files: dict[str, bytes]) -> tuple[dict[str, Any], bytes, dict[str, bytes]]:
    """A manifest, the body with its list, and its files by digest."""
    named = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    ordered = sorted(named.items(), key=lambda item: item[0].split("/"))
    manifest, body = offered([[path, digest, len(files[path])] for path, digest in ordered])
    return manifest, body, {named[path]: files[path] for path in files}


def offered(entries: list[Any]) -> tuple[dict[str, Any], bytes]:
    """A manifest, and the body with a list of these entries."""
    listed = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
    digest, size = (
        hashlib.sha256(listed).hexdigest(),
        sum(max(0, int(entry[2])) for entry in entries if len(entry) > 2),
    )
    return {"app": "shop", "digest": digest, "files": len(entries), "size_bytes": size}, framed(listed)


def names_of(answer: dict[str, Any], body: bytes) -> list[str]:
    """What an offer says is missing, by the names of the store."""
    stored = [json.loads(line)[1] for line in unframed([body.removesuffix(blocks.END)]).splitlines()]
    return [stored[n] for first, count in answer["missing"] for n in range(first, first + count)]


def archive(members: dict[str, bytes]) -> bytes:
    """The body that `receive` reads."""
    return framed(tar_of(members))


@pytest.fixture
def bare(tmp_path: Path) -> Host:
    """A provisioned host whose lock nobody holds."""
    host = Host(tmp_path)
    host.provision()
    return host


@pytest.fixture
def host(bare: Host) -> Host:
    """A provisioned host whose lock we hold."""
    bare.lock()
    return bare


@pytest.fixture(name="shop")
def _shop(host: Host) -> Host:
    """A host with two releases that have jobs."""
    from tests.unit.agent.with_jobs import CRON, FIRST, SECOND, UNIT, WORKERS  # late: it imports this module

    host.app.unit_file.write_text(UNIT)
    for release in (FIRST, SECOND):
        host.ship(release, {"dist/main.js": release.encode()}, workers=WORKERS, cron=CRON)
    return host
