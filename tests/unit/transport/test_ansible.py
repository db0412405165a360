"""The real ansible-runner and Ansible, on this machine over the local connection."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.model.fleet import Host, Stage
from orchestrator.model.provision import Event, Output, PlanKnown, Recap, TaskEnded, TaskStarted
from orchestrator.transport import ansible, ansible_private, ansible_settings
from orchestrator.transport.ansible_settings import Play

PLAYBOOK = """\
- name: Play
  hosts: all
  gather_facts: false
  tasks:
    - name: Ask
      ansible.builtin.command: "echo {{ word }} {{ lookup('env', 'CLOUD_TOKEN') }}"
      changed_when: "'secret' in __asked.stdout"
      register: __asked
    - name: Wait
      ansible.builtin.command: sleep {{ seconds }}
      changed_when: false # it only waits
"""


@pytest.fixture(name="play")
def _play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """A play in a project whose own modules would break Ansible if they were imported."""
    monkeypatch.setenv("CLOUD_TOKEN", "secret")
    (tmp_path / "yaml.py").write_text("raise SystemExit('the project was imported')\n")
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    (tmp_path / "hosts.yml").write_text("all: {hosts: {here: {ansible_connection: local}}}\n")
    stage = Stage("test", tmp_path / "hosts.yml", tmp_path / "known_hosts", (Host("here", "localhost"),))
    variables = {"word": "hello", "seconds": 0}
    return Play(tmp_path / "site.yml", tmp_path, stage, ("here",), variables, tmp_path)


def run(play: Play, events: list[Event]) -> int:
    """Run the play; the events are added to the list."""
    with ansible_private.run_dir() as directory:
        return ansible.run(play, directory, directory / "ssh_config", events.append)


def test_a_run_tells_plan_tasks_and_recap(play: Play) -> None:
    """Events come in order; the token of our environment did not reach Ansible."""
    events: list[Event] = []
    assert run(play, events) == 0
    assert events[0] == PlanKnown({"here": 2})
    assert [e.task for e in events if isinstance(e, TaskStarted)] == ["Ask", "Wait"]
    assert [e.status.value for e in events if isinstance(e, TaskEnded)] == ["ok", "ok"]
    assert isinstance(events[-1], Recap)


def test_a_broken_playbook_is_an_exit_code_and_a_complaint(play: Play) -> None:
    """Ansible's own error reaches us as text."""
    play.playbook.write_text("- hosts: all\n  roles: [missing]\n")
    events: list[Event] = []
    assert run(play, events) != 0
    assert any("missing" in e.text for e in events if isinstance(e, Output) and e.is_error)


def test_an_interrupt_ends_ansible(play: Play) -> None:
    """Ctrl-C in the middle of a task: the processes are gone when it is raised, and nothing private is left."""
    play.playbook.write_text(PLAYBOOK.replace("{{ seconds }}", "300"))
    directories: list[Path] = []

    def on_event(event: Event) -> None:
        if isinstance(event, TaskStarted) and event.task == "Wait":
            os.kill(os.getpid(), signal.SIGINT)

    def interrupted() -> None:
        with ansible_private.run_dir() as directory:
            directories.append(directory)
            ansible.run(play, directory, directory / "ssh_config", on_event)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not directories[0].exists()
    left = subprocess.run(
        ["pgrep", "-f", f"ansible_child.*{directories[0]}"], capture_output=True, check=False
    )
    assert left.returncode == 1, left.stdout
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ansible_ends_with_a_killed_controller(play: Play, tmp_path: Path) -> None:
    """No second Ansible runs on beside the next command."""
    play.playbook.write_text(PLAYBOOK.replace("{{ seconds }}", "2"))
    script = tmp_path / "controller.py"
    script.write_text(
        "import os, signal\nfrom pathlib import Path\n"
        "from orchestrator.model.fleet import Host, Stage\nfrom orchestrator.model.provision import TaskStarted\n"
        "from orchestrator.transport import ansible, ansible_private\n"
        "from orchestrator.transport.ansible_settings import Play\n"
        f"here = Path({str(tmp_path)!r})\n"
        "stage = Stage('test', here / 'hosts.yml', here / 'known_hosts', (Host('here', 'localhost'),))\n"
        "play = Play(here / 'site.yml', here, stage, ('here',), {'word': 'x', 'seconds': 2}, here)\n"
        "def on_event(event):\n"
        "    if isinstance(event, TaskStarted) and event.task == 'Wait':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "with ansible_private.run_dir() as directory:\n"
        "    ansible.run(play, directory, directory / 'ssh_config', on_event)\n"
    )
    killed = subprocess.run([sys.executable, "-P", script], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    gone = f"while pgrep -f 'ansible_child.*{tmp_path}' >/dev/null; do sleep 0.2; done"
    subprocess.run(["sh", "-c", gone.replace("ansible_child", "[a]nsible_child")], check=True, timeout=20)


def test_the_second_interrupt_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One Ctrl-C is polite, two are final, and so is one before Ansible has said who it is."""
    stop = ansible._Stop()
    assert not stop.overdue()
    stop._ask(signal.SIGINT, None)
    assert stop.overdue()
    stop = ansible._Stop()
    stop.pid = os.getpid()
    monkeypatch.setattr(os, "killpg", lambda *_: None)
    stop._ask(signal.SIGINT, None)
    assert not stop.overdue()
    stop._ask(signal.SIGINT, None)
    assert stop.overdue()


def test_the_settings_file_reaches_ansible_runner(play: Play, tmp_path: Path) -> None:
    """The environment names our settings only, none of the user's."""
    directory = tmp_path / "run"
    directory.mkdir()
    ansible_settings.write(directory, play, directory / "ssh_config")
    shown = subprocess.run(
        [sys.executable, "-P", "-m", "ansible", "config", "dump", "--only-changed"],
        env=ansible_settings.environment(directory), cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"CONFIG_FILE() = {directory}/ansible.cfg" in shown
    assert f"ANSIBLE_PIPELINING({directory}/ansible.cfg) = True" in shown
