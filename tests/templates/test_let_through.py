"""Who logged in with a key is let through where a limit is reached: another way through nginx, to nothing else."""

from __future__ import annotations

import json

import pytest

from tests.templates.running import Nginx
from tests.templates.with_limits import BURST, nginx_of, statuses  # noqa: F401 - nginx_of: a fixture


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/event-stream"}])
def test_who_is_let_through_sends_and_gets_the_same(nginx: Nginx, headers: dict[str, str]) -> None:
    """Body, headers and answer, whichever way through nginx."""
    (trusted := nginx.app.host.root / "var/lib/vpsdeploy/trusted").mkdir(parents=True)
    (trusted / "203.0.113.7").touch()
    answers = [
        nginx.ask("POST", "/orders?a=1", b"x" * 100_000, X_Forwarded_For="203.0.113.7", **headers)
        for _ in range(BURST + 1)
    ]
    (first, *_, last) = [(status, json.loads(body)) for status, _, body in answers]
    for _, seen in (first, last):
        del seen["x-request-id"]
    assert first == last
    assert last[0] == 200
    assert {line["path"] for line in nginx.log()} == {"/orders"}


def test_who_is_let_through_does_not_see_the_health_of_the_app(nginx: Nginx) -> None:
    """It is for the host itself; a limit that is reached there is no way in."""
    (trusted := nginx.app.host.root / "var/lib/vpsdeploy/trusted").mkdir(parents=True)
    (trusted / "203.0.113.7").touch()
    assert set(statuses(nginx, 2 * BURST, "203.0.113.7", path="/health")) <= {403, 429}
