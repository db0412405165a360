"""nginx, as it is rendered, before clients that ask for more than their share: it runs here and is asked.

The test is a proxy that nginx trusts: so it can be any client.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import roles
from tests.templates.conftest import Judge
from tests.templates.running import Nginx, instance, running
from tests.templates.test_templates import nginx_tree
from tests.templates.with_limits import BURST, LIMITS, nginx_of, statuses  # noqa: F401 - nginx_of: a fixture


def test_who_asks_for_more_gets_429_and_others_do_not_notice(nginx: Nginx) -> None:
    """Up to rate and burst everything is answered."""
    assert statuses(nginx, BURST + 2, "203.0.113.7") == [200] * BURST + [429] * 2
    assert statuses(nginx, BURST, "203.0.113.8") == [200] * BURST


def test_fail2ban_reads_what_was_refused_and_nothing_else(nginx: Nginx) -> None:
    """Each line of its log costs it more than the request costs nginx; the access log has them all."""
    statuses(nginx, BURST + 2, "203.0.113.7", path="/orders")
    assert [line["status"] for line in nginx.log()] == [200] * BURST + [429] * 2
    lines = (nginx.app.host.nginx_logs / "refused.log").read_text().splitlines()
    assert [
        (line["status"], line["client"], line["path"], line["limited"]) for line in map(json.loads, lines)
    ] == [(429, "203.0.113.7", "/orders", "requests")] * 2


def test_429_says_when_to_come_back_in_the_form_of_nest_s_errors(nginx: Nginx) -> None:
    """Retry-After is the time in which one more request is allowed."""
    statuses(nginx, BURST, "203.0.113.7")
    status, headers, body = nginx.ask(X_Forwarded_For="203.0.113.7")
    assert (status, headers["Retry-After"], headers["Cache-Control"]) == (429, "60", "no-store")
    assert headers["Content-Type"] == "application/json"
    expected = {
        "statusCode": 429,
        "message": "Too many requests: try again in 60 s",
        "error": "Too Many Requests",
    }
    assert json.loads(body) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9"), ("2001:db8::1", "2001:db8::ffff:0:1"),
        ("2001:db8::1:2:3:4:5", "2001:db8:0:1::"), ("2001::1:2:3:4:5", "2001:0:0:1::7"),
        ("2001::1:2:3:4:5:6", "2001:0:1:2::7"), ("2001:db8:5::1", "2001:db8:5:0:7::"),
    ],
)  # fmt: skip
def test_an_ipv6_64_is_one_client(nginx: Nginx, one: str, other: str) -> None:
    """Whatever the notation: it is counted as one, and the log names the network."""
    assert statuses(nginx, BURST, one) == [200] * BURST
    assert statuses(nginx, 1, other) == [429]
    first, *_, last = [line["client"] for line in nginx.log()]
    assert ipaddress.ip_network(first) == ipaddress.ip_network(f"{other}/64", strict=False)
    assert ipaddress.ip_network(last) == ipaddress.ip_network(first)


def test_the_next_ipv6_64_is_another_client(nginx: Nginx) -> None:
    """And an IPv4 address that a proxy writes as IPv6 is that IPv4 address, not one with all others."""
    statuses(nginx, BURST, "2001:db8:1:2::1")
    assert statuses(nginx, 1, "2001:db8:1:3::1") == [200]
    statuses(nginx, BURST, "::ffff:203.0.113.9")
    assert statuses(nginx, 1, "203.0.113.9") == [429]
    assert statuses(nginx, 1, "::ffff:203.0.113.10") == [200]
    assert nginx.log()[-1]["client"] == "203.0.113.10"


@pytest.mark.parametrize("client", ["198.51.100.77", "2001:db8:ffff:1::1", "127.0.0.1"])
def test_the_owner_and_the_fleet_are_not_limited(nginx: Nginx, client: str) -> None:
    """Nor is the host itself."""
    assert set(statuses(nginx, 3 * BURST, client)) == {200}
    assert set(statuses(nginx, 3 * BURST, client, "POST", "/login")) == {200}


def test_who_logged_in_with_a_key_is_not_limited(nginx: Nginx) -> None:
    """A release's own probe comes from there. It is a file: from the next request on, without a reload."""
    assert statuses(nginx, BURST + 1, "203.0.113.7")[-1] == 429
    trusted = nginx.app.host.root / "var/lib/vpsdeploy/trusted"
    trusted.mkdir(parents=True)
    (trusted / "203.0.113.7").touch()
    assert set(statuses(nginx, 3 * BURST, "203.0.113.7")) == {200}
    assert set(statuses(nginx, 3 * BURST, "203.0.113.7", "POST", "/login")) == {200}
    assert {line["limited"] for line in nginx.log()[-6 * BURST :]} == {""}
    assert statuses(nginx, BURST + 1, "203.0.113.9")[-1] == 429


