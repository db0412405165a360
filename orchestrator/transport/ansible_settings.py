"""What Ansible's process is given: settings, inventory, variables, environment. None of the user's Ansible."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.model.fleet import Stage

PLUGINS = Path(__file__).parent / "callback_plugins"
"""Our callback plugins."""

MAX_FORKS = 20
"""Most hosts served at once (more than this only costs: measured, two cores)."""

_KEPT = ("HOME", "LOGNAME", "SSH_AUTH_SOCK", "TERM", "TZ", "USER")
"""What the child gets of our environment; tokens and proxies of the user are none of its business."""


@dataclass(frozen=True, slots=True)
class Play:
    """One run of a playbook.

    Attributes:
        playbook: Its path.
        roles: Directory of the roles.
        stage: Hosts and inventory.
        hosts: Names of the hosts to run on.
        variables: Handed over as a file; never on the command line.
        cwd: Working directory: relative key files in the inventory start here.
        check: Rehearse only.
        tags: Only tasks with one of these tags; empty means all.
    """

    playbook: Path
    roles: Path
    stage: Stage
    hosts: tuple[str, ...]
    variables: Mapping[str, Any]
    cwd: Path
    check: bool = False
    tags: tuple[str, ...] = ()


def write(directory: Path, play: Play, ssh_config: Path) -> list[str]:
    """Write the run's files; the argument list that starts Ansible."""
    (directory / "ansible.cfg").write_text(config(directory, play, ssh_config))
    (directory / "become.yml").write_text(json.dumps(_become(play.stage)))
    _write_private(directory / "variables.json", json.dumps(dict(play.variables)))
    return arguments(directory, play)


def arguments(directory: Path, play: Play) -> list[str]:
    """Start the Ansible of our interpreter: needs no PATH, and no script whose first line may be too long.

    -P: the working directory is the user's project, whose modules are not ours.
    """
    return [
        sys.executable, "-P", "-m", "orchestrator.transport.ansible_child", "playbook", str(play.playbook),
        "--inventory", str(play.stage.path), "--inventory", str(directory / "become.yml"),
        "--limit", ",".join(play.hosts), "--extra-vars", f"@{directory / 'variables.json'}",
        *(["--check", "--diff"] if play.check else []),
        *(["--tags", ",".join(play.tags)] if play.tags else []),
    ]  # fmt: skip


def config(directory: Path, play: Play, ssh_config: Path) -> str:
    """The text of ansible.cfg. Percent signs are doubled: Ansible formats the control path before SSH."""
    return f"""\
[defaults]
interpreter_python = /usr/bin/python3
gathering = explicit
inject_facts_as_vars = False
forks = {min(len(play.hosts), MAX_FORKS)}
host_key_checking = True
retry_files_enabled = False
roles_path = {play.roles}
callback_plugins = {PLUGINS}
callbacks_enabled = vpsdeploy_plan
local_tmp = {directory / "tmp"}
timeout = 10
localhost_warning = False
deprecation_warnings = False
[inventory]
enable_plugins = ansible.builtin.yaml
unparsed_is_failed = True
[connection]
pipelining = True
[ssh_connection]
ssh_args = -F "{ssh_config}"
control_path = {directory / "s"}/%%C
retries = 2
"""


def _become(stage: Stage) -> dict[str, Any]:
    """An inventory beside the user's: who was found to get through; root needs no sudo, which a bare Debian lacks."""
    found = {
        host.name: {"ansible_user": host.user, "ansible_become": host.user != "root"} for host in stage.hosts
    }
    return {"all": {"hosts": found}}


def environment(directory: Path) -> dict[str, str]:
    """The whole environment of Ansible's process."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
    }


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - takes the descriptor
        file.write(text)
