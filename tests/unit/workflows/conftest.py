"""Watches without waiting: the time of `workflows/watch.py` passes only where it sleeps. Each test in a directory.

The probe sends nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.secret import KEY_VARIABLE
from orchestrator.transport import http
from orchestrator.workflows import watch
from tests.support.changes import SilentProbe
from tests.support.converging import World, world_of


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looked: Callable[[int], None] = lambda _: None
        self._slept = 0

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """At once; a test may change the fleet before the n-th look."""
        self.now += seconds
        self.looked(self._slept)
        self._slept += 1


@pytest.fixture(name="clock", autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def _no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "Probe", SilentProbe)


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path) -> Iterator[None]:
    with contextlib.chdir(tmp_path):  # not by monkeypatch: tests undo that
        yield


@pytest.fixture(name="world")
def _world(monkeypatch: pytest.MonkeyPatch) -> World:
    return world_of(monkeypatch)


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stage's directory, and a home without keys."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    folder = tmp_path / "inventories" / "production"
    folder.mkdir(parents=True)
    return folder
