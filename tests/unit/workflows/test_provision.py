"""Hosts are checked, Ansible is run, and what came out is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.errors import (
    ConfigError,
    HostUnreachable,
    Interrupted,
    ProvisionFailed,
    UsageError,
)
from orchestrator.model.fleet import Host
from orchestrator.plan import backup
from orchestrator.transport import names, npm, ssh_accept
from orchestrator.workflows import provision, provision_play
from orchestrator.workflows.provision import Wish
from tests.support.converging import CONFIG, World, run, stage

TLS = {
    "mode": "acme", "email": "", "directory_url": "https://acme-v02.api.letsencrypt.org/directory",
    "hsts_seconds": 63072000, "hsts_subdomains": False, "certificate": "", "key": "", "digest": "",
}  # fmt: skip


def test_a_good_run(world: World) -> None:
    """The result has each host's counts and calls; the run's directory and connections are gone."""
    result = run(stage())
    assert [(h.name, h.counts.ok, h.module_calls) for h in result.hosts] == [
        ("web-1", 8, 11),
        ("web-2", 7, 10),
    ]
    assert not result.failures
    assert world.closed == 1
    assert not world.directory.exists()


def test_the_play_is_told_the_contract(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the variables of docs/internals.md are handed over."""
    monkeypatch.setattr(npm, "registry", lambda: "https://npm.example/")
    run(stage(), Wish(check=True, tags=("nginx",)))
    (play,) = world.plays
    assert (play.check, play.tags, play.hosts) == (True, ("nginx",), ("web-1", "web-2"))
    written: dict[str, Any] = dict(play.variables)
    assert Path(str(written.pop("vpsdeploy_agent_pyz"))).name == "agent.pyz"
    assert len(str(written.pop("vpsdeploy_fingerprint"))) == 64
    limits = written.pop("vpsdeploy_rate_limits")
    assert (limits["rate"], limits["login"]["rate"], limits["routes"]) == ("50r/s", "10r/m", [])
    assert written == {
        "vpsdeploy_http": {"max_body_size": "10M", "timeout_seconds": 60, "security_headers": True},
        "vpsdeploy_trusted_addresses": [], "vpsdeploy_trusted_proxies": [], "vpsdeploy_host_keys": {},
        "vpsdeploy_stage": "production", "vpsdeploy_app": "shop", "vpsdeploy_port": 4000, "vpsdeploy_instances": 2,
        "vpsdeploy_instances_max": 4, "vpsdeploy_tls": TLS,
        "vpsdeploy_domains": ["shop.example"], "vpsdeploy_node": "lts", "vpsdeploy_shared": [],
        "vpsdeploy_limits": {"memory": "512M", "cpu": "100%"}, "vpsdeploy_deploy_keys": ["ssh-ed25519 AAAA"],
        "vpsdeploy_addresses": {"web-1": ["10.0.0.11"], "web-2": ["10.0.0.12"]},
        "vpsdeploy_health_path": "/health", "vpsdeploy_npm_registry": "https://npm.example/", "vpsdeploy_reboots": {},
        "vpsdeploy_backup": backup.settings(CONFIG),
        "vpsdeploy_services": {},
    }  # fmt: skip


def test_hosts_know_each_other_by_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name would keep the whole firewall from being loaded when a host starts: nobody can be asked then."""
    known = {"one.example": ("192.0.2.1", "2001:db8::1"), "10.1.0.2": ("10.1.0.2",)}
    monkeypatch.setattr(names, "addresses", lambda name: known.get(name, ()))
    one, two = Host("web-1", "one.example"), Host("web-2", "alias", private_address="10.1.0.2")
    of = replace(stage(), hosts=(one, two))
    assert provision_play.addresses(of) == {"web-1": ["192.0.2.1", "2001:db8::1"], "web-2": ["10.1.0.2"]}
    with pytest.raises(ConfigError, match="lb-1 has no address that the other hosts could use") as caught:
        provision_play.addresses(replace(stage(), hosts=(one, Host("lb-1", "alias"))))
    assert "vpsdeploy_private_address" in caught.value.next
    assert provision_play.addresses(replace(stage(), hosts=(Host("web-1", "alias"),))) == {"web-1": []}


def test_the_node_is_the_projects_own(tmp_path: Path) -> None:
    """vpsdeploy.yml wins; else what the project asks for; "lts" where there is no project."""
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\n")
    assert provision_play.node_request(load(tmp_path)) == "lts"
    (tmp_path / "package.json").write_text('{"name": "shop", "engines": {"node": "22.x"}}')
    assert provision_play.node_request(load(tmp_path)) == "22"
    (tmp_path / "vpsdeploy.yml").write_text('app: shop\nnode: "24"\n')
    assert provision_play.node_request(load(tmp_path)) == "24"


def test_one_host_of_several(world: World) -> None:
    """Only the named host is run on; the play's stage still knows the others."""
    whole = stage()
    run(whole, hosts=whole.hosts[1:])
    assert world.plays[0].hosts == ("web-2",)
    assert len(world.plays[0].stage.hosts) == 2


