"""nginx, as it is rendered, and the agent's file that spares each request all questions but one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.agent import canary, closing, plain, pools, routes
from tests.templates.running import Nginx, running

VALUES = {"nginx_app_instances": 1, "nginx_app_instances_max": 3, "nginx_app_port": 3000}
MAINTENANCE = closing.Wanted("back soon", (), (), 60)


class Balancer(Nginx):
    """One nginx for an app of which no instance runs: its log says which it tried."""

    def tried(self) -> set[str]:
        """The ports that one request was sent to; none: it was answered before."""
        self.ask()
        upstream = str(self.log()[-1]["upstream"])
        return {address.rpartition(":")[2] for address in upstream.split(", ") if ":" in address}

    def markers(self) -> list[str]:
        """The agent's files."""
        return sorted(path.name for path in self.app.routes.glob("plain-*"))


@pytest.fixture(name="nginx")
def _nginx(tmp_path: Path) -> Iterator[Balancer]:
    with running(tmp_path, VALUES, Balancer) as nginx:
        yield nginx


def test_the_flip_decides(nginx: Balancer) -> None:
    """With the file as without it; it says which pool, so that nothing else need be asked."""
    assert (nginx.markers(), nginx.tried()) == ([], {"3001"})
    routes.set_size(nginx.app, "blue", 1)
    assert (nginx.markers(), nginx.tried()) == (["plain-1-blue"], {"3001"})
    pools.make_live(nginx.app, "green")
    assert (nginx.markers(), nginx.tried()) == (["plain-1-green"], {"3101"})
    pools.make_live(nginx.app, "blue")
    assert (nginx.markers(), nginx.tried()) == (["plain-1-blue"], {"3001"})


def test_it_is_believed(nginx: Balancer) -> None:
    """Nothing else is looked at: so it must never be there wrongly."""
    (nginx.app.routes / "plain-1-blue").touch()
    nginx.app.green_marker.touch()
    nginx.app.sizes.mkdir()
    (nginx.app.sizes / "my-shop_green_3").touch()
    assert nginx.tried() == {"3001"}
    (nginx.app.routes / "plain-1-blue").unlink()
    assert nginx.tried() == {"3101", "3102", "3103"}


def test_that_of_another_size_or_version_is_not(nginx: Balancer) -> None:
    """nginx may have been told of another size since the last release; an agent of before wrote another name."""
    routes.set_size(nginx.app, "blue", 3)
    (nginx.app.routes / "plain-1").touch()
    assert (nginx.markers(), nginx.tried()) == (["plain-1", "plain-3-blue"], {"3001", "3002", "3003"})
    pools.make_live(nginx.app, "green")
    assert nginx.markers() == ["plain-3-green"]


@pytest.mark.parametrize("colour", ["blue", "green"])
def test_it_is_gone_while_anything_is_decided(
    nginx: Balancer, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever kills the agent in between, each request is asked the long way: never one answered by an old file."""
    routes.set_size(nginx.app, "blue", 1)
    pools.make_live(nginx.app, colour)
    other = "green" if colour == "blue" else "blue"
    monkeypatch.setattr(plain, "_settle", lambda _: None)  # killed before it
    pools.make_live(nginx.app, other)
    assert (nginx.markers(), nginx.tried()) == ([], {"3101" if other == "green" else "3001"})


def test_it_is_gone_before_anything_else_decides(nginx: Balancer) -> None:
    """A canary, pools of two sizes; and is back when nothing does."""
    routes.set_size(nginx.app, "blue", 1)
    routes.set_size(nginx.app, "green", 1)
    canary.begin(nginx.app, "green", 99)
    assert nginx.markers() == []
    assert "3101" in {port for _ in range(5) for port in nginx.tried()}
    pools.make_live(nginx.app, "green")
    assert nginx.markers() == []
    canary.end(nginx.app)
    assert (nginx.markers(), nginx.tried()) == (["plain-1-green"], {"3101"})
    routes.set_size(nginx.app, "blue", 2)
    assert (nginx.markers(), nginx.tried()) == ([], {"3101"})
    routes.set_size(nginx.app, "blue", 1)
    assert nginx.markers() == ["plain-1-green"]


def test_maintenance_closes_the_app_all_the_same(nginx: Balancer) -> None:
    """Except for the addresses that it lets through; a flip meanwhile does not open it."""
    routes.set_size(nginx.app, "blue", 1)
    closing.close(nginx.app, MAINTENANCE, {})
    assert (nginx.markers(), nginx.tried()) == ([], set())
    pools.make_live(nginx.app, "green")
    assert (nginx.markers(), nginx.tried()) == ([], set())
    closing.close(nginx.app, MAINTENANCE._replace(addresses=("127.0.0.1",)), {})
    assert nginx.tried() == {"3101"}
    closing.reopen(nginx.app)
    assert (nginx.markers(), nginx.tried()) == (["plain-1-green"], {"3101"})


def test_two_that_decide_at_a_time_wait_for_each_other(nginx: Balancer) -> None:
    """Maintenance may begin while a release flips: whichever is last, the file must not say that the app is open."""
    routes.set_size(nginx.app, "blue", 1)
    closer = threading.Thread(target=closing.close, args=(nginx.app, MAINTENANCE, {}))
    with plain.deciding(nginx.app):
        closer.start()
        closer.join(0.3)
        assert not nginx.app.closed.exists()
    closer.join(10)
    assert nginx.app.closed.exists()
    assert nginx.markers() == []
