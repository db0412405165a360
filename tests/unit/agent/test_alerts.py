"""A host that tells of its troubles: once when one begins, once when it is over, whoever was out of reach meanwhile."""

from __future__ import annotations

import errno
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import call as calls
from orchestrator.agent import durable
from orchestrator.agent.alerts import post, record, troubles, watch
from orchestrator.agent.verbs import alerts
from tests.unit.agent.with_alerts import HOOK, SLACK, Net, look, net_of  # noqa: F401 - net_of: a fixture
from tests.unit.agent.with_backups import World, world_of  # noqa: F401 - world_of: a fixture


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
        patch.setattr(record, "note", lambda *_: 1 / 0)
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
        patch.setattr(calls.Call, "record", lambda *_, **__: full(world.host.app.history_file))
        look(world.host)
        look(world.host)
        assert len(net.texts()) == 2
    assert look(world.host)["shop"]["told"] == []
    assert len(json.loads(world.host.app.alerts_state_file.read_text())["open"]) == 1
    assert list((world.host.layout.run / "alerts").iterdir()) == []
    world.host.app.alerts_state_file.write_text("{")
    assert len(look(world.host)["shop"]["told"]) == 2


def test_a_timer_that_was_not_turned_on_is_turned_on_by_the_next_try(world: World, net: Net) -> None:
    """Whoever handed the receivers over was killed before it was; and a host that cannot, says so."""
    world.told.clear()
    assert world.host.call("receivers", receivers=[HOOK, SLACK])["changed"] is False
    assert ["systemctl", "enable", "--now", alerts.TIMER] in world.told
    world.refused = {"enable": "Unit vpsdeploy-alerts.timer does not exist"}
    answer = world.host.call("receivers", receivers=[HOOK, SLACK])
    assert (answer["kind"], answer["why"]) == ("HostNotReady", "Unit vpsdeploy-alerts.timer does not exist")
