"""nginx, as it is rendered, with limits so low that a few requests reach them.

The test is a proxy that nginx trusts: so it can be any client.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.templates.running import Nginx, instance, running

LIMITS: dict[str, Any] = {
    "nginx_rate": "1r/m", "nginx_rate_burst": 4, "nginx_login_paths": ["*/login", "/auth"], "nginx_login_rate": "1r/m",
    "nginx_login_burst": 1, "nginx_rate_routes": [{"path": "/api/search", "rate": "2r/m", "burst": 0}],
    "nginx_unlimited": ["198.51.100.0/24", "2001:db8:ffff::/48"], "nginx_trusted_proxies": ["127.0.0.1"],
}  # fmt: skip
BURST = 5
"""Requests that a client gets of the general limit: one, and those beyond the rate."""


@pytest.fixture(name="nginx")
def nginx_of(tmp_path: Path) -> Iterator[Nginx]:
    """In front of one instance, with limits so low that no time passes between two requests."""
    with instance() as values, running(tmp_path, {**values, **LIMITS}, Nginx) as nginx:
        yield nginx


def statuses(nginx: Nginx, count: int, client: str, method: str = "GET", path: str = "/") -> list[int]:
    """What a client gets for some requests."""
    return [nginx.ask(method, path, X_Forwarded_For=client)[0] for _ in range(count)]
