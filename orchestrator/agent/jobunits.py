"""The units of workers and cron entries, made from the app's own unit: user, sandbox and limits cannot drift apart.

A unit names its release in full. So the unit of a release never changes, whatever is released later, and a process that
ends its last job keeps the settings that it was started with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from orchestrator.agent import releases, slots, unitfile
from orchestrator.agent.jobsettings import Process
from orchestrator.agent.layout import AGENT, AppLayout
from orchestrator.agent.settings import Settings
from orchestrator.agent.version import PROTOCOL

_HEAD = "# Written by vpsdeploy-agent."


def worker(app: AppLayout, release: str, values: Settings, name: str) -> str:
    """The unit of each process of a worker."""
    one = values.workers[name]
    unit = [
        f"Description={app.name} worker {name} of release {release}",
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=0",
    ]
    service = ["Type=exec", "Restart=always", "RestartSec=1"]
    service += _process(app, release, values, one.process, f"worker-{name}", one.stop_timeout_seconds)
    return _text({"Unit": unit, "Service": service})


def cron(app: AppLayout, release: str, values: Settings, name: str) -> str:
    """The service that a cron entry's timer starts; afterwards the result is noted."""
    one = values.cron[name]
    noted = f"{app.name}-cron-ran@{name}.service"
    unit = [f"Description={app.name} cron entry {name} of release {release}"]
    unit += ["Wants=network-online.target", "After=network-online.target"]
    unit += [f"OnSuccess={noted}", f"OnFailure={noted}"]
    service = ["Type=oneshot", f"TimeoutStartSec={one.timeout_seconds}"]
    service += _process(app, release, values, one.process, f"cron-{name}", values.stop_timeout_seconds)
    return _text({"Unit": unit, "Service": service})


def timer(app: AppLayout, values: Settings, name: str) -> str:
    """The timer of a cron entry.

    Persistent: a tick that comes while the timer is being written anew is not lost. What is due when it starts is
    decided by its stamp, which we set (agent/crontab.py).
    """
    lines = [f"OnCalendar={event}" for event in values.cron[name].events]
    lines += ["AccuracySec=100ms", "Persistent=yes", f"Unit={app.cron_unit(name)}"]
    return _text({"Unit": [f"Description={app.name} cron entry {name}"], "Timer": lines})


def ran(app: AppLayout) -> str:
    """What notes how a cron entry's run ended. A unit of its own: root must not run with the app's environment."""
    request = json.dumps(
        {"protocol": PROTOCOL, "app": app.name, "by": "cron", "name": "%i"}, separators=(",", ":")
    )
    unit = [f"Description=Note how cron entry %i of {app.name} ended", "StartLimitIntervalSec=0"]
    return _text({"Unit": unit, "Service": ["Type=oneshot", f"ExecStart={AGENT} ran --request '{request}'"]})


def environment(app: AppLayout, release: str, values: Settings, process: Process) -> dict[str, str]:
    """The same as `vpsdeploy exec` gives a one-off command of the release, and the job's own variables."""
    mine = values._replace(env={**values.env, **process.env})
    found = releases.environment(app, release, mine, values.port)
    return {**found, "PATH": f"/srv/{app.name}/releases/{release}/node/bin:/usr/local/bin:/usr/bin:/bin"}


def _process(
    app: AppLayout, release: str, values: Settings, process: Process, job: str, stop_seconds: int
) -> list[str]:
    place = f"/srv/{app.name}/releases/{release}"
    limits = values._replace(
        memory_bytes=process.memory_bytes, cpu=process.cpu, stop_timeout_seconds=stop_seconds
    )
    words = process.command and " ".join(["/usr/bin/env", "--", *map(_quoted, process.command)])
    return [
        *unitfile.sandbox(app.unit_file.read_text()),
        "KillMode=mixed",
        *slots.limit_lines(limits),
        f"WorkingDirectory={place}/app",
        f"EnvironmentFile={app.job_env(release, job)}",
        f"ExecStart={words or f'{place}/node/bin/node --enable-source-maps {process.entry}'}",
    ]


def _quoted(word: str) -> str:
    """A word as it is, past systemd's quoting, specifiers and variables. Source: systemd.service(5), COMMAND LINES."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _text(sections: dict[str, Iterable[str]]) -> str:
    blocks = ["\n".join([f"[{name}]", *lines]) for name, lines in sections.items()]
    return "\n".join([_HEAD, "\n\n".join(blocks), ""])
