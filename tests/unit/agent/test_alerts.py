"""A host that tells of its troubles: once when one begins, once when it is over, whoever was out of reach meanwhile."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from orchestrator.agent.alerts import post, troubles
from tests.unit.agent.conftest import Host
from tests.unit.agent.with_backups import World, world_of  # noqa: F401 - world_of: a fixture

HOOK = {"name": "https://ci.example/x", "type": "webhook", "url": "https://ci.example/x", "chat_id": ""}
SLACK = {"name": "SLACK_URL", "type": "slack", "url": "https://slack.example/secret", "chat_id": ""}


class Sent(NamedTuple):
    """One message, and where it went."""

    url: str
    message: dict[str, Any]


class Net:
    """Receivers: what each was told; `down` does not take anything."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.down: set[str] = set()

    def __call__(self, url: str, message: dict[str, Any]) -> str:
        """Stands for `post`."""
        if url in self.down:
            return "answered 503"
        self.sent.append(Sent(url, message))
        return ""

    def texts(self) -> list[str]:
        """What was said since the last question."""
        found, self.sent = [str(one.message["text"]) for one in self.sent], []
        return found


@pytest.fixture(name="net")
def _net(world: World, monkeypatch: pytest.MonkeyPatch) -> Net:
    """A host that is well, with two receivers; its disks have room."""
    net = Net()
    monkeypatch.setattr(post, "post", net)
    monkeypatch.setattr(troubles, "_fullest", lambda _: (0.5, "bytes"))
    world.running.add("nginx.service")
    world.host.call("receivers", receivers=[HOOK, SLACK])
    (world.host.layout.host_file).write_text(json.dumps({"stage": "production"}))
    world.unit("backup")
    return net


def look(host: Host) -> dict[str, Any]:
    """The timer's look."""
    told: dict[str, Any] = host.words(["alerts", "--request", '{"protocol": 1, "by": "timer"}'])["apps"]
    return told


def test_a_host_that_is_well_says_nothing(world: World, net: Net) -> None:
    """A backup that is not proven yet is no alert as long as no drill was due."""
    assert look(world.host) == {"shop": {"open": [], "told": []}}
    assert net.sent == []


def test_a_trouble_is_told_once_and_its_end_once(world: World, net: Net) -> None:
    """In each receiver's form, and in the history."""
    world.restic.broken["backup /mnt/far/shop"] = "Fatal: wrong password or no key found"
    world.unit("backup")
    look(world.host)
    look(world.host)
    assert [one.url for one in net.sent] == [HOOK["url"], SLACK["url"]]
    message = net.sent[0].message
    assert (message["kind"], message["stage"], message["troubles"][0]["name"]) == (
        "alert",
        "production",
        "backup failed",
    )
    assert "the repository has another password" in message["text"]
    assert set(net.sent[1].message) == {"text"}
    net.texts()
    world.restic.broken.clear()
    world.unit("backup")
    look(world.host)
    look(world.host)
    assert ["over since" in text for text in net.texts()] == [True, True]
    lines = [json.loads(line) for line in world.host.app.history_file.read_text().splitlines()]
    assert [line["figures"]["receiver"] for line in lines if line["verb"] == "alert"] == [
        HOOK["name"],
        SLACK["name"],
    ] * 2
    assert json.loads(world.host.app.alerts_state_file.read_text())["open"] == {}


def test_a_receiver_that_cannot_be_reached_is_told_later(world: World, net: Net) -> None:
    """The others are not told twice; of what is over before it could be told it never hears."""
    net.down.add(HOOK["url"])
    world.restic.broken["backup"] = "Fatal: no space left on device"
    world.unit("backup")
    look(world.host)
    assert [one.url for one in net.sent] == [SLACK["url"]]
    net.down.clear()
    look(world.host)
    assert [one.url for one in net.sent] == [SLACK["url"], HOOK["url"]]
    net.down.add(HOOK["url"])
    world.host.systemd.running.discard("nginx.service")
    look(world.host)
    look(world.host)
    world.host.systemd.running.add("nginx.service")
    look(world.host)
    net.down.clear()
    net.texts()
    look(world.host)
    assert net.sent == []


