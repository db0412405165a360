"""Every template, rendered from its role's defaults, before the program that will read it on the host."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import roles
from tests.support.certificates import Root
from tests.templates.conftest import Judge

ALL = [(role, name) for role in roles.NAMES for name in roles.templates(role)]
UNITS = [(role, name) for role, name in ALL if name.startswith("etc/systemd/system/")]

TLS = {"nginx_domains": ["shop.example.com", "www.shop.example.com"], "nginx_tls_enabled": True}
"""What HTTPS needs, for Debian 12; the hosts of Molecule and of the end-to-end tests judge what 13 gets."""

NGINX_CASES: dict[str, dict[str, Any]] = {
    "without an app": {"nginx_app": "", "nginx_upstreams": []},
    "one host": {"nginx_upstreams": ["127.0.0.1"], "nginx_upstream_names": ["web-1"]},
    "several hosts": {
        "nginx_upstreams": ["10.0.0.11", "10.0.0.12", "2001:db8::11"],
        "nginx_upstream_names": ["a", "b.c", "D-1"],
    },
    "twenty hosts": {
        "nginx_upstreams": [f"10.0.0.{n}" for n in range(1, 21)],
        "nginx_upstream_names": [f"web-{n}" for n in range(1, 21)],
    },
    "with names": {"nginx_domains": ["shop.example.com", "www.shop.example.com"]},
    "no health path": {"nginx_health_path": ""},
    "health path is the root": {"nginx_health_path": "/"},
    "without IPv6": {"nginx_ipv6_enabled": False},
    "HTTPS by ACME, two load balancers": {
        **TLS,
        "nginx_acme_enabled": True,
        "nginx_acme_peers": ["10.0.0.2", "2001:db8::2"],
    },
    "HTTPS by ACME, alone": {**TLS, "nginx_acme_enabled": True, "nginx_ipv6_enabled": False},
    "HTTPS with an own certificate": {**TLS, "nginx_hsts_subdomains": True},
    "HTTPS without HSTS": {**TLS, "nginx_hsts_seconds": 0},
}


_OF_AN_APP = re.compile(r"(/apps/|/sites-enabled/)app(/|\.conf)")
"""In a template's name: where the app's own comes."""

TLS_FILE, SITE_FILE = "etc/nginx/conf.d/vpsdeploy-tls.conf.j2", "etc/nginx/sites-enabled/app.conf.j2"


@pytest.mark.parametrize(("role", "name"), ALL)
def test_template_says_who_manages_it_and_ends_in_a_newline(role: str, name: str) -> None:
    """An administrator who opens the file learns who will overwrite it; JSON and HTML have no place for that."""
    text = roles.render(role, name)
    assert text.endswith("\n")
    assert "Managed by vpsdeploy" in text or name.endswith((".json.j2", ".html.j2"))
    assert "{{" not in text.replace("${{", "")


@pytest.mark.parametrize(("role", "name"), UNITS)
def test_unit_is_accepted_by_systemd(role: str, name: str, tmp_path: Path, judge: Judge) -> None:
    """No unknown key, no wrong value; programs that only exist on the host are stood in for."""
    instance = name.removesuffix(".j2").replace("system/app", "system/my-shop").replace("@.", "@4001.")
    lines = roles.render(role, name).splitlines()
    lines = [re.sub(r"^(Exec\w+=)[-+!]*/.*", r"\1/bin/true", line) for line in lines]
    file = tmp_path / Path(instance).relative_to("etc/systemd/system")
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    said = judge("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(_unit_of(file)))
    assert file.name not in said


def _unit_of(file: Path) -> Path:
    """The file itself; for a drop-in the unit that it belongs to, with nothing of its own to complain about."""
    if not file.parent.name.endswith(".d"):
        return file
    unit = file.parent.with_suffix("")
    unit.with_suffix(".service").write_text("[Service]\nExecStart=/bin/true\n")
    if unit.suffix == ".socket":
        unit.write_text("[Socket]\nListenStream=1\n")
    return unit


def test_app_s_sandbox_scores_1_3_or_better(tmp_path: Path, judge: Judge) -> None:
    """systemd's own figure for what a broken app could still reach; 10 is worst."""
    unit = tmp_path / "my-shop@4001.service"
    unit.write_text(roles.render("app", "etc/systemd/system/app@.service.j2"))
    judge("systemd-analyze", "security", "--offline=yes", "--threshold=13", "--no-pager", str(unit))