@pytest.mark.parametrize("path", ["/login", "/api/v1/auth/login/", "/LOGIN", "/auth/token", "/auth"])
def test_login_routes_are_limited_more_tightly(nginx: Nginx, path: str) -> None:
    """What sends something counts; to look at the page does not."""
    assert statuses(nginx, 3, "203.0.113.7", path=path) == [200] * 3
    assert statuses(nginx, 2, "203.0.113.8", "POST", path) == [200] * 2
    assert statuses(nginx, 1, "203.0.113.8", "POST", path) == [429]
    assert statuses(nginx, 1, "203.0.113.8") == [200]
    assert nginx.log()[-2]["limited"] == "login"


@pytest.mark.parametrize("path", ["/login/help", "/mylogin", "/authors"])
def test_what_only_looks_like_a_login_route_is_not_one(nginx: Nginx, path: str) -> None:
    """Whole parts of a path count."""
    assert statuses(nginx, BURST, "203.0.113.7", "POST", path) == [200] * BURST


def test_a_route_has_its_own_limit(nginx: Nginx) -> None:
    """Of this client, on this path and below it; Retry-After is the route's."""
    assert statuses(nginx, 2, "203.0.113.7", path="/api/search/books?q=1") == [200, 429]
    assert nginx.ask(path="/api/search", X_Forwarded_For="203.0.113.7")[1]["Retry-After"] == "30"
    assert statuses(nginx, 1, "203.0.113.7", path="/api/searching") == [200]


@pytest.mark.parametrize(
    "headers", [{"Upgrade": "websocket", "Connection": "Upgrade"}, {"Accept": "text/event-stream"}]
)
def test_streams_are_limited_and_told_so_too(nginx: Nginx, headers: dict[str, str]) -> None:
    """They take another way through nginx."""
    statuses(nginx, BURST, "203.0.113.7")
    status, answered, _ = nginx.ask(X_Forwarded_For="203.0.113.7", **headers)
    assert (status, answered["Retry-After"]) == (429, "60")


def test_an_app_s_own_429_is_left_alone(nginx: Nginx) -> None:
    """Its body and its headers are the app's, and nginx's log does not call it limited."""
    answer = {"X_Answer": json.dumps({"Retry-After": "7"})}
    status, headers, body = nginx.ask(path="/status/429", X_Forwarded_For="203.0.113.7", **answer)
    assert (status, headers["Retry-After"], json.loads(body)["x-real-ip"]) == (429, "7", "203.0.113.7")
    assert nginx.log()[-1]["limited"] == ""


def test_a_request_that_was_limited_is_no_failure_of_the_app(nginx: Nginx) -> None:
    """A watch counts by who answered: nobody of the app did."""
    statuses(nginx, BURST + 1, "203.0.113.7")
    last = nginx.log()[-1]
    assert (last["status"], last["upstream"], last["limited"]) == (429, "", "requests")


def test_maintenance_goes_before_the_limit_s_answer(nginx: Nginx) -> None:
    """Whoever is within the limit gets the page."""
    place = nginx.app.routes / "maintenance/1/77"
    place.mkdir(parents=True)
    (place / "page.html").write_text("closed")
    nginx.app.closed.symlink_to("maintenance/1/77")
    status, headers, _ = nginx.ask(X_Forwarded_For="203.0.113.7")
    assert (status, headers["Retry-After"]) == (503, "77")


def test_a_proxy_that_we_trust_says_who_its_client_is(nginx: Nginx) -> None:
    """The last address that is no proxy of ours, and how it came; the app hears both."""
    heard = json.loads(nginx.ask(X_Forwarded_For="192.0.2.66, 203.0.113.7", X_Forwarded_Proto="https")[2])
    assert (heard["x-forwarded-for"], heard["x-forwarded-proto"]) == ("203.0.113.7", "https")


