"""An empty host takes a lost one's place in a fleet in memory: what is refused, in what order, what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import (
    BackupFailed,
    ConfigError,
    ProvisionFailed,
    ReleaseFailed,
    UsageError,
)
from orchestrator.model.provision import TaskFailure
from orchestrator.model.rebuild import Way
from orchestrator.report import envelope
from orchestrator.report import rebuild as report
from orchestrator.transport import http
from orchestrator.workflows import (
    rebuild_release,
    release,
)
from orchestrator.workflows.rebuild import Wish
from orchestrator.workflows.rebuild_checks import Seen, Target
from tests.support import shapes
from tests.support.changes import OLD
from tests.unit.workflows.with_rebuild import CONFIG, EMPTY, HOSTS, World, at, fleet_of, world_of  # noqa: F401 - world_of: a fixture


def test_the_only_host_comes_back(world: World) -> None:
    """Provisioned at its new address, data before the release, which comes out of the backup; asked at the end."""
    done = world.run(Wish("10.9.9.9"))
    host = world.fleet.hosts["web-1"]
    assert host.rebuilt == ["look", "data", "certificate", "releases", "end"]
    assert (done.way, done.release, host.current, host.live) == (Way.BACKUP, OLD, OLD, "green")
    assert world.provisioned == [("web-1@10.9.9.9",)]
    assert "web-1: {ansible_host: 10.9.9.9}  # the first" in world.stage.path.read_text()
    assert [part.name for part in done.parts] == [
        "look at both hosts and the backups", "provision web-1", "choose the backup", "restore the data",
        "restore the certificate", "restore the release", "ask as users do",
    ]  # fmt: skip
    assert (done.url, done.notes) == ("http://10.9.9.9/", ("a notice",))
    assert host.history[-1]["verb"] == "host rebuild"
    line = json.loads(envelope.result_line("host_rebuild", report.fields(done)))
    assert shapes.differences(shapes.examples()["host_rebuild"], line) == []
    text = report.text(done)
    assert "web-1 is at 10.9.9.9 now (before: 10.0.0.1)" in text
    assert "data: of 2026-11-26T03:12:09Z" in text


def test_run_again_it_goes_on(world: World) -> None:
    """The inventory has the address already; what serves already is not made live again."""
    world.run(Wish("10.9.9.9"))
    world.stage = replace(
        world.stage, hosts=(replace(world.stage.hosts[0], address="10.9.9.9", private_address=""),)
    )
    world.seen = Seen(("/srv/shop/releases/x",), True, {"done": ["begun"]}, {})
    world.alive = True
    done = world.run(Wish(""))
    assert (done.release, done.before, world.asked) == (OLD, "10.9.9.9", [])
    assert world.fleet.hosts["web-1"].rebuilt.count("releases") == 1


@pytest.mark.parametrize(
    ("wish", "said"),
    [(Wish("nowhere in particular"), "is no address"), (Wish("192.0.2.7"), "a placeholder"),
     (Wish("10.9.9.9", "web-7"), 'no host "web-7"'), (Wish("10.9.9.9", source="moon"), "there is no target moon"),
     (Wish("10.9.9.9", source="disk:xyz"), "is no backup")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(world: World, wish: Wish, said: str) -> None:
    """Before any host is asked."""
    with pytest.raises((UsageError, ConfigError)) as caught:
        world.run(wish)
    assert said in caught.value.what
    assert world.provisioned == []


def test_a_host_that_answers_is_replaced_only_if_somebody_says_so(world: World) -> None:
    """Asked, with what would be lost; the inventory stays."""
    world.alive = True
    with pytest.raises(UsageError, match="web-1 is not lost"):
        world.run(Wish("10.9.9.9"))
    assert "in no backup. Go on?" in world.asked[0]
    assert world.stage.path.read_text() == HOSTS
    assert world.run(Wish("10.9.9.9"), agree=True).way is Way.BACKUP


def test_a_host_that_is_not_empty_is_refused(world: World) -> None:
    """Somebody's data, another app, or this very one; what provisioning leaves behind is none."""
    for used, ours in (("/var/lib/postgresql/17/main/PG_VERSION", False), ("/srv/other", True),
                       ("/srv/shop/releases/20261122000001-aaaaaaaa", True)):  # fmt: skip
        world.seen = Seen((used,), ours, {}, {})
        with pytest.raises(UsageError, match="is not empty"):
            world.run(Wish("10.9.9.9"))
    world.seen = Seen((), True, {"ended": "2026-11-26T04:00:00Z"}, {})
    with pytest.raises(UsageError, match="is not empty"):
        world.run(Wish("10.9.9.9"))
    other = Seen(("/srv/other", "/etc/vpsdeploy/apps/other.json"), True, {}, {})
    world.seen = other
    with pytest.raises(UsageError, match="is not empty"):
        world.run(Wish("10.9.9.9"))
    assert world.stage.path.read_text() == HOSTS
    assert world.run(Wish("")).before == "10.0.0.1"
    world.seen = Seen(("/srv/shop", "/var/lib/postgresql/17/main/PG_VERSION"), True, {}, {})
    assert world.run(Wish("10.9.9.9")).release == OLD


