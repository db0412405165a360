"""Stages: what is understood equals what Ansible understands; everything else is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.config.inventory import choose_hosts, load_stage, stage_names
from orchestrator.errors import ConfigError, UsageError

_PLAIN = """
all:
  vars: {ansible_user: admin, ansible_port: 2222}
  hosts:
    web-1: {ansible_host: 10.0.0.1, vpsdeploy_private_address: 10.1.0.1}
    web-2: {ansible_host: 10.0.0.2, ansible_port: "22"}
  children:
    app: {hosts: {web-1: , web-2: }}
    loadbalancer: {hosts: {web-1: }}
"""
_NESTED = """
all:
  vars: {ansible_port: 1, ansible_user: all}
  children:
    zone_b:
      vars: {ansible_port: 2, ansible_user: zone-b}
      children:
        app:
          vars: {ansible_port: 3}
          hosts:
            web-1: {ansible_host: 10.0.0.1}
            web-2: {ansible_host: 10.0.0.2, ansible_port: 5}
    zone_a:
      vars: {ansible_port: 4, ansible_user: zone-a}
      hosts: {web-1: {ansible_host: 10.0.0.9}}
loadbalancer:
  vars: {ansible_user: balancer}
  children: {edge: {hosts: {lb-1: {ansible_host: lb.example.com}, web-2: {ansible_host: 10.0.0.7}}}}
"""


def _stage_dir(project: Path, text: str, name: str = "production") -> Path:
    folder = project / "inventories" / name
    folder.mkdir(parents=True)
    (folder / "hosts.yml").write_text(text, encoding="utf-8")
    return folder


def _refusal(project: Path, text: str) -> list[str]:
    _stage_dir(project, text)
    with pytest.raises(ConfigError) as caught:
        load_stage(project, "production")
    return [line.removeprefix("inventories/production/hosts.yml:") for line in caught.value.why.splitlines()]


def _web(variables: str) -> str:
    return f"app: {{hosts: {{web-1: {{{variables}}}}}}}\nloadbalancer: {{hosts: {{web-1: }}}}\n"


def _as_ansible_sees(file: Path) -> dict[str, dict[str, object]]:
    program = Path(sys.executable).parent / "ansible-inventory"
    answer = subprocess.run(
        [program, "-i", file, "--list"], capture_output=True, text=True, check=True,
        env={**os.environ, "ANSIBLE_HOME": str(file.parent), "ANSIBLE_DEVEL_WARNING": "false"}, cwd=file.parent,
    )  # fmt: skip
    tree = json.loads(answer.stdout)
    return {
        name: {**variables, "groups": {g for g in tree if name in _members(tree, g)} - {"all"}}
        for name, variables in tree["_meta"]["hostvars"].items()
    }


def _members(tree: dict[str, dict[str, list[str]]], group: str) -> set[str]:
    below = tree.get(group, {})
    inner = (_members(tree, child) for child in below.get("children", []))
    return set(below.get("hosts", [])).union(*inner)


@pytest.mark.parametrize("text", [_PLAIN, _NESTED], ids=["plain", "nested"])
def test_hosts_are_what_ansible_sees(tmp_path: Path, text: str) -> None:
    """Addresses, ports, users and groups equal those of `ansible-inventory --list`."""
    file = _stage_dir(tmp_path, text) / "hosts.yml"
    seen = _as_ansible_sees(file)
    stage = load_stage(tmp_path, None)
    assert {host.name for host in stage.hosts} == set(seen)
    for host in stage.hosts:
        theirs = seen[host.name]
        ours = (host.address, host.port, host.user, set(host.groups))
        assert ours == (
            theirs["ansible_host"], int(str(theirs["ansible_port"])), theirs["ansible_user"], theirs["groups"],
        )  # fmt: skip


def test_stage_carries_roles_and_files(tmp_path: Path) -> None:
    """The only stage is taken; its hosts know their roles, their private address and their key."""
    _stage_dir(tmp_path, _PLAIN)
    stage = load_stage(tmp_path, None)
    assert (stage.name, stage.known_hosts) == ("production", tmp_path / "inventories/production/known_hosts")
    assert [host.name for host in stage.app_hosts] == ["web-1", "web-2"]
    assert [host.name for host in stage.loadbalancers] == ["web-1"]
    assert [host.private_address for host in stage.hosts] == ["10.1.0.1", "10.0.0.2"]
    assert stage.hosts[0].key_file is None


def test_a_host_knows_when_it_may_restart(tmp_path: Path) -> None:
    """For all of a stage or for one host; without it, never by itself."""
    text = _PLAIN.replace("ansible_port: 2222}", 'ansible_port: 2222, vpsdeploy_reboot_at: "03:30"}')
    _stage_dir(tmp_path, text.replace('ansible_port: "22"', 'vpsdeploy_reboot_at: "13:00"'))
    assert [host.reboot_at for host in load_stage(tmp_path, None).hosts] == ["03:30", "13:00"]
    _stage_dir(tmp_path, _PLAIN, "plain")
    assert {host.reboot_at for host in load_stage(tmp_path, "plain").hosts} == {""}


@pytest.mark.parametrize(("written", "seen"), [("13:30", "810"), ('"3:30"', "3:30"), ('"24:00"', "24:00")])
def test_a_time_that_cannot_be_is_refused(written: str, seen: str, tmp_path: Path) -> None:
    """Without quotes YAML reads a time as a number."""
    (line,) = _refusal(tmp_path, _web(f"vpsdeploy_reboot_at: {written}"))
    assert line.replace('"', "").endswith(f"{seen} is not allowed; it must be a time of day in quotes, 03:30")


def test_key_files_know_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key under ~ is found in the user's home."""
    monkeypatch.setenv("HOME", "/home/ann")
    _stage_dir(tmp_path, _web("ansible_ssh_private_key_file: ~/.ssh/key"))
    assert load_stage(tmp_path, None).hosts[0].key_file == Path("/home/ann/.ssh/key")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            _web("ansible_host: '{{ x }}'"),
            '1: app.hosts.web-1.ansible_host: "{{ x }}" is not allowed; it must be an IP',
        ),
        (
            _web("ansible_host: 203.0.113.1000"),
            '1: app.hosts.web-1.ansible_host: "203.0.113.1000" is not allowed',
        ),
        (
            _web("ansible_port: ssh"),
            '1: app.hosts.web-1.ansible_port: "ssh" is not allowed; it must be a port from 1',
        ),
        (_web("ansible_port: true"), '1: app.hosts.web-1.ansible_port: "True" is not allowed'),
        (
            _web("ansible_user: deploy"),
            '1: app.hosts.web-1.ansible_user: "deploy" is not allowed; it must be root or',
        ),
        (
            _web("ansible_ssh_private_key_file: id"),
            '1: app.hosts.web-1.ansible_ssh_private_key_file: "id" is not',
        ),
        (_web("ansible_ssh_host: x"), "1: app.hosts.web-1.ansible_ssh_host: use ansible_host"),
        (_web("ansible_password: x"), "1: app.hosts.web-1.ansible_password: log in with a key"),
        ("app: {hosts: {web-1: }}", " the group loadbalancer has no host"),
        (
            _web("") + "db: {hosts: {db-1: }}",
            "3: db.hosts.db-1: is in none of the groups app, loadbalancer and data",
        ),
        (_web("") + "db: {host: {}}", '3: db.host: unknown key; did you mean "hosts"?'),
        (_web("") + "db: web-1", '3: db: must be keys with values, not "web-1"'),
        (_web("") + "my-group: {}", "3: my-group: a group's name has letters, digits and _ only"),
        (_web("") + "x: {children: {y: {children: {x: }}}}", "1: a group is its own child"),
        (_web("") + "x: {children: {all: }}", "3: x.children.all: the group all cannot be a child"),
        (
            _web("") + "x: {hosts: {'web-[1:3]': }}",
            "3: x.hosts.web-[1:3]: a host's name has letters, digits, . and -",
        ),
    ],
)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    """What Ansible alone would understand, or nobody, is refused with its line."""
    [line] = _refusal(tmp_path, text)
    assert line.startswith(message)


