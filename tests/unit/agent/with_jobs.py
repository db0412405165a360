"""A host with workers and cron entries: what tests of the two share."""

from __future__ import annotations

from typing import Any

from tests.unit.agent.conftest import RELEASES, Host

FIRST, SECOND, THIRD = RELEASES

UNIT = """[Service]
User=shop
Slice=shop.slice
EnvironmentFile=/srv/shop/slots/%i/env
ExecStart=/bin/false
ProtectSystem=strict
"""

WORKERS = {
    "single": {
        "entry": "dist/main.js",
        "exclusive": True,
        "stop_timeout_seconds": 90,
        "limits": {"memory": "64M"},
    },
    "many": {"command": ["node", 'a"b\\c', "$HOME %i", "ü"], "env": {"A": "1"}},
}

CRON = {
    "nightly": {
        "entry": "dist/main.js",
        "events": ["*-*-* 03:00:00 UTC"],
        "schedule": "0 3 * * *",
        "timezone": "UTC",
    }
}

TIMER = "shop-cron-nightly.timer"

SERVICE = "shop-cron-nightly.service"


def jobs(shop: Host, release: str, **other: Any) -> dict[str, Any]:
    """Everything of a release runs here, or what is asked for instead."""
    asked = {"workers": {"single": 1, "many": 2}, "cron": ["nightly"], "alone": ["single"], **other}
    return shop.call("jobs", release=release, **asked)


def unit(shop: Host, name: str) -> str:
    """The text of a unit file."""
    return (shop.layout.units / name).read_text()


def running(shop: Host) -> set[str]:
    """Units of jobs that run."""
    return {one for one in shop.systemd.running if "-worker-" in one or "-cron-" in one}


def of(release: str) -> set[str]:
    """The units that run where all jobs of a release do."""
    names = ("single@{}-1", "many@{}-1", "many@{}-2")
    return {f"shop-worker-{name.format(release)}.service" for name in names} | {TIMER}