@pytest.mark.parametrize("admin", ["admin", ""])
def test_sudo_rules_are_accepted_by_visudo(admin: str, tmp_path: Path, judge: Judge) -> None:
    """A rule that sudo cannot read would lock everybody out of root."""
    rules = tmp_path / "vpsdeploy"
    rules.write_text(roles.render("access", "etc/sudoers.d/vpsdeploy.j2", access_admin_user=admin))
    judge("visudo", "--check", "--strict", "--file", str(rules))


@pytest.mark.parametrize("balancers", [[], ["10.0.0.10"], ["2001:db8::10"], ["10.0.0.10", "2001:db8::10"]])
def test_firewall_rules_are_accepted_by_nft(balancers: list[str], tmp_path: Path, judge: Judge) -> None:
    """With and without load balancers elsewhere, of either address family; the whole and an app's part of it."""
    values = {"firewall_loadbalancers": balancers, "firewall_ssh_from": balancers}
    part, whole = tmp_path / "shop.nft", tmp_path / "firewall.nft"
    part.write_text(roles.render("firewall", "etc/vpsdeploy/firewall.d/app.nft.j2", **values))
    text = roles.render("firewall", "etc/vpsdeploy/firewall.nft.j2", **values)
    whole.write_text(text.replace("/etc/vpsdeploy/firewall.d/", f"{tmp_path}/sh"))
    judge("nft", "--check", "--file", str(part))
    judge("nft", "--check", "--file", str(whole))


@pytest.mark.parametrize("values", NGINX_CASES.values(), ids=NGINX_CASES.keys())
def test_load_balancer_s_files_are_accepted_by_nginx(
    values: dict[str, Any], tmp_path: Path, judge: Judge
) -> None:
    """The whole tree, moved below a directory of the test."""
    nginx_tree(tmp_path, values)
    judge("nginx", "-t", "-q", "-c", str(tmp_path / "etc/nginx/nginx.conf"), "-e", "stderr")


