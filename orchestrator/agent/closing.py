"""Maintenance on a load balancer: one link, looked at for each request, behind which is everything that nginx needs.

    routes/<app>/closed -> maintenance/<when>/<Retry-After seconds>/{page.html, page.json, record.json, allow/<address>}

Moving the link changes page, seconds and addresses at once, without a reload; without the link the app is open.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import durable, plain
from orchestrator.agent.layout import AppLayout

_PAGE = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Maintenance</title>
    <style>
      body {{ font: 1.1rem/1.5 system-ui, sans-serif; margin: 20vh auto; max-width: 32rem; padding: 0 1rem }}
    </style>
  </head>
  <body>
    <h1>Maintenance</h1>
    <p>{message}</p>
  </body>
</html>
"""
_ESCAPED = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("'"): "&#x27;"}


class Wanted(NamedTuple):
    """What users are told, and who is let through.

    Attributes:
        message: For users.
        allow: Addresses and networks, as they were asked for.
        addresses: The same as single addresses, as nginx writes them.
        retry_after_seconds: When to come back.
    """

    message: str
    allow: tuple[str, ...]
    addresses: tuple[str, ...]
    retry_after_seconds: int


def read(app: AppLayout) -> dict[str, Any] | None:
    """The maintenance that is on; None where there is none."""
    record = durable.read_json(app.closed / "record.json")
    return record if isinstance(record, dict) else None


def close(app: AppLayout, wanted: Wanted, record: dict[str, Any]) -> None:
    """Begin maintenance, or replace the one that is on, at once."""
    place = app.maintenance / f"{time.time_ns()}" / str(wanted.retry_after_seconds)
    (place / "allow").mkdir(mode=0o755, parents=True)
    for address in wanted.addresses:
        (place / "allow" / address).touch(mode=0o644)
    for name, text in _pages(wanted.message).items():
        durable.write(place / name, text.encode(), sync=False)
    durable.write(place / "record.json", json.dumps(record).encode() + b"\n", 0o600, sync=False)
    durable.sync_filesystems(place)
    with plain.deciding(app):
        durable.link(app.closed, os.path.relpath(place, app.routes))
    _sweep(app, place.parent)


def reopen(app: AppLayout) -> None:
    """End maintenance. What is behind the link goes after it: no request sees half of it."""
    with plain.deciding(app):
        durable.remove(app.closed)
    _sweep(app, None)


def _pages(message: str) -> dict[str, str]:
    """For browsers, and for programs in the form that NestJS gives its own errors."""
    answer = {"statusCode": 503, "message": message, "error": "Service Unavailable"}
    return {
        "page.html": _PAGE.format(message=message.translate(_ESCAPED)),
        "page.json": json.dumps(answer, ensure_ascii=False) + "\n",
    }


def _sweep(app: AppLayout, kept: Path | None) -> None:
    """Remove what no link leads to any more, also what a call left that was killed."""
    for place in app.maintenance.glob("*"):
        if place != kept:
            shutil.rmtree(place, ignore_errors=True)
