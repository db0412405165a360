"""The SSH client is strict, and reads our files and the user's."""

from __future__ import annotations

import subprocess
from pathlib import Path

from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ssh_options


def effective(config: Path, host: str) -> dict[str, str]:
    """What OpenSSH itself makes of the file for one host."""
    shown = subprocess.run(
        ["ssh", "-G", "-F", str(config), host], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)


def test_openssh_understands_the_file(tmp_path: Path) -> None:
    """Strict host keys, the stage's known_hosts beside the user's, the host's own key; spaces in paths hold."""
    directory = tmp_path / "with space"
    directory.mkdir()
    hosts = (Host("web-1", "10.0.0.11", key_file=directory / "id"), Host("web-2", "10.0.0.12"))
    config = ssh_options.write(
        tmp_path, Stage("production", directory / "hosts.yml", directory / "known_hosts", hosts)
    )
    first, second = effective(config, "10.0.0.11"), effective(config, "10.0.0.12")
    assert first["stricthostkeychecking"] in ("true", "yes")
    assert first["userknownhostsfile"].endswith(f"/.ssh/known_hosts {directory}/known_hosts")
    assert first["identityfile"] == str(directory / "id")
    assert (first["identitiesonly"], second["identitiesonly"]) == ("yes", "no")
    assert first["controlpath"].startswith(str(tmp_path / "s"))
    assert first["batchmode"] == "yes"
