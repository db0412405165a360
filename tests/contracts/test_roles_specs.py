"""Each role says what it takes in one way: defaults, comments, argument specs and README agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.agent import services
from orchestrator.model.pool import PORT_SPAN
from tests.support import roles

EACH = pytest.mark.parametrize("role", roles.NAMES)


@EACH
def test_specs_have_exactly_the_variables_and_values_of_the_defaults(role: str) -> None:
    """The specs check and do not fill in, so a value that differed would be a lie."""
    assert {name: option["default"] for name, option in roles.options(role).items()} == roles.defaults(role)


@EACH
def test_every_variable_has_one_comment_that_the_specs_repeat(role: str) -> None:
    """A variable is described once; who reads the specs reads the same."""
    assert {name: option["description"] for name, option in roles.options(role).items()} == roles.comments(
        role
    )


@EACH
def test_every_variable_carries_the_name_of_its_role(role: str) -> None:
    """Variables of all roles share one name space."""
    assert [name for name in roles.defaults(role) if not name.startswith(f"{role}_")] == []


@EACH
def test_readme_is_what_the_specs_say(role: str) -> None:
    """The README is generated: `python tests/support/roles.py` writes it."""
    assert (roles.ROLES / role / "README.md").read_text() == roles.readme(role)


@EACH
def test_role_names_no_group_and_no_variable_of_the_controller(role: str) -> None:
    """Roles stand alone: playbooks map groups and what the controller hands over."""
    files = [path for path in (roles.ROLES / role).rglob("*") if path.suffix in (".yml", ".j2")]
    words = re.compile(r"\bgroups\[|\bgroup_names\b|\bhostvars\b|\{\{[^}]*vpsdeploy_(?!apply|node\b)[a-z]+")
    assert [str(path) for path in files if words.search(path.read_text())] == []


@EACH
def test_role_has_a_molecule_scenario_of_its_name(role: str) -> None:
    """Each role is tried on a real host by itself."""
    scenario = roles.ROLES.parent / "molecule" / role
    assert all(
        (scenario / name).exists() for name in ("molecule.yml", "converge.yml", "verify.yml", "verify.sh")
    )


def test_template_files_are_all_used() -> None:
    """A template that no task names would be judged but never applied."""
    unused = []
    for role in roles.NAMES:
        texts = [path.read_text() for path in (roles.ROLES / role).glob("*/main.yml")]
        for template in roles.templates(role):
            names = (f"path: /{template.removesuffix('.j2')}\n", f"template: {template}\n")
            unused += [template for _ in "x" if not any(name in text for name in names for text in texts)]
    assert unused == []


def _play(name: str) -> list[dict[str, Any]]:
    path = roles.ROLES.parent / "playbooks" / name
    loaded: list[dict[str, Any]] = yaml.safe_load(path.read_text())
    return loaded


def test_site_playbook_is_short_and_says_how_it_rolls() -> None:
    """Forty lines at most; serial and max_fail_percentage written; every role tagged with its own name."""
    path = roles.ROLES.parent / "playbooks/site.yml"
    first, site = _play("site.yml")
    assert first["ansible.builtin.import_playbook"] == "preflight.yml"
    assert len(path.read_text().splitlines()) <= 40
    assert all({"serial", "max_fail_percentage"} <= set(play) for play in [*_play("preflight.yml"), site])
    assert [entry["role"] for entry in site["roles"]] == [entry["tags"] for entry in site["roles"]]
    assert sorted(entry["role"] for entry in site["roles"]) == roles.NAMES


def test_ports_of_the_roles_are_the_model_s() -> None:
    """The agent, nginx and the closed ports count from the same base by the same steps."""
    site = roles.render(
        "nginx",
        "etc/nginx/sites-enabled/app.conf.j2",
        nginx_app_port=4000,
        nginx_app_instances=2,
        nginx_app_instances_max=2,
        nginx_upstreams=["127.0.0.1"],
        nginx_upstream_names=["web-1"],
    )
    closed = roles.render("firewall", "etc/vpsdeploy/firewall.d/app.nft.j2", firewall_app_port=4000)
    preflight = Path(roles.ROLES.parent / "playbooks/module_utils/vpsdeploy/preflight.py").read_text()
    two = site.partition("upstream my-shop_blue_2 ")[2].partition("}")[0]
    assert re.findall(r"127\.0\.0\.1:(\d+)", two) == ["4001", "4002"]
    assert re.findall(r"127\.0\.0\.1:(41\d\d)", site)[-2:] == ["4101", "4102"]
    assert f"dport 4000-{4000 + PORT_SPAN - 1} ip saddr" in closed
    assert f"PORT_SPAN = {PORT_SPAN}\n" in preflight


def test_the_nights_leave_out_what_the_agent_says_restarts_a_service() -> None:
    """Both say it: the role to unattended-upgrades, the agent to `host patch`."""
    wanted = [f"^({kind.packages})$" for kind in services.KINDS.values() if kind.packages]
    assert roles.defaults("updates")["updates_held"] == wanted
