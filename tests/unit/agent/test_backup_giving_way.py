"""A backup goes behind everybody, until it has waited long enough."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from orchestrator.agent.backup import drill, giving_way, run
from orchestrator.agent.backup.giving_way import IDLE
from orchestrator.agent.call import Call
from orchestrator.agent.programs import Finished
from tests.unit.agent.conftest import FakeSystemd, Host

SET = ["systemctl", "set-property", "--runtime", "vpsdeploy.slice"]


class Watched(FakeSystemd):
    """Says when the slice has been given a weight `often` times."""

    def __init__(self, often: int) -> None:
        super().__init__()
        self.often, self.hurried = often, threading.Event()

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """What was told is counted."""
        done = super().__call__(arguments)
        if self.weights.count("10") >= self.often:
            self.hurried.set()
        return done

    @property
    def weights(self) -> list[str]:
        """What the slice was given, in this order."""
        return [words[-1].removeprefix("CPUWeight=") for words in self.told if words[:4] == SET]


@pytest.fixture(name="impatient")
def _impatient(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Watched:
    bare.systemd = watched = Watched(often=3)
    monkeypatch.setattr(giving_way, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(giving_way, "_AGAIN_SECONDS", 0.001)
    return watched


def test_one_that_ends_in_time_asks_nothing_of_systemd(bare: Host) -> None:
    """The slice is idle by its file."""
    with giving_way.giving_way(bare.given()):
        pass
    assert bare.systemd.told == []


def test_one_that_lasts_gets_a_weight_and_gives_it_back(bare: Host, impatient: Watched) -> None:
    """And gets it again and again: another backup that begins takes it away."""
    with giving_way.giving_way(bare.given()):
        assert impatient.hurried.wait(10)
    assert set(impatient.weights[:-1]) == {"10"}
    assert impatient.weights[-1] == IDLE


@pytest.mark.parametrize(("verb", "work"), [("backup", (run, "run")), ("drill", (drill, "drill"))])
def test_both_units_do_so_and_one_that_fails_gives_it_back(
    bare: Host, impatient: Watched, monkeypatch: pytest.MonkeyPatch, verb: str, work: tuple[object, str]
) -> None:
    """Nobody would run any more who could."""

    def broken(_: Call) -> None:
        assert impatient.hurried.wait(10)
        raise OSError("the disk")

    monkeypatch.setattr(*work, broken)
    answer = bare.words([verb, "--request", '{"protocol":1,"app":"shop","by":"timer"}'])
    assert "the disk" in str(answer)
    assert impatient.weights[-1] == IDLE


def test_what_a_killed_one_has_left_is_taken_back(bare: Host) -> None:
    """systemd keeps what was set at run time until the next boot."""
    bare.systemd = watched = Watched(often=1)
    (bare.layout.slice_settings / "vpsdeploy.slice.d").mkdir(parents=True)
    with giving_way.giving_way(bare.given()):
        assert watched.weights == [IDLE]