def test_without_a_backup_or_its_keys_nothing_begins(world: World) -> None:
    """A target that only the new host can see is left to it where somebody names it."""
    world.looked = (Target("disk", ()), Target("far", (), "no route to host"))
    with pytest.raises(BackupFailed) as caught:
        world.run(Wish("10.9.9.9"))
    assert caught.value.why == (
        "disk: no backup of this name\nfar: no route to host\nof web-1 only a backup has: the releases"
    )
    world.looked = (Target("disk", ("6f06cbf8aa",)),)
    with pytest.raises(BackupFailed, match="with the id 11111111"):
        world.run(Wish("10.9.9.9", source="disk:11111111"))
    world.looked = (Target("far", (), "no route to host"),)
    chosen = world.run(Wish("10.9.9.9", source="far")).backup
    assert chosen is not None
    assert chosen.target == "far"
    assert any("looks for its backup itself" in text for text in world.told.told)
    world.stage.backup_secrets.unlink()
    with pytest.raises(ConfigError, match="the keys of the backups are not here"):
        world.run(Wish("10.9.9.9"))


def test_a_host_that_cannot_be_provisioned_keeps_its_new_address(world: World) -> None:
    """So that the same command goes on."""
    world.failure = TaskFailure("web-1", "install packages", "no mirror")
    with pytest.raises(ProvisionFailed):
        world.run(Wish("10.9.9.9"))
    assert "10.9.9.9" in world.stage.path.read_text()
    assert world.fleet.hosts["web-1"].rebuilt == []


def test_a_release_that_the_backup_lacks_is_built_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its own commit, and it is said."""
    host, built = world.fleet.hosts["web-1"], list[str]()
    host.bits_lost = True

    class Tree:
        def __init__(self, _: object, revision: str, __: object) -> None:
            built.append(revision)

        def __enter__(self) -> Path:
            return tmp_path

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(rebuild_release, "checked_out", Tree)
    monkeypatch.setattr(rebuild_release, "load", lambda _: CONFIG)
    monkeypatch.setattr(release, "run", lambda *_: type("Changed", (), {"release": OLD})())
    done = world.run(Wish("10.9.9.9"))
    assert (done.way, built) == (Way.BUILD, ["c0ffee"])
    assert done.notes[-1] == "the release was built again from c0ffee"


def test_where_nothing_was_released_nothing_is(world: World) -> None:
    """Its data are back all the same."""
    world.fleet.hosts["web-1"].kept_release = ""
    done = world.run(Wish("10.9.9.9"))
    assert (done.way, done.release, done.url) == (Way.NONE, "", "")
    assert "no release: nothing was released" in done.notes[-1]


def test_an_app_that_does_not_answer_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its data and its release stay; the rebuild is not over."""
    monkeypatch.setattr(http, "reachable", lambda _: False)
    monkeypatch.setattr(rebuild_release, "ANSWER_SECONDS", 0.0)
    with pytest.raises(ReleaseFailed, match="the app does not answer"):
        world.run(Wish("10.9.9.9"))
    assert "end" not in world.fleet.hosts["web-1"].rebuilt


def test_a_private_address_has_to_be_named(world: World) -> None:
    """The inventory has one, and nobody can guess the new host's."""
    text = HOSTS.replace(
        "{ansible_host: 10.0.0.1}", "{ansible_host: 10.0.0.1, vpsdeploy_private_address: 10.1.0.1}"
    )
    world.stage.path.write_text(text)
    world.stage = replace(world.stage, hosts=(replace(world.stage.hosts[0], private_address="10.1.0.1"),))
    with pytest.raises(UsageError, match="which private address"):
        world.run(Wish("10.9.9.9"))
    world.run(Wish("10.9.9.9", private_address="10.1.0.9"))
    assert (
        "{ansible_host: 10.9.9.9, vpsdeploy_private_address: 10.1.0.9}  # the first"
        in world.stage.path.read_text()
    )


def test_an_inventory_that_says_it_elsewhere_is_edited_by_hand(world: World) -> None:
    """Nothing is guessed."""
    world.stage.path.write_text("all:\n  vars: {ansible_host: 10.0.0.1}\n  hosts: {web-1: {}}\n")
    with pytest.raises(ConfigError, match="the inventory cannot be changed for web-1"):
        world.run(Wish("10.9.9.9"))
