"""The texts of a first vpsdeploy.yml and a first inventory."""

from __future__ import annotations

import re

import yaml

from orchestrator.model.build import Migrations, Project

PLACEHOLDER_ADDRESS = "203.0.113.10"
"""An address that no host has: provisioning refuses it. Source: RFC 5737."""

_DEFAULT_HEALTH_PATH = "/health"

_INVENTORY = """\
# Made by `vpsdeploy init`: the hosts of the stage "production" (an Ansible inventory).
# A further host is a further name under `hosts` and in the groups: app (runs the app), loadbalancer (runs nginx).
all:
  vars:
    ansible_user: root # or a user who may use sudo without a password
    # ansible_ssh_private_key_file: ~/.ssh/id_ed25519
  hosts:
    web-1:
      ansible_host: "{address}"{remark}
  children:
    app:
      hosts:
        web-1:
    loadbalancer:
      hosts:
        web-1:
"""

_APP = """\
# Made by `vpsdeploy init`. Every other key has a default: docs/config.md lists them all.
app: {app}

{node}

health:
  # {health_source}
  path: {health}
{build}{migrate}
# instances: 2                 # Node processes on each app host
# port: 4000                   # first of the 200 ports that the app takes
# env: {{LOG_LEVEL: info}}       # no secrets here: this file goes into Git
# shared: [uploads]            # directories that outlive releases
# domains: [shop.example.com]
"""


def app_name(name: str) -> str:
    """A package's name as an app's name: small letters, digits and hyphens; "app" where nothing is left."""
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    kept = re.sub(r"^[^a-z]+", "", kept)[:31].strip("-")
    return kept or "app"


def app_text(project: Project) -> str:
    """vpsdeploy.yml for a project: what was detected, and the keys that people look for first."""
    sources = {finding.key: finding.source for finding in project.findings}
    return _APP.format(
        app=_scalar(app_name(project.name)),
        node=_node(project.node_request, " ".join(sources.get("node", "").split())),
        health=_scalar(project.health_path or _DEFAULT_HEALTH_PATH),
        health_source=f"found in the {sources['health']}"
        if project.health_path
        else "no health route was found: answer 2xx here when the app can serve (@nestjs/terminus does)",
        build=_monorepo(project),
        migrate=_migrate(project.migrations),
    )


def inventory_text(address: str) -> str:
    """inventories/production/hosts.yml: one host that is both app host and load balancer."""
    is_placeholder = address == PLACEHOLDER_ADDRESS
    remark = " # a placeholder: write your server's address here" if is_placeholder else ""
    return _INVENTORY.format(address=address, remark=remark)


def _node(request: str, source: str) -> str:
    if request == "lts":
        return "# The newest Node.js line that is in long-term support\nnode: lts"
    return f'# From {source}\nnode: "{request}"'


def _monorepo(project: Project) -> str:
    if not project.nest_projects:
        return ""
    names = ", ".join(project.nest_projects)
    return f"\nbuild:\n  # this monorepo has: {names}\n  project: {_scalar(project.nest_projects[0])}\n"


def _migrate(migrations: Migrations | None) -> str:
    """A comment: a database is changed only by a command that somebody has read."""
    if migrations is None:
        return ""
    shipped = "" if migrations.is_shipped else f", once {migrations.package} is no development dependency"
    lines = [
        f"# {migrations.tool}: {migrations.evidence}. Run once for each release, before its instances start{shipped}:",
        "# migrate:",
        f"#   command: {migrations.command}",
    ]
    if migrations.include:
        lines.append(f"# The command reads what build.include has to name: [{', '.join(migrations.include)}]")
    return "\n" + "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """As YAML that is read as this very text: a package may be called "yes"."""
    try:
        is_plain = yaml.safe_load(f"key: {text}") == {"key": text}
    except (yaml.YAMLError, ValueError):
        is_plain = False
    return text if is_plain else yaml.safe_dump(text, default_style='"', width=1000).strip()
