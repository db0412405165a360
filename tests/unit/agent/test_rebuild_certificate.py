"""A lost host's certificate on the one in its place: openssl is real; restic, certbot and nginx are stood in for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.agent import acme, certificates
from orchestrator.agent.backup import ping
from orchestrator.agent.programs import Finished
from tests.support.certificates import Root
from tests.support.fake_restic import Repositories
from tests.unit.agent.conftest import Host
from tests.unit.agent.with_backups import set_up
from tests.unit.agent.with_certificates import SHOP, Programs, marked, print_of, put, wish


class World(Programs):
    """A load balancer with backups."""

    def __init__(self, host: Host, root: Root, copies: Path) -> None:
        super().__init__(host, root)
        self.restic = Repositories(copies)

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """restic in memory; the rest as ever."""
        return self.restic.run(arguments) if "restic" in arguments else super().__call__(arguments)


@pytest.fixture(name="world")
def _world(bare: Host, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    """It has a certificate; its backup is made."""
    world = World(bare, Root("test root"), tmp_path_factory.mktemp("copies"))
    bare.systemd = world
    wish(bare)
    (bare.layout.tls / "shop").mkdir()
    monkeypatch.setattr(acme, "astray", lambda *_: ["DNS leads elsewhere"])
    monkeypatch.setattr(certificates, "served", lambda _: print_of(bare))
    monkeypatch.setattr(ping, "_post", lambda *_: None)
    bare.call("certificate")
    put(bare, world.root.issue(SHOP))
    (bare.layout.certbot / "accounts" / "ours").mkdir(parents=True)
    (bare.layout.certbot / "accounts" / "ours" / "key").write_text("key")
    set_up(bare)
    bare.call("backup-keys", keys={"password": "one"})
    assert (
        bare.words(["backup", "--request", json.dumps({"protocol": 1, "app": "shop"})])["last"]["result"]
        == "done"
    )
    return world


def burn(world: World) -> None:
    """What a new host has: its placeholder, and an account of its own."""
    host = world.host
    shutil.rmtree(host.layout.certbot)
    (host.layout.certbot / "accounts" / "new").mkdir(parents=True)
    host.call("certificate")
    host.call("rebuild", part="look")


def test_it_is_served_before_any_authority_is_asked(world: World) -> None:
    """DNS still leads to the lost host: nobody would issue another one now. Accounts of both hosts stay."""
    burn(world)
    assert marked(world.host) == set()
    told = world.host.call("rebuild", part="certificate")
    assert (told["certificate"], told["names"], marked(world.host)) == ("restored", [SHOP], {SHOP})
    assert world.asked == []
    assert {path.name for path in (world.host.layout.certbot / "accounts").iterdir()} == {"ours", "new"}


def test_one_that_is_there_stays(world: World) -> None:
    """DNS led here already, and the host got one."""
    burn(world)
    put(world.host, world.root.issue(SHOP))
    world.host.call("certificate")
    before = print_of(world.host)
    assert world.host.call("rebuild", part="certificate")["certificate"] == "there"
    assert print_of(world.host) == before


def test_a_backup_without_one_is_no_error(world: World) -> None:
    """The host asks for one as ever."""
    for path in world.restic.copies.rglob("letsencrypt"):
        shutil.rmtree(path)
    burn(world)
    assert world.host.call("rebuild", part="certificate") == {
        "event": "result",
        "certificate": "none",
        "names": [],
    }