def test_failed_hosts_are_in_the_result(world: World) -> None:
    """A failed host stops nobody else and is no exception."""
    world.stream, world.code = "provision_two_fail", 2
    failures = run(stage()).failures
    assert {f.host for f in failures} == {"web-1", "web-2"}


def test_an_unreachable_host_stops_before_ansible(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is started; every host that cannot be reached is named."""
    world.errors = [HostUnreachable("no SSH connection", host=f"web-{n} (production)") for n in (1, 2)]
    with pytest.raises(HostUnreachable, match="no SSH connection on web-1"):
        run(stage())
    assert world.plays == []
    assert world.closed == 1
    assert "web-2 (production): no SSH connection" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["203.0.113.10", "198.51.100.1", "192.0.2.77", "2001:db8::1"])
def test_a_placeholder_is_refused(world: World, address: str) -> None:
    """An address of the examples is refused before the network is used."""
    with pytest.raises(ConfigError, match="a placeholder instead of an address") as caught:
        run(stage(address))
    assert "inventories/production/hosts.yml" in caught.value.next
    assert world.plays == []


def test_a_name_is_no_placeholder(world: World) -> None:
    """A DNS name is left to SSH."""
    provision.refuse_placeholders(stage("web-1.example.com"), stage("web-1.example.com").hosts)


def test_ctrl_c(world: World) -> None:
    """The message says that running again is safe, and with what command."""
    world.interrupt = True
    with pytest.raises(Interrupted) as caught:
        run(stage())
    assert str(caught.value) == (
        "error: interrupted\n"
        "state: Ansible was ended; what it had done stays, a package installation may still finish on the host; "
        "what could lock you out and was not proven yet is taken back by the host itself\n"
        "next:  running it again is safe: vpsdeploy provision host web-1 web-2 --stage production"
    )
    assert world.closed == 1


def test_ansible_that_cannot_start(world: World) -> None:
    """Ansible's own complaint is the cause where no task failed."""
    world.stream, world.code = "", 4
    with pytest.raises(ProvisionFailed) as caught:
        run(stage())
    assert caught.value.why == "[ERROR]: the role 'nginx' was not found"


def test_a_host_key_is_accepted_for_one_host_only(world: World) -> None:
    """With two hosts a fingerprint names nobody."""
    with pytest.raises(UsageError, match="--accept-host-key is for one host"):
        run(stage(), Wish(accept_host_key="SHA256:x"))


def test_an_accepted_host_key_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key is learned before the host is asked."""
    monkeypatch.setattr(ssh_accept, "accept", lambda *given: given[-1] == "SHA256:x")
    whole = stage()
    run(whole, Wish(accept_host_key="SHA256:x"), whole.hosts[:1])
    assert "web-1: host key SHA256:x written to known_hosts\n" in capsys.readouterr().err


def test_ansible_logs_in_as_who_got_through(world: World) -> None:
    """Root is closed after the first run: the play is told whom to log in as instead."""
    world.login = "admin"
    run(stage())
    assert [host.user for host in world.plays[0].stage.hosts] == ["admin", "admin"]


def test_new_hosts_are_accepted_unseen_only_where_that_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its fingerprint, to be compared afterwards."""
    asked: list[str] = []

    def accept_new(host: Host, _: object) -> str:
        asked.append(host.name)
        return "ed SHA256:x"

    monkeypatch.setattr(ssh_accept, "accept_new", accept_new)
    run(stage())
    assert asked == []
    run(stage(), Wish(accept_new=True))
    assert asked == ["web-1", "web-2"]
    assert "web-1: first contact, its host key ed SHA256:x is accepted unseen" in capsys.readouterr().err
    assert len(world.plays) == 2