def test_a_service_has_to_be_down_for_two_looks(world: World, net: Net) -> None:
    """A restart is no trouble."""
    world.running.discard("nginx.service")
    look(world.host)
    assert net.sent == []
    look(world.host)
    assert "the load balancer does not run: nginx.service is inactive" in net.texts()[0]
    world.running.add("nginx.service")
    look(world.host)
    assert "over since" in net.texts()[0]


def test_a_filling_disk_is_told_until_it_is_clearly_better(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 90 percent on, of bytes or of inodes, until it is below 87."""
    for used, told in ((0.91, 2), (0.89, 0), (0.91, 0), (0.80, 2)):
        monkeypatch.setattr(troubles, "_fullest", lambda _, used=used: (used, "inodes"))
        look(world.host)
        assert len(net.texts()) == told
    monkeypatch.undo()
    assert 0.0 < troubles._fullest(Path("/"))[0] <= 1.0


@pytest.mark.parametrize(
    ("how", "said"),
    [("missed", "one was due since"), ("damaged", "the repository is damaged"), ("shrunken", "shrunken"),
     ("drill", "the last restore drill failed"), ("no drill", "a drill was due since the first one")],
)  # fmt: skip
def test_each_trouble_of_backups_is_told(world: World, net: Net, how: str, said: str) -> None:
    """Missed, damaged, shrunken, a drill that failed, none that ran."""
    state = world.state
    if how in ("missed", "no drill"):
        world.elapses = "Next elapse: Wed 2026-01-07 03:00:00 UTC"
        key = "at" if how == "missed" else "first_at"
        for one in state["targets"].values():
            one["good"]["at"] = 1.0 if how == "missed" else one["good"]["at"]
            one[key if how == "no drill" else "first_at"] = 1.0
        world.host.app.backup_state_file.write_text(json.dumps(state))
    elif how == "shrunken":
        (world.host.app.shared / "uploads" / "b.txt").write_text("b")
        world.unit("backup")
    else:
        world.restic.broken["check"] = "Fatal: repository contains errors"
        world.host.call("backup-verify") if how == "damaged" else world.unit("drill")
    look(world.host)
    assert said in net.texts()[0]
    look(world.host)
    assert net.sent == []


def test_the_timer_runs_where_somebody_is_told(world: World, net: Net) -> None:
    """URLs are in a file of root's; one that is not given again stays; without receivers the timer stops."""
    file = world.host.app.alerts_file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ["systemctl", "enable", "--now", "vpsdeploy-alerts.timer"] in world.told
    named = {key: value for key, value in SLACK.items() if key != "url"}
    answer = world.host.call("receivers", receivers=[named, {**named, "name": "OTHER"}])
    assert answer["lacking"] == ["OTHER"]
    assert [one["url"] for one in json.loads(file.read_text())] == [SLACK["url"]]
    world.host.call("receivers", receivers=[])
    assert world.told[-1] == ["systemctl", "disable", "--now", "vpsdeploy-alerts.timer"]
    assert look(world.host) == {}
    for wrong in (
        "x",
        [{"name": "a b"}],
        [{**HOOK, "type": "mail"}],
        [{**HOOK, "url": "file:///etc/shadow"}],
    ):
        assert world.host.call("receivers", receivers=wrong)["kind"] == "UsageError"


def test_nothing_that_is_said_of_a_failure_holds_the_url() -> None:
    """It may be a secret."""
    said = post.post("http://127.0.0.1:1/secret", {})
    assert said == "cannot be sent (URLError)"


def test_a_host_that_has_no_backup_yet_is_told_of_once_one_was_due(world: World, net: Net) -> None:
    """Not on the day on which it is provisioned."""
    world.host.app.backup_state_file.unlink()
    look(world.host)
    assert net.sent == []
    world.elapses = "Next elapse: Wed 2026-01-07 03:00:00 UTC"
    os.utime(world.host.app.backup_keys / "password", (1.0, 1.0))
    look(world.host)
    assert "disk has no backup yet" in net.texts()[0]
