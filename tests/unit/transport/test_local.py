"""The controller itself, and whether a lock's owner still lives."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from orchestrator.transport import local


def test_this_process_lives() -> None:
    """We are not dead."""
    me = local.this_process()
    assert not local.is_dead(me.as_dict(), me)


def test_a_process_that_ended_is_dead() -> None:
    """Its pid has no process any more."""
    me = local.this_process()
    with subprocess.Popen(["true"]) as ended:
        pass
    assert local.is_dead(replace(me, pid=ended.pid).as_dict(), me)


def test_a_pid_that_was_given_to_another_process_is_dead() -> None:
    """The start time tells them apart."""
    me = local.this_process()
    assert local.is_dead(replace(me, pid_started="1").as_dict(), me)


def test_a_reboot_ends_every_process() -> None:
    """Even where pid and start time happen to be the same."""
    me = local.this_process()
    machine = me.machine_id.partition("/")[0]
    assert local.is_dead(replace(me, machine_id=f"{machine}/another-boot").as_dict(), me)


def test_of_another_machine_nothing_is_known() -> None:
    """Its lease has to run out."""
    me = local.this_process()
    assert not local.is_dead(replace(me, machine_id="other/boot", pid=1, pid_started="").as_dict(), me)
