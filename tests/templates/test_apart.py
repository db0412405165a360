"""Two apps behind one nginx, each provisioned by its own project: what one of them wants is not done to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.templates.running import Nginx, instance, running

SHOP: dict[str, Any] = {
    "nginx_app": "my-shop", "nginx_domains": ["shop.example.com"], "nginx_rate": "1r/m", "nginx_rate_burst": 2,
    "nginx_rate_connections": 50, "nginx_login_rate": "1r/m", "nginx_login_burst": 0,
    "nginx_rate_routes": [{"path": "/search", "rate": "2r/m", "burst": 0}],
}  # fmt: skip
BLOG: dict[str, Any] = {
    "nginx_app": "blog", "nginx_domains": ["blog.example.com"], "nginx_rate": "1r/m", "nginx_rate_burst": 5,
    "nginx_login_paths": ["/enter"], "nginx_login_rate": "3r/m", "nginx_login_burst": 1, "nginx_rate_routes": [],
    "nginx_security_headers_enabled": False,
}  # fmt: skip
HSTS = {"Strict-Transport-Security": "max-age=5"}
PROXY = {"nginx_trusted_proxies": ["127.0.0.1"]}
"""The test: it may be any client, and come by HTTPS. Of the host, so both apps have it."""


@pytest.fixture(name="nginx", params=["shop last", "blog last"])
def _nginx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nginx]:
    """Two apps, in either order of provisioning, with one instance behind both."""
    apps = [BLOG, SHOP] if request.param == "shop last" else [SHOP, BLOG]
    with instance() as values:
        first, last = ({**values, **PROXY, **app} for app in apps)
        with running(tmp_path, last, Nginx, before=(first,)) as nginx:
            yield nginx


def statuses(
    nginx: Nginx, app: str, count: int, client: str, path: str = "/", method: str = "GET"
) -> list[int]:
    """What a client gets from one app."""
    headers = {"Host": f"{app}.example.com", "X_Forwarded_For": client}
    return [nginx.ask(method, path, None, **headers)[0] for _ in range(count)]


def test_each_app_limits_by_its_own_rate(nginx: Nginx) -> None:
    """And counts for itself: who used up the shop's share has the blog's yet."""
    assert statuses(nginx, "shop", 4, "203.0.113.7") == [200] * 3 + [429]
    assert statuses(nginx, "blog", 7, "203.0.113.7") == [200] * 6 + [429]


def test_each_app_s_routes_are_its_own(nginx: Nginx) -> None:
    """A path that one limits more tightly is any path of the other; the log says which limit it was."""
    assert statuses(nginx, "shop", 2, "203.0.113.7", "/search") == [200, 429]
    assert statuses(nginx, "blog", 2, "203.0.113.7", "/search") == [200, 200]
    assert statuses(nginx, "shop", 2, "203.0.113.8", "/login", "POST") == [200, 429]
    assert statuses(nginx, "blog", 3, "203.0.113.8", "/login", "POST") == [200] * 3
    assert statuses(nginx, "blog", 3, "203.0.113.9", "/enter", "POST") == [200, 200, 429]
    assert statuses(nginx, "shop", 2, "203.0.113.9", "/enter", "POST") == [200, 200]
    assert limited(nginx, "my-shop") == {"", "route_1", "login"}
    assert limited(nginx, "blog") == {"", "login"}


def limited(nginx: Nginx, app: str) -> set[str]:
    """Which limits refused requests of an app, as fail2ban reads it."""
    return {line["limited"] for line in nginx.log(app)}


def test_retry_after_is_the_app_s_own(nginx: Nginx) -> None:
    """A minute for one more request of the shop's login, twenty seconds of the blog's."""
    for app, path, seconds in (("shop", "/login", "60"), ("blog", "/enter", "20")):
        statuses(nginx, app, 2, "203.0.113.7", path, "POST")
        headers = {"Host": f"{app}.example.com", "X_Forwarded_For": "203.0.113.7"}
        status, answered, _ = nginx.ask("POST", path, None, **headers)
        assert (status, answered["Retry-After"]) == (429, seconds)


def test_security_headers_are_added_to_the_app_that_wants_them(nginx: Nginx) -> None:
    """What is taken away, too: `X-Powered-By`."""
    shop, blog = (
        dict(
            nginx.every(
                {"Host": f"{app}.example.com", "X-Forwarded-For": "203.0.113.1"}, {"X-Powered-By": "Express"}
            )
        )
        for app in ("shop", "blog")
    )
    assert (shop.get("X-Content-Type-Options"), shop.get("X-Powered-By")) == ("nosniff", None)
    assert (blog.get("X-Content-Type-Options"), blog.get("X-Powered-By")) == (None, "Express")


@pytest.mark.parametrize("order", [0, 1], ids=["with HTTPS last", "without HTTPS last"])
def test_hsts_is_said_once_and_by_the_app_that_serves_https(order: int, tmp_path: Path) -> None:
    """nginx's word in place of the app's own where nginx serves HTTPS; the app's own where somebody else does."""
    shop = {**SHOP, "nginx_tls_enabled": True, "nginx_hsts_seconds": 77, "nginx_hsts_subdomains": True}
    with instance() as values:
        apps = [{**values, **PROXY, **app} for app in (shop, BLOG)]
        first, last = apps if order else apps[::-1]
        with running(tmp_path, last, Nginx, before=(first,)) as nginx:
            named = tmp_path / "var/lib/vpsdeploy/routes/my-shop/https"
            named.mkdir(parents=True)
            (named / "shop.example.com").touch()
            assert hsts(nginx, "shop") == ["max-age=77; includeSubDomains"]
            assert hsts(nginx, "blog") == ["max-age=5"]


def hsts(nginx: Nginx, app: str) -> list[str]:
    """What an app's visitors by HTTPS are told, though the app itself says five seconds."""
    came = {"Host": f"{app}.example.com", "X-Forwarded-For": "203.0.113.1", "X-Forwarded-Proto": "https"}
    answered = nginx.every(came, HSTS)
    return [value for name, value in answered if name == "Strict-Transport-Security"]


def test_sizes_and_waiting_times_are_the_app_s_own(tmp_path: Path) -> None:
    """The body's limit is."""
    with instance() as values:
        small = {**values, **PROXY, **SHOP, "nginx_client_max_body_size": "1k"}
        large = {**values, **PROXY, **BLOG, "nginx_client_max_body_size": "1m"}
        with running(tmp_path, small, Nginx, before=(large,)) as nginx:
            body = b"x" * 5000
            assert (
                nginx.ask("POST", "/", body, Host="shop.example.com", X_Forwarded_For="203.0.113.1")[0] == 413
            )
            assert (
                nginx.ask("POST", "/", body, Host="blog.example.com", X_Forwarded_For="203.0.113.1")[0] == 200
            )


def test_what_nginx_knows_of_an_app_never_meets_that_of_another(tmp_path: Path) -> None:
    """Names that begin or end alike, as the longest of one and the shortest of another would."""
    names = ["shop", "shop-login", "shop-route", "shop-route-1", "s"]
    with instance() as values:
        first, *others = (
            {**values, **SHOP, "nginx_app": name, "nginx_domains": [f"{name}.example"]} for name in names
        )
        with running(tmp_path, first, Nginx, before=tuple(others)) as nginx:
            for name in names:
                assert nginx.ask(Host=f"{name}.example")[0] == 200
