"""`vpsdeploy logs`: the journals of the app's units on all hosts as one stream, in order of time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.config import FILE_NAME, AppConfig
from orchestrator.config.inventory import choose_hosts
from orchestrator.config.problems import nearest
from orchestrator.errors import UsageError
from orchestrator.facts import journal
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.log import LogLine
from orchestrator.plan import services as plan
from orchestrator.transport import local
from orchestrator.transport.agent import Answer, Fleet
from orchestrator.workflows.fleet import Opener, open_over_ssh

_HOLD_SECONDS = 0.3
"""How long lines wait for older ones of another host (our choice: more than a host's delay, less than is felt)."""

_USUAL_LINES, _MOST_LINES = 100, 1_000_000
"""Of each host without --lines: enough to see what happens; with --since what was asked for."""

Arrived = LogLine | Exception | None
"""A line, a host's failure, or a host's end."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        hosts: Where to look.
        lines: The newest ones of each host (count); None for a hundred, or for all since a time.
        since: As journalctl takes it: "10 min ago", "2026-08-21 09:00"; empty for no limit.
        port: Only this instance's; 0 for all.
        worker: Only this worker's; empty for all.
        entry: Only this cron entry's; empty for all.
        service: Only this database's or broker's; empty for the app's own.
        follow: Whether to go on with new lines until Ctrl-C.
    """

    hosts: tuple[Host, ...]
    lines: int | None = None
    since: str = ""
    port: int = 0
    follow: bool = False
    worker: str = ""
    entry: str = ""
    service: str = ""

    def request(self) -> Answer:
        """The fields of the verb `logs`."""
        default = _MOST_LINES if self.since else _USUAL_LINES
        asked: Answer = {"lines": default if self.lines is None else self.lines, "follow": self.follow}
        only = {
            "since": self.since, "port": self.port, "worker": self.worker, "cron": self.entry, "service": self.service,
        }  # fmt: skip
        return asked | {name: value for name, value in only.items() if value}


def run(config: AppConfig, stage: Stage, wish: Wish, opener: Opener = open_over_ssh) -> Iterator[LogLine]:
    """The lines, oldest first; while following, until the caller stops asking.

    Raises: VpsdeployError: a host is unreachable, or its agent failed.
    """
    fleet = opener(stage, config, local.this_process())
    arrived: queue.SimpleQueue[Arrived] = queue.SimpleQueue()
    try:
        for host in wish.hosts:
            threading.Thread(target=_read, args=(fleet, host.name, wish, arrived), daemon=True).start()
        yield from _merged(arrived, len(wish.hosts), follow=wish.follow)
    finally:
        fleet.close()


def _read(fleet: Fleet, host: str, wish: Wish, arrived: queue.SimpleQueue[Arrived]) -> None:
    def told(name: str, event: Answer) -> None:
        if event["event"] == "log":
            arrived.put(journal.parse(name, event))

    try:
        fleet.call(host, "logs", wish.request(), on_event=told)
    except Exception as error:  # noqa: BLE001 - raised again by whoever waits, who would wait for ever otherwise
        arrived.put(error)
    arrived.put(None)


def _merged(arrived: queue.SimpleQueue[Arrived], running: int, *, follow: bool) -> Iterator[LogLine]:
    held: list[LogLine] = []
    while running:
        for got in _batch(arrived, running):
            if isinstance(got, Exception):
                raise got
            if got is None:
                running -= 1
            else:
                held.append(got)
        if follow or not running:
            yield from sorted(held, key=lambda line: line.time)
            held = []


def _batch(arrived: queue.SimpleQueue[Arrived], running: int) -> list[Arrived]:
    """Wait for something, and take what comes in a moment after it, or until every host has ended."""
    found = [arrived.get()]
    until = time.monotonic() + _HOLD_SECONDS
    while found.count(None) < running and (left := until - time.monotonic()) > 0:
        try:
            found.append(arrived.get(timeout=left))
        except queue.Empty:
            break
    return found


def carrier(config: AppConfig, stage: Stage, kind: str) -> tuple[Host, ...]:
    """The host that carries a service.

    Raises: UsageError: the app has no such one.
    """
    found = {one.kind: one.host for one in plan.placed(config, stage)}
    if kind not in found:
        raise UsageError(
            f"the app has no service {kind[:60]}{nearest(kind, found)}",
            why=f"services in {FILE_NAME} has {', '.join(found) or 'none'}",
        )
    return tuple(host for host in stage.hosts if host.name == found[kind])


def app_hosts(stage: Stage, names: tuple[str, ...]) -> tuple[Host, ...]:
    """The app hosts that are meant; all where none is named.

    Raises: UsageError: no such host, or none that runs instances.
    """
    chosen = choose_hosts(stage, names) if names else stage.app_hosts
    for host in chosen:
        if not host.is_app:
            raise UsageError(f"{host.name} runs no instances", next=f"one of {_names(stage.app_hosts)}")
    return chosen


def port_of(instance: str) -> int:
    """The port in "4101" or "shop@4101"; 0 for an empty text.

    Raises: UsageError: neither form.
    """
    port = instance.rpartition("@")[2].removesuffix(".service")
    if instance and not port.isdigit():
        raise UsageError(
            f"no instance {instance!r}", next="give its port, as vpsdeploy status shows it: 4101"
        )
    return int(port or 0)


def _names(hosts: tuple[Host, ...]) -> str:
    return ", ".join(host.name for host in hosts)
