"""What speaks against provisioning a host, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.vpsdeploy import preflight

FINE = {"app": "shop", "port": 4000, "http_port": 0, "disk_free_min_bytes": 1}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host that nothing speaks against."""
    (tmp_path / "etc/vpsdeploy/apps").mkdir(parents=True)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "usr/lib/systemd/system").mkdir(parents=True)
    release(tmp_path, "debian", "13")
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight.platform, "machine", lambda: "x86_64")
    return tmp_path


def release(root: Path, name: str, version: str) -> None:
    """Write the host's os-release."""
    (root / "etc/os-release").write_text(
        f'PRETTY_NAME="{name} {version}"\nID={name}\nVERSION_ID="{version}"\n'
    )


def other_app(root: Path, name: str, port: int) -> None:
    """Another app lives on the host."""
    (root / "etc/vpsdeploy/apps" / f"{name}.json").write_text(json.dumps({"app": name, "port": port}))


def found(root: Path, **params: Any) -> str:
    """All findings as one text."""
    return "; ".join(preflight.findings({**FINE, **params}, root))


def test_nothing_speaks_against_a_good_host(root: Path) -> None:
    """Also not its own app from an earlier run, nor a neighbour that is far enough away."""
    other_app(root, "shop", 4000)
    other_app(root, "blog", 4200)
    assert found(root) == ""


@pytest.mark.parametrize("port", [3801, 4000, 4199])
def test_overlapping_ports_are_refused_with_a_free_one(root: Path, port: int) -> None:
    """200 ports each: one port of overlap is too much."""
    other_app(root, "blog", port)
    assert "the app 'blog' on this host has" in found(root)
    assert f"set `port` in vpsdeploy.yml to {4200 if port < 4001 else 4400}" in found(root)


@pytest.mark.parametrize(("name", "version"), [("ubuntu", "24.04"), ("debian", "11"), ("alpine", "3.22")])
def test_other_systems_are_refused(root: Path, name: str, version: str) -> None:
    """The finding names what runs and what may."""
    release(root, name, version)
    assert f"the host runs {name} {version}; supported are Debian 12 and 13" in found(root)


@pytest.mark.parametrize("app", ["Shop", "1shop", "shop_x", "", "a" * 40])
def test_names_that_cannot_be_a_user_and_a_unit_are_refused(root: Path, app: str) -> None:
    """An empty name means that the host runs no app, so nothing is said about it."""
    assert ("edit `app` in vpsdeploy.yml" in found(root, app=app)) == bool(app)


@pytest.mark.parametrize("app", ["system", "user-portal", "machine", "vpsdeploy-shop"])
def test_names_of_slices_that_are_there_are_refused(root: Path, app: str) -> None:
    """user-portal.slice would lie inside user.slice, with its limits."""
    assert "belongs to the host" in found(root, app=app)


def test_unit_of_the_system_is_not_taken_over(root: Path) -> None:
    """An app called ssh would replace the unit that people log in through."""
    (root / "usr/lib/systemd/system/ssh@.service").touch()
    assert "already has the unit ssh@.service" in found(root, app="ssh")


def test_user_of_somebody_else_is_not_taken_over(root: Path) -> None:
    """daemon exists on every Debian, with a home that is not ours."""
    assert "already has the user daemon" in found(root, app="daemon")


def test_all_findings_come_at_once(root: Path) -> None:
    """One run tells everything that has to be mended."""
    release(root, "debian", "11")
    other_app(root, "blog", 4000)
    assert len(preflight.findings({**FINE, "disk_free_min_bytes": 1 << 60}, root)) == 3


@pytest.mark.parametrize("container", [False, True])
def test_roles_are_told_what_they_depend_on(container: bool, root: Path) -> None:
    """Once, by the call that looks at the host anyway."""
    if container:
        (root / "run/systemd/container").write_text("podman\n")
    assert preflight.facts(root) == {
        "vpsdeploy_debian": 13, "vpsdeploy_machine": "x86_64", "vpsdeploy_container": container,
    }  # fmt: skip


def test_whom_other_apps_of_the_host_trust_is_told(root: Path) -> None:
    """nginx and fail2ban have one list each; an app of an older version said nothing of it."""
    for name, trusted in {
        "blog": ["203.0.113.7"],
        "shop": ["192.0.2.1"],
        "api": ["203.0.113.7", "10.0.0.2"],
    }.items():
        content = {
            "app": name,
            "port": 5000,
            "trusted_addresses": trusted,
            "trusted_proxies": [f"{trusted[-1]}/32"],
        }
        (root / "etc/vpsdeploy/apps" / f"{name}.json").write_text(json.dumps(content))
    other_app(root, "old", 6000)
    assert preflight.beside("shop", root) == {
        "trusted_addresses": ["10.0.0.2", "203.0.113.7"], "trusted_proxies": ["10.0.0.2/32", "203.0.113.7/32"],
    }  # fmt: skip
    assert preflight.beside("shop", root / "bare") == {"trusted_addresses": [], "trusted_proxies": []}


@pytest.mark.parametrize(
    ("theirs", "ours", "text"),
    [
        ([], [], "answers to every name, as 'shop' would: set `domains` in both projects"),
        (["a.example", "www.a.example"], ["www.a.example"], "answers to www.a.example already"),
        (["a.example"], ["b.example"], ""),
        (["a.example"], [], ""),
        ([], ["b.example"], ""),
    ],
)
def test_two_apps_of_a_load_balancer_need_names_of_their_own(
    root: Path, theirs: list[str], ours: list[str], text: str
) -> None:
    """nginx would refuse the one halfway, and only warn of the other: the app would never be asked."""
    content = {"app": "blog", "port": 5000, "domains": theirs, "roles": ["app", "loadbalancer"]}
    (root / "etc/vpsdeploy/apps/blog.json").write_text(json.dumps(content))
    said = found(root, own="shop", domains=ours, http_port=80)
    assert text in said if text else said == ""
    assert found(root, own="shop", domains=ours) == ""
    assert found(root, own="blog", domains=ours, http_port=80) == ""
