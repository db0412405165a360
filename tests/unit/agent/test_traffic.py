"""What the access log says of each pool."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import access_log, tally
from orchestrator.agent.verbs import traffic
from orchestrator.model import traffic as model
from tests.unit.agent.conftest import BLUE, GREEN, Host

NOW = datetime.now(UTC)


def line(port: int = 4101, status: int = 200, ms: float = 10, *, ago: float = 0, **other: Any) -> str:
    """One line as nginx writes it."""
    fields = {
        "time": (NOW - timedelta(seconds=ago)).isoformat(timespec="seconds"), "id": "id1", "method": "GET", "path": "/",
        "status": status, "seconds": ms / 1000 + 5, "pool": "shop_green", "upstream": f"10.0.0.1:{port}",
        "header_seconds": f"{ms / 1000:.3f}", "agent": "curl",
    }  # fmt: skip
    return json.dumps({**fields, **other}) + "\n"


def write(host: Host, *lines: str) -> None:
    """Add to the log."""
    host.app.access_log.parent.mkdir(parents=True, exist_ok=True)
    with host.app.access_log.open("a") as file:
        file.writelines(lines)


def ask(host: Host, mark: dict[str, int] | None = None) -> dict[str, Any]:
    """One look."""
    return host.call("traffic", look_back_seconds=600, mark=mark)


def flip(host: Host) -> None:
    """Green is new from here on."""
    host.call("flip", colour=GREEN, confirm_seconds=60)


def test_only_what_came_after_the_flip_is_new(host: Host) -> None:
    """What was before it belongs to the old pool's past, and each line is counted once."""
    write(host, line(4001), line(4001, 500))
    flip(host)
    write(host, line(4101), line(4102, 503), line(4001))
    first = ask(host)
    users = {colour: first["after"][colour]["users"] for colour in (BLUE, GREEN)}
    assert (users[GREEN]["requests"], users[GREEN]["failed"], users[BLUE]["requests"]) == (2, 1, 1)
    assert users[GREEN]["upstreams"] == {"10.0.0.1:4101": [1, 0], "10.0.0.1:4102": [1, 1]}
    assert users[GREEN]["failures"] == [{"method": "GET", "path": "/", "status": 503, "id": "id1"}]
    assert (first["before"][BLUE]["users"]["requests"], first["before"][BLUE]["users"]["failed"]) == (2, 1)
    assert first["pending"] == GREEN
    write(host, line(4102))
    second = ask(host, first["mark"])
    assert second["after"][GREEN]["users"]["requests"] == 1
    assert "before" not in second


def test_a_line_that_nginx_is_still_writing_is_read_the_next_time(host: Host) -> None:
    """Half of it is neither lost nor counted twice."""
    flip(host)
    whole = line()
    write(host, whole, whole[:20])
    first = ask(host)
    write(host, whole[20:])
    second = ask(host, first["mark"])
    assert [one["after"][GREEN]["users"]["requests"] for one in (first, second)] == [1, 1]


def test_rotation_loses_nothing(host: Host) -> None:
    """The rest of the old file is read, and the new one from its beginning."""
    write(host, line())
    flip(host)
    write(host, line())
    first = ask(host)
    write(host, line(), line())
    log = host.app.access_log
    log.rename(log.with_name(f"{log.name}.1"))
    write(host, line())
    assert ask(host, first["mark"])["after"][GREEN]["users"]["requests"] == 3


def test_a_log_that_was_emptied_is_read_from_its_beginning(host: Host) -> None:
    """copytruncate keeps the file and cuts it."""
    flip(host)
    write(host, *[line()] * 5)
    first = ask(host)
    os.truncate(host.app.access_log, 0)
    write(host, line())
    assert ask(host, first["mark"])["after"][GREEN]["users"]["requests"] == 1


def test_without_a_log_there_was_no_request(host: Host) -> None:
    """And the first one that comes is counted."""
    flip(host)
    first = ask(host)
    assert first["after"][GREEN]["users"]["requests"] == 0
    write(host, line())
    assert ask(host, first["mark"])["after"][GREEN]["users"]["requests"] == 1


