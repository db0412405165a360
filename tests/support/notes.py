"""What the apps of the ORM tests keep in their databases: asked through nginx, or the server itself."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from tests.support.vps import Project

DATABASES = ("postgresql", "mariadb")
"""Both on one host; each has its own table of notes."""


def stored(project: Project, database: str, add: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Every note of one database, oldest first; after one more."""
    url = f"{project.url}notes/{database}"
    if add is not None:
        body, headers = json.dumps(add).encode(), {"content-type": "application/json"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - http, to our own sandbox
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - http, to our own sandbox
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - http, to our own sandbox
        found: list[dict[str, Any]] = json.load(answer)
    return found


def rows(project: Project, database: str, sql: str) -> list[str]:
    """An answer of the server, asked as root on the host: a line for each row."""
    if database == "mariadb":
        return project.on("web-1", "mariadb", "-NBe", sql, "shop_more").splitlines()
    return project.on("web-1", "runuser", "-u", "postgres", "--", "psql", "-XAtc", sql, "shop").splitlines()
