"""Run a playbook through ansible-runner; the only importer of it.

Ansible runs in a session of its own on a pseudo terminal, so a Ctrl-C on ours does not reach it: we pass it
on, in order, and wait. Its events are handed over as they come and never kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from orchestrator.model.provision import Event
from orchestrator.transport import ansible_events, ansible_settings
from orchestrator.transport.ansible_settings import Play

END_SECONDS = 10
"""How long Ansible may take to end after an interrupt before it is killed (our choice; it takes about 1 s)."""

_POLL_SECONDS = 1
"""How often a wish to stop is looked at while Ansible is silent (ansible-runner's default is 5)."""


def run(play: Play, directory: Path, ssh_config: Path, on_event: Callable[[Event], None]) -> int:
    """Run the play; Ansible's exit code.

    Args:
        play: What to run, and where.
        directory: The run's private directory (ansible_private.run_dir).
        ssh_config: As written by ssh_options.write.
        on_event: Called in this thread for each event.

    Raises: KeyboardInterrupt: Ctrl-C; Ansible has been ended before it is raised.
    """
    from ansible_runner import Runner, RunnerConfig  # late: costs 0.1 s

    _write_settings(directory)
    config = RunnerConfig(str(directory), playbook=str(play.playbook), quiet=True, fact_cache_type="")
    config.prepare()
    config.command = ansible_settings.write(directory, play, ssh_config)
    # prepare() starts from our whole environment: keep what ansible-runner itself adds, and what we choose.
    config.env = _runner_variables(config.env) | ansible_settings.environment(directory)
    config.cwd = str(play.cwd)
    stop = _Stop()

    def handle(raw: dict[str, Any]) -> bool:
        stop.pid = raw.get("pid") or stop.pid
        event = ansible_events.parse(raw)
        if event is not None:
            on_event(event)
        return False

    with stop.listening():
        _, code = Runner(config, event_handler=handle, cancel_callback=stop.overdue).run()
    if stop.asked:
        raise KeyboardInterrupt
    return int(code)


def _write_settings(directory: Path) -> None:
    """ansible-runner drops settings that it is given as an argument where this file is missing."""
    path = directory / "env" / "settings"
    path.parent.mkdir(mode=0o700)
    path.write_text(json.dumps({"pexpect_timeout": _POLL_SECONDS, "suppress_output_file": True}))


def _runner_variables(env: dict[str, str]) -> dict[str, str]:
    names = ("ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_STDOUT_CALLBACK", "AWX_ISOLATED_DATA_DIR")
    added = {name: env[name] for name in names}
    added["ANSIBLE_CALLBACK_PLUGINS"] += os.pathsep + str(ansible_settings.PLUGINS)
    return added


class _Stop:
    """Passes Ctrl-C on to Ansible's process group: first politely, the second time or when overdue for good."""

    def __init__(self) -> None:
        self.pid = 0
        self.asked = 0
        self._deadline = 0.0

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        if (
            threading.current_thread() is not threading.main_thread()
        ):  # signals arrive in the main thread only
            yield
            return
        before = signal.signal(signal.SIGINT, self._ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1
        if self.asked == 1:
            self._deadline = time.monotonic() + END_SECONDS
            self._pass_on()

    def _pass_on(self) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.getpgid(self.pid), signal.SIGINT)

    def overdue(self) -> bool:
        """Whether Ansible is to be killed now (ansible-runner's cancel callback)."""
        if not self.asked:
            return False
        if self.asked > 1 or not self.pid or time.monotonic() > self._deadline:
            return True
        # Again: Ansible loses an interrupt that comes while it is forking a worker (seen with 2.19).
        self._pass_on()
        return False
