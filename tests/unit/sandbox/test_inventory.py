"""The stage's files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestrator.errors import SandboxError
from orchestrator.sandbox import inventory
from orchestrator.sandbox.spec import HostStatus

HOSTS = (
    HostStatus("lb-1", "10.200.1.21", ("loadbalancer",), "running"),
    HostStatus("web-1", "10.200.1.101", ("app",), "running"),
)


def test_the_inventory_names_hosts_groups_and_login() -> None:
    """Ansible finds each host once with its address, and in its groups."""
    text = yaml.safe_load(inventory.hosts_text(HOSTS, Path("/k/id_ed25519")))["all"]
    assert text["hosts"]["web-1"] == {
        "ansible_host": "10.200.1.101",
        "vpsdeploy_private_address": "10.200.1.101",
    }
    assert text["vars"] == {
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": "/k/id_ed25519",
    }
    assert text["children"] == {"app": {"hosts": {"web-1": {}}}, "loadbalancer": {"hosts": {"lb-1": {}}}}


def test_known_hosts_have_address_type_and_key() -> None:
    """A key's comment is left out."""
    text = inventory.known_hosts_text({"10.200.1.101": ("ssh-ed25519 AAAA root@web-1",)})
    assert text.splitlines()[1:] == ["10.200.1.101 ssh-ed25519 AAAA"]


def test_a_persons_own_stage_is_not_touched(tmp_path: Path) -> None:
    """A hosts.yml without our first line is neither overwritten nor removed."""
    own = tmp_path / "hosts.yml"
    own.write_text("all: {}\n")
    with pytest.raises(SandboxError, match="taken"):
        inventory.write(tmp_path, "x", "y")
    inventory.remove(tmp_path)
    assert own.read_text() == "all: {}\n"


def test_what_was_written_goes_and_foreign_files_stay(tmp_path: Path) -> None:
    """`remove` takes our files; the folder only where nothing else is in it."""
    stage = tmp_path / "try"
    for extra in ("group_vars.yml", ""):
        inventory.write(stage, inventory.hosts_text(HOSTS, Path("/k")), inventory.known_hosts_text({}))
        if extra:
            (stage / extra).write_text("x: 1\n")
        inventory.remove(stage)
        assert [path.name for path in stage.glob("*")] == ([extra] if extra else [])
        (stage / "group_vars.yml").unlink(missing_ok=True)
    assert not stage.exists()


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """A second `up` leaves the files' times alone."""
    texts = inventory.hosts_text(HOSTS, Path("/k")), inventory.known_hosts_text({})
    inventory.write(tmp_path, *texts)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    inventory.write(tmp_path, *texts)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
