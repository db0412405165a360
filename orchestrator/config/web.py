"""`rate_limits:` and `http:` of vpsdeploy.yml: what nginx lets one client do."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.config.fields import Allowed, Switch
from orchestrator.config.section import Section

LOGIN_PATHS = (
    "*/login", "*/signin", "*/sign-in", "*/register", "*/signup", "*/sign-up", "*/forgot-password", "*/reset-password",
)  # fmt: skip
"""How Nest apps and their libraries name the routes that a password is guessed at (our choice)."""

MAX_ROUTES = 20
"""Routes with a limit of their own: each is a zone of memory on the load balancers (count)."""


def _rate(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,5}r/[sm]", text):
        raise ValueError
    return text


def _path(text: str) -> str:
    if not re.fullmatch(r"(\*?/[A-Za-z0-9._~%!&+,=:@-]+)(/[A-Za-z0-9._~%!&+,=:@-]+)*", text):
        raise ValueError
    return text


def _few(routes: tuple[RouteLimit, ...]) -> tuple[RouteLimit, ...]:
    paths = [route.path for route in routes]
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f'"{path}" is there twice')
    if len(routes) > MAX_ROUTES:
        raise ValueError(
            f"{len(routes)} routes; at most {MAX_ROUTES}, each takes memory on the load balancers"
        )
    return routes


def _body(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,5}[KMG]", text):
        raise ValueError
    return text


Rate = Annotated[
    str, AfterValidator(_rate), Allowed("requests in a second or a minute, such as 50r/s or 10r/m")
]
Path = Annotated[
    str,
    AfterValidator(_path),
    Allowed("a path such as /api/search (with all below it), or an ending such as */login"),
]
BodySize = Annotated[str, AfterValidator(_body), Allowed("a size such as 512K, 10M or 2G")]


class LoginLimit(Section):
    """Routes that passwords are guessed at; only requests that send something count."""

    paths: Annotated[tuple[Path, ...], Allowed("a list of paths")] = Field(
        default=LOGIN_PATHS, description="Which routes"
    )
    rate: Rate = Field(default="10r/m", description="Requests of one client to all of them together")
    burst: int = Field(default=20, ge=0, le=10_000, description="Requests beyond it before 429 (count)")


class RouteLimit(Section):
    """A route that costs more than others."""

    path: Path = Field(description="The path, with all below it")
    rate: Rate = Field(description="Requests of one client")
    burst: int = Field(default=10, ge=0, le=10_000, description="Requests beyond it before 429 (count)")


class RateLimitsConfig(Section):
    """What one client may ask for; above it nginx answers 429."""

    enabled: Switch = Field(default=True, description="Whether nginx limits anything")
    rate: Rate = Field(default="50r/s", description="Requests of one client")
    burst: int = Field(default=200, ge=0, le=100_000, description="Requests beyond it before 429 (count)")
    connections: int = Field(
        default=100, ge=1, le=65_535, description="Requests of one client that are answered at a time (count)"
    )
    login: LoginLimit = LoginLimit()
    routes: Annotated[tuple[RouteLimit, ...], AfterValidator(_few), Allowed("a list of routes")] = Field(
        default=(), description="Routes with a limit of their own"
    )


class HttpConfig(Section):
    """What nginx takes from clients and adds to answers."""

    max_body_size: BodySize = Field(default="10M", description="Largest body of a request")
    timeout_seconds: int = Field(
        default=60, ge=1, le=3600, description="Longest silence of the app in an ordinary request (seconds)"
    )
    security_headers: Switch = Field(
        default=True, description="Whether nginx adds the security headers that the app does not set"
    )
