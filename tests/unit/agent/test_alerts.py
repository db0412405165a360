"""A host that tells of its troubles: once when one begins, once when it is over, whoever was out of reach meanwhile."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from orchestrator.agent import call as calls
from orchestrator.agent import durable
from orchestrator.agent.alerts import post, troubles, watch
from orchestrator.agent.verbs import alerts
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
        self.silent: set[str] = set()
        self.first, self.end = threading.Event(), threading.Event()

    def __call__(self, url: str, message: dict[str, Any]) -> str:
        """Stands for `post`; all receivers are told at once, here the webhook first."""
        if url in self.silent:
            self.end.wait(20)
        if url == SLACK["url"]:
            self.first.wait(0.3)
        if url in self.down:
            return "answered 503"
        self.sent.append(Sent(url, message))
        self.first.set()
        return ""

    def texts(self) -> list[str]:
        """What was said since the last question."""
        found, self.sent = [str(one.message["text"]) for one in self.sent], []
        self.first.clear()
        return found


@pytest.fixture(name="net")
def _net(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Net]:
    """A host that is well, with two receivers; its disks have room."""
    net = Net()
    monkeypatch.setattr(post, "post", net)
    monkeypatch.setattr(troubles, "_fullest", lambda _: (0.5, "bytes"))
    world.running.add("nginx.service")
    world.host.call("receivers", receivers=[HOOK, SLACK])
    (world.host.layout.host_file).write_text(json.dumps({"stage": "production"}))
    world.unit("backup")
    yield net
    net.end.set()


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
    world.running.add(alerts.TIMER)
    world.properties[alerts.TIMER] = {"UnitFileState": "enabled"}
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


def test_a_receiver_that_hangs_keeps_no_other_from_being_told(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is the other told again because of it; the one that hung is told by the next look."""
    monkeypatch.setattr(watch, "TELL_SECONDS", 0.5)
    net.silent.add(HOOK["url"])
    world.restic.broken["backup"] = "Fatal: no space left on device"
    world.unit("backup")
    assert look(world.host)["shop"]["told"] == [SLACK["name"]]
    net.silent.clear()
    assert look(world.host)["shop"]["told"] == [HOOK["name"]]
    assert [one.url for one in net.sent] == [SLACK["url"], HOOK["url"]]


