"""nginx, as it is rendered, and the agent's file that spares each request all questions but the flip's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.agent import canary, closing, pools, routes
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
    """With the file as without it."""
    assert (nginx.markers(), nginx.tried()) == ([], {"3001"})
    routes.set_size(nginx.app, "blue", 1)
    assert (nginx.markers(), nginx.tried()) == (["plain-1"], {"3001"})
    pools.make_live(nginx.app, "green")
    assert (nginx.markers(), nginx.tried()) == (["plain-1"], {"3101"})


def test_it_is_believed(nginx: Balancer) -> None:
    """Nothing else is looked at: so it must never be there wrongly."""
    (nginx.app.routes / "plain-1").touch()
    nginx.app.sizes.mkdir()
    (nginx.app.sizes / "my-shop_blue_3").touch()
    assert nginx.tried() == {"3001"}
    (nginx.app.routes / "plain-1").unlink()
    assert nginx.tried() == {"3001", "3002", "3003"}


def test_that_of_another_size_is_not(nginx: Balancer) -> None:
    """nginx may have been told of another size since the last release."""
    routes.set_size(nginx.app, "blue", 3)
    assert (nginx.markers(), nginx.tried()) == (["plain-3"], {"3001", "3002", "3003"})


def test_it_is_gone_before_anything_else_decides(nginx: Balancer) -> None:
    """A canary, pools of two sizes; and is back when nothing does."""
    routes.set_size(nginx.app, "blue", 1)
    routes.set_size(nginx.app, "green", 1)
    canary.begin(nginx.app, "green", 99)
    assert nginx.markers() == []
    assert "3101" in {port for _ in range(5) for port in nginx.tried()}
    canary.end(nginx.app)
    assert (nginx.markers(), nginx.tried()) == (["plain-1"], {"3001"})
    routes.set_size(nginx.app, "blue", 2)
    assert (nginx.markers(), nginx.tried()) == ([], {"3001", "3002"})
    routes.set_size(nginx.app, "blue", 1)
    assert nginx.markers() == ["plain-1"]


def test_maintenance_closes_the_app_all_the_same(nginx: Balancer) -> None:
    """Except for the addresses that it lets through."""
    routes.set_size(nginx.app, "blue", 1)
    closing.close(nginx.app, MAINTENANCE, {})
    assert (nginx.markers(), nginx.tried()) == (["plain-1"], set())
    closing.close(nginx.app, MAINTENANCE._replace(addresses=("127.0.0.1",)), {})
    assert nginx.tried() == {"3001"}
    closing.reopen(nginx.app)
    assert nginx.tried() == {"3001"}
