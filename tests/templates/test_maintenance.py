"""nginx, as it is rendered, in maintenance mode: it runs here, on a port of loopback, and is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.agent.closing import Wanted, close, reopen
from tests.templates.running import Nginx, running
from tests.templates.with_limits import BURST, LIMITS, statuses

MESSAGE = 'Back at 14:00 <b>"UTC"</b>'
RECORD = {"message": MESSAGE}


class Closed(Nginx):
    """One nginx for an app of which no instance runs."""

    def close(self, *addresses: str, seconds: int = 1800) -> None:
        """Begin maintenance, or replace it."""
        close(self.app, Wanted(MESSAGE, addresses, addresses, seconds), RECORD)


@pytest.fixture(name="nginx")
def _nginx(tmp_path: Path) -> Iterator[Closed]:
    """Started, and ended, without systemd."""
    with running(tmp_path, {}, Closed) as nginx:
        yield nginx


def test_everybody_gets_503_with_the_page_and_when_to_come_back(nginx: Closed) -> None:
    """From the very next request; the message is text, whatever stands in it."""
    nginx.close()
    status, headers, body = nginx.ask()
    assert (status, headers["Retry-After"], headers["Vpsdeploy-Maintenance"]) == (503, "1800", "on")
    assert (headers["Content-Type"], headers["Cache-Control"]) == ("text/html", "no-store")
    assert b"Back at 14:00 &lt;b&gt;&quot;UTC&quot;&lt;/b&gt;" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_every_method_is_answered_so(nginx: Closed, method: str) -> None:
    """Not with 405: a file does not take a POST, maintenance does."""
    nginx.close()
    status, headers, _ = nginx.ask(method, "/orders?token=1")
    assert (status, headers["Retry-After"]) == (503, "1800")


@pytest.mark.parametrize("accept", ["application/json", "application/problem+json, */*"])
def test_programs_that_ask_for_json_get_it(nginx: Closed, accept: str) -> None:
    """In the form of NestJS's own errors."""
    nginx.close()
    status, headers, body = nginx.ask(Accept=accept)
    assert (status, headers["Content-Type"]) == (503, "application/json")
    assert json.loads(body) == {"statusCode": 503, "message": MESSAGE, "error": "Service Unavailable"}


def test_browsers_get_the_page_though_they_take_json_too(nginx: Closed) -> None:
    """What names text/html wants to be read."""
    nginx.close()
    assert nginx.ask(Accept="text/html,application/json")[1]["Content-Type"] == "text/html"


@pytest.mark.parametrize(
    "headers", [{"Upgrade": "websocket", "Connection": "Upgrade"}, {"Accept": "text/event-stream"}]
)
def test_new_streams_are_answered_so_too(nginx: Closed, headers: dict[str, str]) -> None:
    """They take another way through nginx, after this one."""
    nginx.close()
    assert nginx.ask(**headers)[0] == 503
    assert nginx.ask(**headers)[1]["Retry-After"] == "1800"


def test_who_comes_often_gets_it_too(tmp_path: Path) -> None:
    """Never 429: it would not say when maintenance ends, and be taken for an attack."""
    with running(tmp_path, LIMITS, Closed) as nginx:
        nginx.close()
        answers = [nginx.ask(X_Forwarded_For="203.0.113.7") for _ in range(2 * BURST)]
        assert {(status, headers["Retry-After"]) for status, headers, _ in answers} == {(503, "1800")}
        assert {line["limited"] for line in nginx.log()} == {""}
        reopen(nginx.app)
        assert statuses(nginx, 2 * BURST, "203.0.113.7")[-1] == 429


def test_an_address_that_is_let_through_reaches_the_app(nginx: Closed) -> None:
    """No instance runs here, so what it gets is what it would get without maintenance."""
    nginx.close("127.0.0.1")
    status, headers, _ = nginx.ask()
    assert (status, headers["Retry-After"]) == (503, "5")
    assert "Vpsdeploy-Maintenance" not in headers


def test_another_address_lets_nobody_else_through(nginx: Closed) -> None:
    """The file has to have the client's own name."""
    nginx.close("127.0.0.2", "127.0.0.11")
    assert nginx.ask()[1]["Vpsdeploy-Maintenance"] == "on"


def test_a_second_time_replaces_everything_at_once(nginx: Closed) -> None:
    """Seconds and addresses are the new ones."""
    nginx.close("127.0.0.1")
    nginx.close(seconds=60)
    assert nginx.ask()[1]["Retry-After"] == "60"


def test_afterwards_the_app_is_asked_again(nginx: Closed) -> None:
    """From the very next request."""
    nginx.close()
    reopen(nginx.app)
    assert nginx.ask()[1]["Retry-After"] == "5"


@pytest.mark.parametrize("closed", [True, False], ids=["maintenance", "nobody answers"])
def test_the_log_says_what_was_asked_for_and_not_which_page_was_given(nginx: Closed, closed: bool) -> None:
    """Whoever looks for failed orders finds them; without the query, which carries tokens."""
    if closed:
        nginx.close()
    assert nginx.ask("POST", "/orders/7?token=1")[0] == 503
    last = nginx.log()[-1]
    assert (last["method"], last["path"], last["status"]) == ("POST", "/orders/7", 503)


def test_nobody_can_ask_for_the_page_itself(nginx: Closed) -> None:
    """Its place is nginx's own; whoever is let through does not see it."""
    nginx.close("127.0.0.1")
    assert nginx.ask(path="/.vpsdeploy/maintenance")[0] == 404


def test_the_end_of_maintenance_under_a_request_is_no_500(nginx: Closed) -> None:
    """The link is there, what it leads to is gone: the page that says that nobody answers."""
    nginx.close()
    for page in nginx.app.maintenance.glob("*/*/page.*"):
        page.unlink()
    status, headers, body = nginx.ask()
    assert (status, headers["Retry-After"]) == (503, "5")
    assert b"Back in a moment" in body
