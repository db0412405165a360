"""Ansible's process is given what we choose, and nothing else."""

from __future__ import annotations

import configparser
import json
import stat
import sys
from pathlib import Path

import pytest

from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import ansible_settings
from orchestrator.transport.ansible_settings import Play


@pytest.fixture(name="play")
def _play(tmp_path: Path) -> Play:
    hosts = (Host("web-1", "10.0.0.11"), Host("web-2", "10.0.0.12", user="admin"))
    stage = Stage("production", tmp_path / "hosts.yml", tmp_path / "known_hosts", hosts)
    return Play(
        Path("/p/site.yml"), Path("/p/roles"), stage, ("web-1", "web-2"), {"vpsdeploy_app": "shop"}, tmp_path,
        check=True, tags=("nginx", "app"),
    )  # fmt: skip


def test_variables_travel_in_a_private_file(play: Play, tmp_path: Path) -> None:
    """They are in a file of mode 0600 and not on the command line."""
    command = ansible_settings.write(tmp_path, play, tmp_path / "ssh_config")
    file = tmp_path / "variables.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {"vpsdeploy_app": "shop"}
    assert "shop" not in " ".join(command)


def test_the_command_is_our_interpreters_ansible(play: Play, tmp_path: Path) -> None:
    """No PATH is asked for Ansible; check, limit and tags are handed over."""
    assert ansible_settings.arguments(tmp_path, play) == [
        sys.executable, "-P", "-m", "orchestrator.transport.ansible_child", "playbook", "/p/site.yml",
        "--inventory", f"{tmp_path}/hosts.yml", "--inventory", f"{tmp_path}/become.yml",
        "--limit", "web-1,web-2", "--extra-vars", f"@{tmp_path}/variables.json",
        "--check", "--diff", "--tags", "nginx,app",
    ]  # fmt: skip


def test_root_needs_no_sudo(play: Play, tmp_path: Path) -> None:
    """Only a login that is not root's goes through sudo."""
    ansible_settings.write(tmp_path, play, tmp_path / "ssh_config")
    assert json.loads((tmp_path / "become.yml").read_text())["all"]["hosts"] == {
        "web-1": {"ansible_user": "root", "ansible_become": False},
        "web-2": {"ansible_user": "admin", "ansible_become": True},
    }  # fmt: skip


def test_the_environment_is_scrubbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens and the user's Ansible settings stay outside; the SSH agent goes along."""
    monkeypatch.setenv("CLOUD_TOKEN", "secret")
    monkeypatch.setenv("ANSIBLE_STRATEGY", "free")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    environment = ansible_settings.environment(tmp_path)
    assert "CLOUD_TOKEN" not in environment
    assert "ANSIBLE_STRATEGY" not in environment
    assert environment["SSH_AUTH_SOCK"] == "/agent"
    assert environment["ANSIBLE_CONFIG"] == f"{tmp_path}/ansible.cfg"


def test_the_settings_are_what_was_measured(play: Play, tmp_path: Path) -> None:
    """The settings that the figures were taken with, host keys checked."""
    parsed = configparser.RawConfigParser()
    parsed.read_string(ansible_settings.config(tmp_path, play, tmp_path / "ssh_config"))
    assert parsed["connection"]["pipelining"] == "True"
    assert parsed["defaults"]["gathering"] == "explicit"
    assert parsed["defaults"]["host_key_checking"] == "True"
    assert parsed["defaults"]["forks"] == "2"
    assert parsed["ssh_connection"]["control_path"] == f"{tmp_path}/s/%%C"