def nginx_tree(root: Path, values: dict[str, Any]) -> None:
    """Render nginx's files below root, with every absolute path moved there too."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = [f"{kind}_temp_path {root}/run/{kind};" for kind in kinds]
    app = str(values.get("nginx_app", roles.SAMPLES["nginx"]["nginx_app"]))
    for name in roles.templates("nginx"):
        if _OF_AN_APP.search(name) and not app:
            continue
        target = root / _OF_AN_APP.sub(rf"\1{app}\2", name.removesuffix(".j2"))
        target.parent.mkdir(parents=True, exist_ok=True)
        text = roles.render("nginx", name, **values)
        for moved in ("/etc/nginx/", "/var/log/nginx/", "/run/nginx.pid", "/etc/vpsdeploy/tls/"):
            text = text.replace(f" {moved}", f" {root}{moved}")
        # Nor may a test make the machine's own directories, or listen on its ports.
        text = text.replace("http {", "\n".join(["http {", *temporary]))
        for port in (80, 443):
            text = text.replace(f":{port} ", f":{18000 + port} ").replace(
                f"listen {port}", f"listen {18000 + port}"
            )
        target.write_text(text)
    for directory in ("var/log/nginx", "run"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    (root / "etc/nginx/mime.types").write_text("types { text/html html; }\n")
    if values.get("nginx_tls_enabled"):
        current = root / "etc/vpsdeploy/tls/app/current"
        current.mkdir(parents=True, exist_ok=True)
        leaf = Root("a root").issue("shop.example.com")
        (current / "fullchain.pem").write_text(leaf.chain)
        (current / "privkey.pem").write_text(leaf.key)


def test_two_apps_with_https_stand_side_by_side(tmp_path: Path, judge: Judge) -> None:
    """Nobody's names are refused once, and neither is in the other's way: nginx has nothing to grumble about."""
    for app, domain in (("other", "other.example.com"), ("my-shop", "shop.example.com")):
        nginx_tree(
            tmp_path,
            {**TLS, "nginx_acme_enabled": True, "nginx_app": app, "nginx_domains": [domain]},
        )
    said = judge("nginx", "-t", "-c", str(tmp_path / "etc/nginx/nginx.conf"), "-e", "stderr")
    assert "[warn]" not in said.replace('[warn] the "user" directive', "")


def test_each_debian_gets_the_tls_that_its_nginx_and_openssl_know() -> None:
    """An unknown group keeps nginx from starting; tickets whose key never changes are off."""
    found = {debian: roles.render("nginx", TLS_FILE, nginx_debian=debian) for debian in (12, 13)}
    assert "ssl_ecdh_curve X25519:prime256v1:secp384r1;" in found[12]
    assert "ssl_ecdh_curve ?X25519MLKEM768:X25519:prime256v1:secp384r1;" in found[13]
    assert ("ssl_session_tickets off;" in found[12], "ssl_session_tickets" in found[13]) == (True, False)
    sites = {debian: roles.render("nginx", SITE_FILE, nginx_debian=debian, **TLS) for debian in (12, 13)}
    assert ("listen 443 ssl http2;" in sites[12], "http2 on;" in sites[12]) == (True, False)
    assert ("listen 443 ssl;" in sites[13], "http2 on;" in sites[13]) == (True, True)


def test_without_https_nothing_listens_for_it() -> None:
    """And no browser is told to come back by HTTPS."""
    text = roles.render("nginx", SITE_FILE)
    assert not any(word in text for word in ("443", "ssl", "Strict-Transport", "https"))


def test_the_only_host_is_never_counted_out() -> None:
    """Marking the only host as failed would turn a hiccup into an outage; with several it keeps the rest fast."""
    one = upstreams(nginx_upstreams=["127.0.0.1"], nginx_upstream_names=["web-1"])
    two = upstreams(nginx_upstreams=["10.0.0.11", "10.0.0.12"], nginx_upstream_names=["web-1", "web-2"])
    assert {flag for servers in one.values() for flag in servers.values()} == {"max_fails=0"}
    assert two["my-shop_blue_1"] == {
        "10.0.0.11:3001 max_fails=1": "fail_timeout=5s", "10.0.0.12:3001 max_fails=1": "fail_timeout=5s",
        "10.0.0.11:3001 max_fails=0": "backup", "10.0.0.12:3001 max_fails=0": "backup",
    }  # fmt: skip
    assert two["my-shop_green_1_without_web-1"] == {"10.0.0.12:3101": "max_fails=0"}


def test_every_choice_of_the_files_has_its_upstream() -> None:
    """Whatever markers lie there, the name that nginx puts together of them exists."""
    found = upstreams()
    names = {
        f"my-shop_{colour}_{size}{out}"
        for colour in ("blue", "green")
        for size in range(1, 5)
        for out in ("", "_without_web-1", "_without_web-2")
    }
    assert set(found) == names


def upstreams(**values: Any) -> dict[str, dict[str, str]]:
    """Servers of each upstream with the last of their flags."""
    text = roles.render("nginx", "etc/nginx/sites-enabled/app.conf.j2", **values)
    blocks = re.findall(r"^upstream (\S+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    return {
        name: dict(line.rsplit(" ", 1) for line in re.findall(r"^  server (.*);$", block, re.MULTILINE))
        for name, block in blocks
    }


def test_host_facts_are_json() -> None:
    """The agent reads them with a strict parser."""
    text = roles.render("agent", "etc/vpsdeploy/host.json.j2", agent_stage="production", agent_roles=["app"])
    assert json.loads(text) == {"stage": "production", "roles": ["app"]}
