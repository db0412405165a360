"""The roles as data: their defaults, comments, specs and templates; and the README that follows from them.

python tests/support/roles.py        writes every role's README.md
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).resolve().parents[2] / "roles"
NAMES = sorted(path.parent.parent.name for path in ROLES.glob("*/tasks/main.yml"))

SAMPLES: dict[str, dict[str, Any]] = {
    "access": {"access_deploy_keys": ["ssh-ed25519 AAAA you@laptop"]},
    "app": {"app_name": "my-shop"},
    "fail2ban": {
        "fail2ban_name": "lb-1",
        "fail2ban_web_enabled": True,
        "fail2ban_ignored": ["203.0.113.0/24", "2001:db8::/64"],
        "fail2ban_own_keys": ["ssh-ed25519 AAAA"],
        "fail2ban_peers": [{"name": "lb-2", "address": "10.0.0.2", "keys": ["ssh-ed25519 BBBB"]}],
    },
    "firewall": {
        "firewall_app": "my-shop",
        "firewall_app_port": 4000,
        "firewall_loadbalancers": ["192.0.2.10", "2001:db8::10"],
        "firewall_public_ports": [80, 443],
        "firewall_allow": [
            {"port": 5432, "from": ["198.51.100.0/24", "2001:db8:1::/48"]},
            {"port": "60000-61000", "protocol": "udp"},
        ],
    },
    "kafka": {"kafka_app": "my-shop", "kafka_address": "10.0.0.5", "kafka_clients": ["10.0.0.11"]},
    "mariadb": {
        "mariadb_app": "my-shop",
        "mariadb_address": "10.0.0.5",
        "mariadb_clients": ["10.0.0.11", "2001:db8::11"],
    },
    "mongodb": {
        "mongodb_app": "my-shop",
        "mongodb_address": "10.0.0.5",
        "mongodb_clients": ["10.0.0.11", "2001:db8::11"],
    },
    "nats": {"nats_app": "my-shop", "nats_address": "10.0.0.5", "nats_clients": ["10.0.0.11"]},
    "nginx": {
        "nginx_app": "my-shop",
        "nginx_upstreams": ["127.0.0.1", "2001:db8::11"],
        "nginx_upstream_names": ["web-1", "web-2"],
        "nginx_app_instances": 2,
        "nginx_app_instances_max": 4,
        "nginx_health_path": "/health",
    },
    "postgresql": {
        "postgresql_app": "my-shop",
        "postgresql_address": "10.0.0.5",
        "postgresql_clients": ["10.0.0.11", "2001:db8::11"],
    },
    "rabbitmq": {
        "rabbitmq_app": "my-shop",
        "rabbitmq_address": "10.0.0.5",
        "rabbitmq_clients": ["10.0.0.11"],
    },
    "redis": {"redis_app": "my-shop", "redis_address": "10.0.0.5", "redis_clients": ["10.0.0.11"]},
    "tls": {"tls_app": "my-shop", "tls_mode": "acme", "tls_domains": ["shop.example.com"]},
}
"""Values for variables whose default says "none here": a template of nothing proves nothing."""


def defaults(role: str) -> dict[str, Any]:
    """The role's variables as defaults/main.yml has them."""
    loaded: dict[str, Any] = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    return loaded


def comments(role: str) -> dict[str, str]:
    """The one comment line above each variable."""
    text = (ROLES / role / "defaults/main.yml").read_text()
    return {match[2]: match[1] for match in re.finditer(r"^# (.*)\n([a-z0-9_]+):", text, re.MULTILINE)}


def options(role: str) -> dict[str, dict[str, Any]]:
    """The role's argument specs."""
    loaded = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())
    found: dict[str, dict[str, Any]] = loaded["argument_specs"]["main"]["options"]
    return found


def description(role: str) -> str:
    """What the role is for, in one line."""
    loaded = yaml.safe_load((ROLES / role / "meta/main.yml").read_text())
    return str(loaded["galaxy_info"]["description"])


def templates(role: str) -> list[str]:
    """The role's templates, named from its templates directory."""
    root = ROLES / role / "templates"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.j2"))


def render(role: str, template: str, **values: Any) -> str:
    """A template from the role's defaults, its samples and these values, as the action plugin renders it."""
    loader = DataLoader()
    variables: dict[str, Any] = {"inventory_hostname": "web-1"}
    for file in ("defaults/main.yml", "vars/main.yml"):
        if (ROLES / role / file).exists():
            variables.update(loader.load_from_file(str(ROLES / role / file), trusted_as_template=True))
    variables.update(SAMPLES.get(role, {}), **values)
    text = trust_as_template((ROLES / role / "templates" / template).read_text())
    templar = Templar(loader=loader, variables=variables)
    overrides = {"trim_blocks": True, "lstrip_blocks": True}
    return str(templar.template(text, escape_backslashes=False, overrides=overrides))


def readme(role: str) -> str:
    """The README that the role's specs and templates ask for."""
    lines = [
        f"# {role}",
        "",
        f"{description(role)}.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, option in options(role).items():
        meaning = option["description"].replace("|", "\\|")
        lines.append(f"| `{name}` | `{_short(option['default'])}` | {meaning} |")
    files = [f"- `/{name.removesuffix('.j2')}`" for name in templates(role)]
    if files:
        lines += ["", "Files it writes (`app` stands for the app's name):", "", *files]
    return "\n".join([*lines, "", "Made from the role's specs by `python tests/support/roles.py`."]) + "\n"


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    return yaml.safe_dump(value, default_flow_style=True, width=1000).split("\n")[0]


def main() -> None:
    """Write every README."""
    for role in NAMES:
        (ROLES / role / "README.md").write_text(readme(role))


if __name__ == "__main__":
    main()