def test_same_address_twice(tmp_path: Path) -> None:
    """Two names for one address are refused: a release would run twice on it."""
    lines = _refusal(tmp_path, _PLAIN.replace("10.0.0.2", "10.0.0.1").replace('"22"', "2222"))
    assert lines == ["6: all.hosts.web-2: has the same address and port as web-1"]


@pytest.mark.parametrize("name", ["group_vars/app.yml", "host_vars/web-1/main.yml"])
def test_connection_variables_in_other_files(tmp_path: Path, name: str) -> None:
    """A file that only Ansible reads may not decide how a host is reached; other variables and vaults may be there."""
    folder = _stage_dir(tmp_path, _web(""))
    file = folder / name
    file.parent.mkdir(parents=True)
    file.write_text("some_variable: 1\nsecret: !vault x\n")
    assert load_stage(tmp_path, None)
    file.write_text("ansible_host: 10.0.0.3\n")
    with pytest.raises(ConfigError, match=f"{name} sets ansible_host, which only Ansible would see"):
        load_stage(tmp_path, None)


def test_choosing_a_stage(tmp_path: Path) -> None:
    """Without a stage: what makes one. With several: their names. A misspelt one: the nearest."""
    with pytest.raises(ConfigError, match="no stage in") as none:
        load_stage(tmp_path, None)
    assert "vpsdeploy sandbox up" in none.value.next
    _stage_dir(tmp_path, _PLAIN)
    _stage_dir(tmp_path, _PLAIN, "staging")
    assert stage_names(tmp_path) == ("production", "staging")
    with pytest.raises(ConfigError, match="which stage") as several:
        load_stage(tmp_path, None)
    assert several.value.why == "inventories/ has production, staging"
    with pytest.raises(ConfigError, match='no stage "stagin"; did you mean "staging"'):
        load_stage(tmp_path, "stagin")
    with pytest.raises(ConfigError, match="no stage"):
        load_stage(tmp_path, "../inventories/staging")


def test_choosing_hosts(tmp_path: Path) -> None:
    """Named hosts come in the order of the inventory; an unknown name lists the nearest."""
    _stage_dir(tmp_path, _PLAIN)
    stage = load_stage(tmp_path, None)
    assert choose_hosts(stage, ()) == stage.hosts
    assert [host.name for host in choose_hosts(stage, ("web-2", "web-1"))] == ["web-1", "web-2"]
    with pytest.raises(UsageError) as caught:
        choose_hosts(stage, ("wbe-2",))
    assert str(caught.value).splitlines()[0] == 'error: no host "wbe-2" in stage production'
    assert "web-2" in caught.value.next
