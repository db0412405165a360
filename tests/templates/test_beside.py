"""Two apps of one host, from two projects: what is the host's serves both, whichever was provisioned last."""

from __future__ import annotations

from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.support import roles

SHARED = ("nginx_unlimited", "nginx_trusted_proxies", "fail2ban_ignored", "ssh_unpunished_networks")
FACTS = {"vpsdeploy_debian": 13}


def site(project: dict[str, Any], beside: dict[str, Any], wanted: tuple[str, ...] = SHARED) -> dict[str, Any]:
    """What the site's play hands to the roles for what all apps of a host share."""
    loader = DataLoader()
    written = yaml.safe_load((roles.ROLES.parent / "playbooks/vars/site.yml").read_text())
    known = {
        name: trust_as_template(value) if isinstance(value, str) else value for name, value in written.items()
    }
    host = {"ansible_host": "192.0.2.10"}
    groups = {"all": ["web-1"], "app": ["web-1"], "loadbalancer": ["web-1"]}
    about = {
        "inventory_hostname": "web-1",
        "groups": groups,
        "hostvars": {"web-1": host},
        "ansible_facts": {**FACTS, **beside},
    }
    templar = Templar(loader, variables={**known, **about, **project})
    return {name: templar.template(known[name]) for name in wanted}


def project(trusted: list[str], proxies: list[str]) -> dict[str, Any]:
    """One project's part."""
    return {
        "vpsdeploy_addresses": {},
        "vpsdeploy_trusted_addresses": trusted,
        "vpsdeploy_trusted_proxies": proxies,
    }


def test_the_last_app_takes_nobody_s_trust_away() -> None:
    """Else visitors of the other app were one client, its CDN, and that was limited and banned."""
    shop, blog = project(["203.0.113.7"], ["198.51.100.0/24"]), project(["203.0.113.8"], [])
    beside_shop = {"vpsdeploy_beside": {"trusted_addresses": ["203.0.113.8"], "trusted_proxies": []}}
    beside_blog = {
        "vpsdeploy_beside": {"trusted_addresses": ["203.0.113.7"], "trusted_proxies": ["198.51.100.0/24"]}
    }
    found = site(shop, beside_shop)
    assert found == site(blog, beside_blog)
    assert found["nginx_trusted_proxies"] == ["198.51.100.0/24"]
    assert found["nginx_unlimited"] == ["192.0.2.10", "203.0.113.7", "203.0.113.8"]
    assert found["fail2ban_ignored"] == ["192.0.2.10", "198.51.100.0/24", "203.0.113.7", "203.0.113.8"]


def test_a_host_that_was_not_asked_has_the_app_s_own() -> None:
    """Molecule's scenario, and a play without the preflight."""
    assert site(project(["203.0.113.7"], []), {})["nginx_unlimited"] == ["192.0.2.10", "203.0.113.7"]


def test_what_a_host_starts_with_holds_addresses_only() -> None:
    """Hosts that the inventory knows by name: nft and nginx refuse a whole file for a name that they cannot find."""
    about = project([], []) | {
        "inventory_hostname": "web-1",
        "groups": {"all": ["web-1", "web-2", "lb-1"], "app": ["web-1", "web-2"], "loadbalancer": ["lb-1"]},
        "hostvars": {name: {"ansible_host": f"{name}.example.com"} for name in ("web-1", "web-2", "lb-1")},
        "vpsdeploy_addresses": {
            "web-1": ["192.0.2.1"],
            "web-2": ["192.0.2.2"],
            "lb-1": ["192.0.2.3", "2001:db8::3"],
        },
    }
    wanted = ("__upstreams", "__loadbalancer_addresses", "__loadbalancer_peers", "__trusted_addresses")
    assert site(about, {}, wanted) == {
        "__upstreams": ["127.0.0.1", "192.0.2.2"], "__loadbalancer_addresses": ["192.0.2.3", "2001:db8::3"],
        "__loadbalancer_peers": ["192.0.2.3"],
        "__trusted_addresses": ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::3"],
    }  # fmt: skip
