"""module_utils/vpsdeploy/packages.py: what somebody else installs is waited for, and not for ever."""

from __future__ import annotations

import pytest
from ansible.module_utils.vpsdeploy import packages
from ansible.module_utils.vpsdeploy.host import Host


@pytest.fixture(name="answers")
def _answers(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What dpkg lacks, one answer after the other; the last one stays."""
    left: list[list[str]] = []
    monkeypatch.setattr(packages, "absent", lambda *_: left.pop(0) if len(left) > 1 else left[0])
    monkeypatch.setattr(packages, "_AWAIT_PAUSE_SECONDS", 0)
    return left


def test_packages_of_another_transaction_are_waited_for(answers: list[list[str]]) -> None:
    """It ends as soon as they are there."""
    answers.extend([["gpgv"], ["gpgv"], []])
    packages.awaited(Host(check_mode=False), ["gpgv"], 60)
    assert answers == [[]]


def test_a_wait_for_packages_ends(answers: list[list[str]]) -> None:
    """Where nobody installs them, whoever waits does it."""
    answers.append(["gpgv"])
    packages.awaited(Host(check_mode=False), ["gpgv"], 0)
    assert answers == [["gpgv"]]
