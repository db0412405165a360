"""When hosts may restart by themselves: never two at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from orchestrator.model.fleet import Host

APART_MINUTES = 15
"""Between two hosts whose inventory names the same time: long enough for a boot and its health checks (our choice)."""

_DAY_MINUTES = 24 * 60


def times(hosts: Iterable[Host]) -> dict[str, str]:
    """The time of each host that has one, HH:MM.

    A time that is given to all hosts at once would take them all away at once, so each further host of the inventory
    that names it comes a quarter of an hour later.
    """
    taken: Counter[str] = Counter()
    found = {}
    for host in hosts:
        if host.reboot_at:
            found[host.name] = _later(host.reboot_at, taken[host.reboot_at] * APART_MINUTES)
            taken[host.reboot_at] += 1
    return found


def _later(time: str, minutes: int) -> str:
    hours, past = time.split(":")
    hour, minute = divmod((int(hours) * 60 + int(past) + minutes) % _DAY_MINUTES, 60)
    return f"{hour:02}:{minute:02}"