def test_an_app_whose_look_hangs_keeps_no_other_from_being_looked_after(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead mount of one app is no reason to say nothing of another's disk; nor is a look that breaks."""
    monkeypatch.setattr(alerts, "LOOK_SECONDS", 0.5)
    other = world.host.layout.app("other")
    other.facts_file.write_text("{}")
    other.state.mkdir()
    durable.write_json(other.alerts_file, [HOOK])
    real = watch.look

    def slow(call: calls.Call) -> dict[str, Any]:
        if call.app.name == "other":
            net.end.wait(20)
        return real(call)

    monkeypatch.setattr(watch, "look", slow)
    assert list(look(world.host)) == ["shop"]
    monkeypatch.setattr(watch, "look", lambda call: real(call) if call.app.name == "shop" else 1 / 0)
    assert list(look(world.host)) == ["shop"]


def test_who_was_told_is_known_though_the_look_is_killed(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once one receiver has taken it: the next look tells the other one alone."""
    world.restic.broken["backup"] = "Fatal: no space left on device"
    world.unit("backup")
    with monkeypatch.context() as patch:
        patch.setattr(watch.record, "note", lambda *_: 1 / 0)
        look(world.host)
    assert net.sent[0].url == HOOK["url"]
    net.texts()
    assert look(world.host)["shop"]["told"] == [SLACK["name"]]


def test_a_disk_that_takes_nothing_is_told_of_once(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told is kept in memory meanwhile; once there is room, on the disk again."""
    monkeypatch.setattr(troubles, "_fullest", lambda _: (1.0, "bytes"))
    real = durable.write

    def full(path: Path, *given: Any, **more: Any) -> None:
        if path.is_relative_to(world.host.layout.state):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write", full)
        patch.setattr(watch.record.Call, "record", lambda *_, **__: full(world.host.app.history_file))
        look(world.host)
        look(world.host)
        assert len(net.texts()) == 2
    assert look(world.host)["shop"]["told"] == []
    assert len(json.loads(world.host.app.alerts_state_file.read_text())["open"]) == 1
    assert list((world.host.layout.run / "alerts").iterdir()) == []
    world.host.app.alerts_state_file.write_text("{")
    assert len(look(world.host)["shop"]["told"]) == 2


def test_a_part_that_cannot_be_looked_at_hides_no_other_and_ends_nothing(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a trouble itself once it was seen twice; nobody is told that what is out of sight is over."""
    world.restic.broken["backup"] = "Fatal: no space left on device"
    world.unit("backup")
    look(world.host)
    net.texts()
    with monkeypatch.context() as patch:
        patch.setattr(troubles.backup_state, "named_troubles", lambda *_: {}["x"])
        patch.setattr(troubles, "_fullest", lambda _: (0.95, "bytes"))
        found = look(world.host)["shop"]
        assert ("backup failed" in found["open"], len(found["open"])) == (True, 2)
        assert "filling" in net.texts()[0]
        look(world.host)
        assert "the host cannot look after backups: KeyError: 'x'" in net.texts()[0]
    look(world.host)
    assert "over since" in net.texts()[0]
    assert look(world.host)["shop"]["open"] == ["backup failed"]


def test_a_service_that_cannot_be_seen_for_one_look_is_still_down(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down, out of sight, down: that is twice."""
    world.running.discard("nginx.service")
    look(world.host)
    with monkeypatch.context() as patch:
        patch.setattr(troubles.pools, "read", lambda _: 1 / 0)
        look(world.host)
    assert net.sent == []
    look(world.host)
    assert "nginx.service is inactive" in net.texts()[0]


def test_a_file_system_that_became_read_only_is_told(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kernel makes one that has errors."""
    assert troubles._is_read_only(Path("/proc/sys")) in (True, False)
    monkeypatch.setattr(troubles, "_is_read_only", lambda _: True)
    look(world.host)
    assert "takes nothing: it is read-only" in net.texts()[0]


def test_a_rebuild_is_told_of_once_nobody_is_at_it_any_more(world: World, net: Net) -> None:
    """Not while it goes on: whoever types it sees it."""
    began = watch.timestamp()
    durable.write_json(world.host.app.rebuild_file, {"began": began, "done": []})
    look(world.host)
    assert net.sent == []
    durable.write_json(world.host.app.rebuild_file, {"began": "2026-01-01T00:00:00Z", "done": []})
    look(world.host)
    assert "was not rebuilt to its end" in net.texts()[0]


def test_a_timer_that_was_not_turned_on_is_turned_on_by_the_next_try(world: World, net: Net) -> None:
    """Whoever handed the receivers over was killed before it was; and a host that cannot, says so."""
    world.told.clear()
    assert world.host.call("receivers", receivers=[HOOK, SLACK])["changed"] is False
    assert ["systemctl", "enable", "--now", alerts.TIMER] in world.told
    world.refused = {"enable": "Unit vpsdeploy-alerts.timer does not exist"}
    answer = world.host.call("receivers", receivers=[HOOK, SLACK])
    assert (answer["kind"], answer["why"]) == ("HostNotReady", "Unit vpsdeploy-alerts.timer does not exist")


def test_a_service_that_ends_again_and_again_is_down(world: World, net: Net) -> None:
    """Though it runs whenever somebody looks; a single restart, and counting from anew, is none."""
    nothing, begun, over = (
        "",
        "nginx.service ends again and again: 1 restarts since the last look",
        "over since",
    )
    counts = (
        (3, nothing),
        (4, nothing),
        (4, nothing),
        (5, nothing),
        (6, begun),
        (8, nothing),
        (8, over),
        (0, nothing),
    )
    for count, told in counts:
        world.properties["nginx.service"] = {"NRestarts": str(count)}
        look(world.host)
        assert [told in text for text in net.texts()] == ([True, True] if told else []), count
