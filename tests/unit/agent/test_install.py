"""install, and releases made of what it made."""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import durable, installer, installs
from orchestrator.agent.main import run
from orchestrator.agent.programs import Finished
from orchestrator.agent.systemd import Systemd
from tests.unit.agent.conftest import RELEASES, FakeSystemd, Host, archive, bundle, make_settings, names_of

NPM = "node_modules/npm/bin/npm-cli.js"
HOW = {"manager": "npm", "version": "11.4.2", "program": NPM}
FILES = {
    "dist/main.js": b"main", ".vpsdeploy/install/project/package.json": b"{}",
    ".vpsdeploy/install/project/package-lock.json": b"{lock}", f".vpsdeploy/install/manager/{NPM}": b"npm",
}  # fmt: skip
KEPT = "app/node_modules/rxjs/index.js"


class Installing(FakeSystemd):
    """A systemd whose transient unit installs what a package manager would."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._tree = root / "var/cache/private/vpsdeploy-install-shop/tree"
        self.runs = 0
        self.code, self.output, self.special = 0, "", False
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """Install into the unit's cache."""
        if "--unit=vpsdeploy-install-shop" not in arguments:
            return super().__call__(arguments)
        self.runs += 1
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        self.told.append(list(arguments))
        package = self._tree / "node_modules" / "rxjs"
        package.mkdir(parents=True)
        (package / "index.js").write_bytes(b"rxjs")
        (package / "run.sh").write_bytes(b"#!")
        (package / "run.sh").chmod(0o4755)
        (package.parent / ".bin").mkdir()
        (package.parent / ".bin" / "run").symlink_to("../rxjs/run.sh")
        (package.parent / ".package-lock.json").write_bytes(b"of this machine")
        (self._tree / "package.json").write_bytes(b"no module")
        if self.special:
            os.mkfifo(package / "pipe")
        return Finished(self.code, self.output, "")


@pytest.fixture(name="site")
def _site(host: Host) -> Host:
    """A host whose systemd installs."""
    host.systemd = Installing(host.layout.root)
    return host


def send(site: Host, files: dict[str, bytes] | None = None, how: dict[str, Any] | None = None) -> str:
    """Offer and send a bundle without dependencies. Returns: its digest."""
    manifest, listed, blobs = bundle(files or FILES)
    manifest["install"] = how or HOW
    missing = names_of(site.call("offer", listed, manifest=manifest), listed)
    if missing:
        site.call("receive", archive({name: blobs[name] for name in missing}), count=len(missing))
    return str(manifest["digest"])


def ship(site: Host, release: str, files: dict[str, bytes] | None = None) -> dict[str, Any]:
    """The whole way. Returns: the answers to install and assemble."""
    digest = send(site, files)
    installed = site.call("install", manifest_digest=digest, node="24.21.0")
    return {
        **installed,
        **site.call("assemble", release=release, manifest_digest=digest, settings=make_settings()),
    }


def test_a_release_holds_what_was_installed(site: Host) -> None:
    """As files of the store, root's modes; the manager and its input stand beside the app."""
    answer = ship(site, RELEASES[0])
    assert (answer["event"], answer["installed"]) == ("result", True)
    release = site.app.release(RELEASES[0])
    assert (release / KEPT).read_bytes() == b"rxjs"
    assert (release / "app/node_modules/rxjs/run.sh").stat().st_mode & 0o7777 == 0o755
    assert (release / "app/node_modules/.bin/run").read_bytes() == b"#!"
    assert not (release / "app/node_modules/.package-lock.json").exists()
    assert not (release / "app/.vpsdeploy").exists()
    assert (release / "install/manager" / NPM).read_bytes() == b"npm"
    assert not (site.app.incoming / "install").exists()
    assert not (site.layout.root / "var/cache/private/vpsdeploy-install-shop").exists()