def test_clients_that_went_away_the_probe_and_websockets_are_kept_apart(host: Host) -> None:
    """499 is no failure, the probe's requests are not the users', a WebSocket's hour is not latency."""
    flip(host)
    write(host, line(status=499), line(status=500, agent="vpsdeploy-probe"), line(status=101, ms=3600000))
    green = ask(host)["after"][GREEN]
    users = green["users"]
    assert (users["requests"], users["failed"], users["aborted"], sum(users["latency"].values())) == (
        2,
        0,
        1,
        1,
    )
    assert (green["probe"]["requests"], green["probe"]["failed"]) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "colour"),
    [
        ({"upstream": "10.0.0.1:4001", "pool": "shop_green"}, BLUE),
        ({"upstream": "10.0.0.1:4001, 10.0.0.2:4102", "pool": "shop_blue"}, GREEN),
        ({"upstream": "[2001:db8::1]:4101"}, GREEN),
        ({"upstream": "shop_green_2_without_web-1", "pool": "shop_blue"}, GREEN),
        ({"upstream": "", "pool": "shop_blue", "status": 503}, None),
        ({"upstream": "10.0.0.1:9999", "pool": "shop_blue"}, None),
    ],
)
def test_a_request_belongs_to_the_pool_that_answered_it(
    host: Host, fields: dict[str, Any], colour: str | None
) -> None:
    """Not to the one that is live when it ends; what nginx answered itself (maintenance) belongs to none."""
    flip(host)
    write(host, line(**fields))
    after = ask(host)["after"]
    assert [one for one in (BLUE, GREEN) if after[one]["users"]["requests"]] == ([colour] if colour else [])


@pytest.mark.parametrize(
    ("fields", "ms"),
    [
        ({"header_seconds": "0.100", "seconds": 9}, 100),
        ({"header_seconds": "2.000, 0.100", "seconds": 9}, 2100),
        ({"header_seconds": "-", "seconds": 1.5}, 1500),
        ({"header_seconds": "", "seconds": 1.5}, 1500),
        ({"header_seconds": "0.010", "seconds": 4, "status": 499}, 4000),
    ],
)
def test_latency_is_how_long_the_app_took_to_begin_its_answer(
    host: Host, fields: dict[str, Any], ms: float
) -> None:
    """Over all tries; a slow reader does not make the app slow, one who gave up says how long he waited."""
    flip(host)
    write(host, line(**fields))
    assert ask(host)["after"][GREEN]["users"]["latency"] == {str(model.latency_class(ms)): 1}


def test_the_past_ends_where_the_release_before_began(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of an older release in the same pool, and old ones, are not what the new one is compared with."""
    write(host, line(4001, ago=900), line(4001, ago=60))
    flip(host)
    assert ask(host)["before"][BLUE]["users"]["requests"] == 1
    host.call("return")
    monkeypatch.setattr(traffic, "_live_since", lambda _: NOW.timestamp() - 30)
    write(host, line(4001))
    flip(host)
    assert ask(host)["before"][BLUE]["users"]["requests"] == 1


def test_nonsense_in_the_log_is_passed_over(host: Host) -> None:
    """Clients put anything into it."""
    flip(host)
    write(host, "not json\n", "[1]\n", "{}\n", line(time="never"), "\n")
    assert ask(host)["after"][GREEN]["users"]["requests"] == 1


@pytest.mark.parametrize(
    "mark", [{}, {"inode": 1}, {"inode": "1", "offset": 2}, {"inode": 1, "offset": -1}, [1], "x"]
)
def test_a_mark_that_is_none_is_not_used(host: Host, mark: Any) -> None:
    """It came from outside; then the look begins at the flip."""
    flip(host)
    assert "before" in ask(host, mark)


def test_a_log_that_grew_by_more_than_can_be_read_is_read_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole lines only, and the mark is at the end."""
    monkeypatch.setattr(access_log, "MOST_BYTES", 100)
    log = tmp_path / "log"
    log.write_text("".join(f'{{"n":{n}}}\n' for n in range(1000, 1050)))
    found, mark = access_log.after(log, {"inode": log.stat().st_ino, "offset": 0})
    assert [one["n"] for one in found] == list(range(1041, 1050))
    assert mark["offset"] == log.stat().st_size


def test_agent_and_controller_count_latency_in_the_same_classes() -> None:
    """The agent imports nothing of the controller, so the rule is there twice."""
    for ms in [0.0, 0.4, 1, 1.05, 1.1, 1.21, 2, 9.99, 10, 47.3, 100, 999, 1000, 59_000, 3_600_000]:
        assert tally.latency_class(ms) == model.latency_class(ms), ms
