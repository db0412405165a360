"""One OpenSSH client configuration for a run: our check and Ansible use the same file and see the same host.

The user's own ~/.ssh/config is read after ours (jump hosts, aliases); ours wins where both speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.model.fleet import Host, Stage

CONNECT_TIMEOUT_SECONDS = 5
"""Longest wait for one host's SSH to answer (our choice: the check of all hosts is done in this time)."""

_PERSIST_SECONDS = 60
"""How long a shared connection outlives its last user; the run closes it anyway."""


def write(directory: Path, stage: Stage) -> Path:
    """Write <directory>/ssh_config and make the directory of the shared connections; the file's path."""
    sockets = directory / "s"
    sockets.mkdir(mode=0o700, exist_ok=True)
    path = directory / "ssh_config"
    path.write_text(render(stage, sockets))
    return path


def render(stage: Stage, sockets: Path) -> str:
    """The text of the configuration."""
    lines = [line for host in stage.hosts if host.key_file for line in _key_lines(host)]
    common = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": f"~/.ssh/known_hosts {_quoted(stage.known_hosts)}",
        "UpdateHostKeys": "no",
        "PreferredAuthentications": "publickey",
        "ConnectTimeout": str(CONNECT_TIMEOUT_SECONDS),
        "ServerAliveInterval": "15",
        "ControlMaster": "auto",
        "ControlPersist": str(_PERSIST_SECONDS),
        "ControlPath": _quoted(sockets / "%C"),
    }
    lines += ["Host *", *(f"    {key} {value}" for key, value in common.items())]
    return "\n".join([*lines, "    Include ~/.ssh/config", "    Include /etc/ssh/ssh_config", ""])


def _key_lines(host: Host) -> list[str]:
    # IdentitiesOnly: an agent with many keys would use up the server's allowed tries before ours is offered.
    return [f"Host {host.address}", f"    IdentityFile {_quoted(host.key_file)}", "    IdentitiesOnly yes"]


def _quoted(path: Path | None) -> str:
    return f'"{path}"'


def command(config: Path, host: Host, remote: Sequence[str], *options: str) -> list[str]:
    """The argument list that runs `remote` (shell words) on the host."""
    return ["ssh", "-F", str(config), "-p", str(host.port), "-l", host.user, *options, host.address, *remote]