def test_the_same_is_not_installed_again(site: Host) -> None:
    """Another source, the same lockfile."""
    ship(site, RELEASES[0])
    answer = ship(site, RELEASES[1], {**FILES, "dist/main.js": b"changed"})
    assert (answer["installed"], answer["release"]) == (False, RELEASES[1])
    assert isinstance(site.systemd, Installing)
    assert site.systemd.runs == 1
    assert (site.app.release(RELEASES[1]) / KEPT).stat().st_nlink == 3


@pytest.mark.parametrize(
    "change", [".vpsdeploy/install/project/package-lock.json", f".vpsdeploy/install/manager/{NPM}"]
)
def test_another_lockfile_or_manager_is_installed(site: Host, change: str) -> None:
    """Whatever an installation reads."""
    ship(site, RELEASES[0])
    assert ship(site, RELEASES[1], {**FILES, change: b"other"})["installed"] is True


def test_the_list_appears_when_everything_is_on_the_disk(site: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut an empty list would be whole, and every release of this lockfile without dependencies."""
    real, seen = durable.sync_filesystems, []

    def sync(*paths: Path) -> None:
        (partial,) = (path.read_bytes() for path in site.app.installs.glob(".*.new"))
        seen.append((b"node_modules/rxjs/run.sh" in partial, list(site.app.installs.glob("*.files"))))
        real(*paths)

    digest = send(site)
    monkeypatch.setattr(durable, "sync_filesystems", sync)
    assert site.call("install", manifest_digest=digest, node="24.21.0")["installed"] is True
    assert seen == [(True, [])]


def test_one_that_goes_on_without_its_controller_is_waited_for(site: Host, tmp_path: Path) -> None:
    """The network was lost, and somebody releases again: both would use one unit and one directory."""
    systemd = site.systemd
    assert isinstance(systemd, Installing)
    digest = send(site)
    request = {"protocol": 1, "app": "shop", "token": site.token}
    request |= {"manifest_digest": digest, "node": "24.21.0"}
    line = json.dumps(request).encode() + b"\n"
    second = threading.Thread(
        target=lambda: run(["install"], io.BytesIO(line), answers.fileno(), site.layout, Systemd(systemd))
    )

    def meanwhile() -> None:
        second.start()
        second.join(0.3)

    systemd.meanwhile = meanwhile
    with (tmp_path / "second").open("wb") as answers:
        first = site.call("install", manifest_digest=digest, node="24.21.0")
        second.join()
    later = json.loads((tmp_path / "second").read_bytes())
    assert (first["event"], first["installed"]) == ("result", True)
    assert (later["event"], later["installed"]) == ("result", False)
    assert systemd.runs == 1


@pytest.mark.parametrize("node", ["1/../../../tmp", "24", "24.21.0/../x", ""])
def test_node_is_a_version(site: Host, node: str) -> None:
    """A path is made of it."""
    answer = site.call("install", manifest_digest=send(site), node=node)
    assert (answer["kind"], "node is" in answer["why"]) == ("UsageError", True)


def test_another_node_is_installed_for(site: Host) -> None:
    """Its native modules are others."""
    digest = send(site)
    site.call("install", manifest_digest=digest, node="24.21.0")
    node = site.layout.node("26.1.0")
    node.parent.mkdir(parents=True)
    node.touch()
    assert site.call("install", manifest_digest=digest, node="26.1.0")["installed"] is True


def test_a_damaged_installation_is_made_anew(site: Host) -> None:
    """The release that is made of it notices; the next install does it again."""
    ship(site, RELEASES[0])
    stored = site.app.stored(sha256(b"rxjs").hexdigest())
    stored.write_bytes(b"sjxr")
    assert ship(site, RELEASES[1])["damaged"] == 1
    assert ship(site, RELEASES[1])["release"] == RELEASES[1]
    assert (site.app.release(RELEASES[1]) / KEPT).read_bytes() == b"rxjs"


def test_an_installation_that_no_release_uses_is_pruned(site: Host) -> None:
    """With its last release, and its files with it."""
    ship(site, RELEASES[0])
    for release in RELEASES[1:]:
        ship(site, release, {**FILES, ".vpsdeploy/install/project/package-lock.json": b"other"})
    assert len(list(site.app.installs.iterdir())) == 2
    site.call("prune", keep=2)
    assert len(list(site.app.installs.iterdir())) == 1
    assert (site.app.release(RELEASES[2]) / KEPT).exists()


@pytest.mark.parametrize(
    ("code", "what"), [(1, "the dependencies cannot be installed"), (86, "native modules do not load")]
)
def test_what_fails_is_told_in_the_managers_own_words(site: Host, code: int, what: str) -> None:
    """Nothing is kept; a native module that was not built is an error of its own."""
    assert isinstance(site.systemd, Installing)
    site.systemd.code, site.systemd.output = code, "npm error code EINTEGRITY\n"
    answer = site.call("install", manifest_digest=send(site), node="24.21.0")
    assert (answer["kind"], answer["what"]) == ("ReleaseFailed", what)
    assert "EINTEGRITY" in answer["why"]
    assert not site.app.installs.exists() or not list(site.app.installs.iterdir())
    assert not (site.app.incoming / "install").exists()


def test_a_special_file_is_not_taken_over(site: Host) -> None:
    """An install script may leave anything behind."""
    assert isinstance(site.systemd, Installing)
    site.systemd.special = True
    answer = site.call("install", manifest_digest=send(site), node="24.21.0")
    assert "neither a file nor a link" in answer["why"]


def test_a_link_out_of_the_app_is_not_taken_over(site: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that an install script made to /etc."""
    monkeypatch.setattr(installs, "modules", lambda tree: iter([("node_modules/x", None)]))
    monkeypatch.setattr(os, "readlink", lambda path: "../../etc/passwd")
    answer = site.call("install", manifest_digest=send(site), node="24.21.0")
    assert "leads outside the app" in answer["why"]


def test_the_unit_has_limits_and_nobodys_user(site: Host) -> None:
    """Not root, not the app's; the apps' data is not to be seen; what the script says is not read by systemd."""
    site.call("install", manifest_digest=send(site), node="24.21.0")
    (command,) = [words for words in site.systemd.told if "--unit=vpsdeploy-install-shop" in words]
    lines = " ".join(command)
    assert "--property=DynamicUser=yes" in command
    assert "InaccessiblePaths=-/srv" in lines
    assert re.search(r"MemoryMax=\d+", lines)
    assert "CPUQuota=100%" in lines
    assert "--wait" in command
    assert "User=" not in lines.replace("DynamicUser=", "")
    assert re.search(r"(?<!\$)\$(?!\$)", command[-1].replace("$$", "")) is None


@pytest.mark.parametrize(
    "how",
    [
        {**HOW, "manager": "bash"}, {**HOW, "version": "1; rm -rf /"}, {**HOW, "program": "../../bin/sh"},
        {**HOW, "program": "node_modules/npm/../../x.js"}, {**HOW, "program": "node_modules/npm/$(id).js"}, "npm", {},
    ],
)  # fmt: skip
def test_a_wrong_way_to_install_is_refused(site: Host, how: Any) -> None:
    """Words of it end up in a shell."""
    manifest, listed, _ = bundle(FILES)
    answer = site.call("offer", listed, manifest={**manifest, "install": how})
    assert answer["kind"] == "UsageError"
    assert "install is" in answer["why"]


def test_a_release_without_its_dependencies_is_not_made(site: Host) -> None:
    """The controller forgot to ask."""
    answer = site.call("assemble", release=RELEASES[0], manifest_digest=send(site), settings=make_settings())
    assert "were not installed here" in answer["why"]


def test_every_manager_has_its_command() -> None:
    """Production dependencies by the frozen lockfile."""
    assert set(installer._COMMANDS) == {"npm", "pnpm", "yarn", "yarn 1"}
