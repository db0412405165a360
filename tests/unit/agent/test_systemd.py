"""What the agent makes of systemctl's answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.programs import Finished
from orchestrator.agent.systemd import Systemd


def _systemd(code: int, errors: str) -> tuple[Systemd, list[list[str]]]:
    told: list[list[str]] = []

    def run(arguments: Sequence[str]) -> Finished:
        told.append(list(arguments))
        return Finished(code, "", errors)

    return Systemd(run), told


def test_a_unit_that_does_not_exist_is_stopped() -> None:
    """As systemd 257 says it; the others that were named are stopped all the same."""
    lines = "".join(f"Failed to stop {unit}: Unit {unit} not loaded.\n" for unit in ("a.timer", "a.service"))
    systemd, told = _systemd(5, lines)
    systemd.stop(["a.timer", "a.service"])
    assert told == [["systemctl", "stop", "a.timer", "a.service"]]


@pytest.mark.parametrize(
    "errors",
    [
        "",
        "Failed to stop a.timer: Unit a.timer not loaded.\nJob for b.service failed.\n",
        "Failed to connect to bus\n",
    ],
)
def test_a_stop_that_failed_in_any_other_way_is_an_error(errors: str) -> None:
    """Also beside a unit that does not exist."""
    systemd, _ = _systemd(5, errors)
    with pytest.raises(ReleaseFailed, match="systemd refused"):
        systemd.stop(["a.timer", "b.service"])


def test_nothing_to_stop_asks_nobody() -> None:
    """`systemctl stop` without a unit is an error."""
    systemd, told = _systemd(1, "Too few arguments.")
    systemd.stop([])
    assert told == []


class _Transient:
    """systemd-run that refuses a name which is still there, as systemd 252 and 257 do."""

    def __init__(self, *, goes: bool) -> None:
        self.told: list[list[str]] = []
        self._left, self._goes = True, goes

    def __call__(self, arguments: Sequence[str]) -> Finished:
        self.told.append([arguments[0], *(word for word in arguments[1:3] if not word.startswith("-"))])
        if arguments[:2] == ["systemctl", "stop"]:
            self._left = not self._goes
        refused = arguments[0] == "systemd-run" and self._left
        return Finished(int(refused), "", "Unit u.timer was already loaded." if refused else "")


def test_a_transient_unit_takes_the_place_of_one_that_is_still_there() -> None:
    """A timer that nobody stopped, or a service that is tried again and again."""
    host = _Transient(goes=True)
    Systemd(host).run_transient("u", ["agent"])
    assert host.told == [
        ["systemd-run"],
        ["systemctl", "stop", "u.timer"],
        ["systemctl", "reset-failed", "u.timer"],
        ["systemd-run"],
    ]


def test_a_transient_unit_that_cannot_be_is_an_error() -> None:
    """Nothing would take the flip back: the flip must not be."""
    with pytest.raises(ReleaseFailed, match="systemd refused"):
        Systemd(_Transient(goes=False)).run_transient("u", ["agent"])