def test_nobody_else_is_believed(tmp_path: Path) -> None:
    """Neither the address nor the scheme."""
    limits = {**LIMITS, "nginx_trusted_proxies": [], "nginx_unlimited": []}
    with instance() as values, running(tmp_path, {**values, **limits}, Nginx) as nginx:
        heard = json.loads(nginx.ask(X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")[2])
    assert (heard["x-forwarded-for"], heard["x-forwarded-proto"]) == ("127.0.0.1", "http")


def test_security_headers_are_there_once(nginx: Nginx) -> None:
    """nginx adds those that the app does not set; those that it sets are the app's."""
    _, headers, _ = nginx.ask(X_Forwarded_For="198.51.100.1", X_Answer='{"X-Powered-By": "Express"}')
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "X-Powered-By" not in headers
    own = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
    assert own.items() <= every(nginx, own).items()


def test_an_app_that_says_who_may_frame_it_is_not_contradicted(nginx: Nginx) -> None:
    """Its Content-Security-Policy is the newer word for the same."""
    headers = every(
        nginx, {"Content-Security-Policy": "default-src 'self'; frame-ancestors https://a.example"}
    )
    assert "X-Frame-Options" not in headers


def every(nginx: Nginx, own: dict[str, str]) -> dict[str, str]:
    """The headers of an answer in which the app sets its own; each of them once."""
    answered = nginx.every({"X-Forwarded-For": "198.51.100.1"}, own)
    assert len({name for name, _ in answered}) == len(answered), answered
    return dict(answered)


def test_a_body_above_the_limit_is_refused_unread(nginx: Nginx) -> None:
    """By what its header says: nothing of it reaches the app."""
    status, _, _ = nginx.ask("POST", Content_Length="99999999", X_Forwarded_For="198.51.100.1")
    assert status == 413


def test_headers_above_the_limit_are_refused(nginx: Nginx) -> None:
    """A line of more than 8 KiB, and more of them than 32 KiB."""
    assert nginx.ask(X_Big="x" * 9000)[0] == 400
    assert nginx.ask(**{f"X_Big_{n}": "x" * 7000 for n in range(6)})[0] == 400


def test_without_limits_nothing_is_limited(tmp_path: Path) -> None:
    """The switch switches all of it off."""
    limits = {**LIMITS, "nginx_rate_limits_enabled": False}
    with instance() as values, running(tmp_path, {**values, **limits}, Nginx) as nginx:
        assert set(statuses(nginx, 3 * BURST, "203.0.113.7", "POST", "/login")) == {200}


CASES: dict[str, dict[str, Any]] = {
    "no limits": {"nginx_rate_limits_enabled": False},
    "no login paths": {"nginx_login_paths": []},
    "routes of every form": {
        "nginx_rate_routes": [
            {"path": path, "rate": rate, "burst": burst}
            for path, rate, burst in [
                ("/a.b/c+d", "1r/m", 0),
                ("*/x", "999999r/s", 1),
                ("/~u/%2F", "7r/m", 10_000),
            ]
        ]
    },
    "behind proxies": {"nginx_trusted_proxies": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]},
    "several load balancers": {"nginx_ban_peers": ["10.0.0.12", "2001:db8::12"]},
    "several without IPv6": {"nginx_ban_peers": ["10.0.0.12"], "nginx_ipv6_enabled": False},
    "no headers": {"nginx_security_headers_enabled": False},
}


@pytest.mark.parametrize("values", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("app", ["my-shop", ""])
def test_every_form_is_accepted_by_nginx(
    values: dict[str, Any], app: str, tmp_path: Path, judge: Judge
) -> None:
    """With an app and without one."""
    nginx_tree(tmp_path, {"nginx_app": app, **values})
    judge("nginx", "-t", "-q", "-c", str(tmp_path / "etc/nginx/nginx.conf"), "-e", "stderr")


def test_peers_read_the_bans_and_nobody_else_does(tmp_path: Path) -> None:
    """By their address; others get no answer at all."""
    for peers, allowed in ((["127.0.0.1"], True), (["10.0.0.12"], False)):
        root = tmp_path / str(allowed)
        with running(root, {"nginx_ban_peers": peers}, Nginx) as nginx:
            bans = root / "run/vpsdeploy/bans"
            bans.mkdir(parents=True)
            (bans / "signed.json").write_text("{}")
            if allowed:
                assert nginx.ask(path="/bans", Host="bans.vpsdeploy.invalid")[0] == 200
            else:
                with pytest.raises(ConnectionError):
                    nginx.ask(path="/bans", Host="bans.vpsdeploy.invalid")


def test_no_header_is_lost_by_inheritance() -> None:
    """A block with a header of its own inherits none: each includes the common ones."""
    for name in ("etc/nginx/sites-enabled/app.conf.j2", "etc/nginx/apps/app/limits.conf.j2"):
        for block in roles.render("nginx", name).split("location ")[1:]:
            body = block.partition("}\n")[0]
            assert ("add_header" in body) <= ("/headers.conf" in body), body
