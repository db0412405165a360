"""Who gets in is judged before any connection: each wrong value with its line, its key and what may be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.inventory import load_stage
from orchestrator.errors import ConfigError


def load(project: Path, line: str) -> list[str]:
    """What is wrong with an inventory that has this variable; nothing where all is well."""
    folder = project / "inventories/production"
    folder.mkdir(parents=True)
    (folder / "hosts.yml").write_text(
        "all:\n  vars:\n    " + line + "\n  hosts: {web-1: {ansible_host: 10.0.0.1}}\n"
        "  children: {app: {hosts: {web-1: }}, loadbalancer: {hosts: {web-1: }}}\n"
    )
    try:
        load_stage(project, "production")
    except ConfigError as error:
        return [text.removeprefix("inventories/production/hosts.yml:") for text in error.why.splitlines()]
    return []


@pytest.mark.parametrize(
    "line",
    [
        "firewall_allow: [{port: 5432, from: [10.0.0.0/8, '2001:db8::/32']}, {port: 60000-60010, protocol: udp}]",
        "firewall_ssh_from: [198.51.100.7, 203.0.113.0/24]",
        "firewall_ssh_from: []",
        "firewall_guard_seconds: 0",
        "vpsdeploy_login_users: [anna, ops]",
        "vpsdeploy_root_login: true",
        "access_admin_user: ops",
        "access_admin_user: ''",
    ],
)
def test_right_values_are_taken(tmp_path: Path, line: str) -> None:
    """Networks of both families, single addresses, ranges of ports, nobody at all."""
    assert load(tmp_path, line) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "firewall_ssh_from: [10.0.0.0/33]",
            'firewall_ssh_from[0]: "10.0.0.0/33" is not allowed; it must be a network',
        ),
        ("firewall_ssh_from: [10.0.0.1/8]", '"10.0.0.1/8" has bits beyond its prefix; it must be 10.0.0.0/8'),
        ("firewall_ssh_from: [10.0.0.0/8, 10.1.0.0/16]", '"10.1.0.0/16" overlaps with 10.0.0.0/8'),
        ("firewall_ssh_from: 10.0.0.0/8", "it must be a list of networks"),
        ("firewall_allow: [5432]", "it must say a port"),
        ("firewall_allow: 5432", "it must be a list"),
        (
            "firewall_allow: [{port: 70000}]",
            'firewall_allow[0].port: "70000" is not allowed; it must be a port',
        ),
        ("firewall_allow: [{port: 20-10}]", "it must be a port, or two"),
        ("firewall_allow: [{port: 1, protocol: icmp}]", "it must be tcp or udp"),
        ("firewall_allow: [{port: 1, form: [10.0.0.0/8]}]", 'unknown key; did you mean "from"?'),
        ("firewall_allow: [{port: 1, from: [web-1]}]", 'firewall_allow[0].from[0]: "web-1" is not allowed'),
        ("firewall_guard_seconds: 5", "it must be 10 to 3600 seconds"),
        ("ssh_guard_seconds: soon", "it must be 10 to 3600 seconds"),
        ("vpsdeploy_login_users: [root]", "it must be a user's name (root: vpsdeploy_root_login)"),
        ("vpsdeploy_login_users: anna", "it must be a list of users"),
        ("vpsdeploy_root_login: 1", "it must be true or false"),
        ("access_admin_user: deploy", "root or a user who may use sudo"),
    ],
)
def test_wrong_values_are_refused(tmp_path: Path, line: str, told: str) -> None:
    """One problem, on its line, with what may be there."""
    (problem,) = load(tmp_path, line)
    assert problem.startswith("3: all.vars.")
    assert told in problem


def test_they_stand_in_the_inventory_itself(tmp_path: Path) -> None:
    """A file that only Ansible reads would never be judged."""
    folder = tmp_path / "inventories/production"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "group_vars/all.yml").write_text("firewall_allow: [{port: oops}]\n")
    (folder / "hosts.yml").write_text(
        "all: {children: {app: {hosts: {a: }}, loadbalancer: {hosts: {a: }}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_stage(tmp_path, "production")
    assert "group_vars/all.yml sets firewall_allow" in caught.value.why
