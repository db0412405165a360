"""The logins of services: made once, kept encrypted, handed to hosts past Ansible; and how services are told of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import secrets as stage_secrets
from orchestrator.config.app import AppConfig
from orchestrator.errors import ConfigError, HostUnreachable
from orchestrator.model.diagnosis import Level
from orchestrator.model.fleet import Stage
from orchestrator.model.provision import ServiceReady
from orchestrator.report import status as report
from orchestrator.secret import KEY_VARIABLE, Secret
from orchestrator.workflows import doctor_hosts, env, provision_services, services, status
from orchestrator.workflows.fleet import opened
from tests.support.fleet import APP, FakeFleet, stage

CONFIG = AppConfig.model_validate({"app": APP, "services": {"postgresql": {}}})


class Notes:
    """What a person is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        """One line."""
        self.texts.append(text)

    def __getattr__(self, _: str) -> Any:
        return lambda *_: None


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stage's directory, and a home without keys."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    folder = tmp_path / "inventories" / "production"
    folder.mkdir(parents=True)
    return folder


def at(place: Path, *names: str) -> Stage:
    """Hosts with private addresses, whose secrets are kept there."""
    of = stage(*names)
    hosts = tuple(replace(host, private_address=host.address) for host in of.hosts)
    return replace(of, path=place / "hosts.yml", known_hosts=place / "known_hosts", hosts=hosts)


def provision(
    of: Stage, fleet: FakeFleet, config: AppConfig = CONFIG, *names: str
) -> tuple[ServiceReady, ...]:
    """What `provision host` does besides Ansible."""
    hosts = names or tuple(host.name for host in of.hosts)
    logins = provision_services.prepare(config, of, hosts, Notes())
    return provision_services.hand_over(config, of, logins, hosts, Notes(), lambda *_: fleet)


def url(of: Stage) -> str:
    """The secret that the app gets."""
    return stage_secrets.opened(of).values()["DATABASE_URL"].reveal()


def test_the_password_is_made_kept_and_handed_over(place: Path) -> None:
    """What the repository has is encrypted; the host has the same password; the second time nothing changes."""
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    assert provision(of, fleet)[0].changed == ("user shop",)
    password = fleet.hosts["web-1"].passwords["postgresql"]
    assert url(of) == f"postgresql://shop:{password}@127.0.0.1:5432/shop"
    before = of.secrets.read_bytes()
    assert password.encode() not in before
    assert provision(of, fleet)[0].changed == ()
    assert of.secrets.read_bytes() == before


def test_people_are_told_what_is_new(place: Path) -> None:
    """The file to commit, and the key to keep; never the value."""
    of, notes = at(place, "web-1"), Notes()
    logins = provision_services.prepare(CONFIG, of, ["web-1"], notes)
    assert not of.secrets.exists()  # nor is there anything to keep where Ansible fails
    provision_services.hand_over(CONFIG, of, logins, ["web-1"], notes, lambda *_: FakeFleet(of))
    assert notes.texts[0].startswith(
        "DATABASE_URL: kept in inventories/production/secrets.yml (encrypted); commit"
    )
    assert "its key is new: " in notes.texts[1]
    assert logins.passwords["postgresql"].reveal() not in "".join(notes.texts)
    assert "redacted" in repr(logins)


@pytest.mark.parametrize("by_hand", ["postgresql://me:mine@db.example.com/x", "nonsense"])
def test_a_url_that_somebody_set_stays(place: Path, by_hand: str) -> None:
    """Its service gets no user: nobody asked for one."""
    of, notes = at(place, "web-1"), Notes()
    env.put(AppConfig(app=APP), of, {"DATABASE_URL": Secret(by_hand)})
    logins = provision_services.prepare(CONFIG, of, ["web-1"], notes)
    assert (url(of), dict(logins.passwords)) == (by_hand, {})
    assert notes.texts == [
        "DATABASE_URL is your own: it stays, and postgresql on web-1 gets no user of the app"
    ]
    fleet = FakeFleet(of)
    assert provision_services.hand_over(CONFIG, of, logins, ["web-1"], notes, lambda *_: fleet) == ()
    assert fleet.calls == []


def test_one_in_the_configuration_stays_too(place: Path) -> None:
    """Nothing is kept: a name stands in one place."""
    of = at(place, "web-1")
    config = CONFIG.model_copy(update={"env": {"DATABASE_URL": "postgresql://db/x"}})
    assert provision(of, FakeFleet(of), config) == ()
    assert not of.secrets.exists()


def test_hosts_that_carry_nothing_need_no_key(place: Path) -> None:
    """A colleague without it can still provision a web server."""
    of = at(place, "web-1", "web-2")
    provision(of, FakeFleet(of))
    for key in place.parents[1].rglob("*.key"):
        key.unlink()
    assert provision_services.prepare(CONFIG, of, ["web-2"], Notes()).passwords == {}
    with pytest.raises(ConfigError, match="is not here"):
        provision_services.prepare(CONFIG, of, ["web-1"], Notes())


def test_app_hosts_trust_the_certificate_of_a_server_elsewhere(place: Path) -> None:
    """Also one that is provisioned alone, later; the URL says where the certificate is."""
    of = at(place, "web-1", "web-2")
    fleet = FakeFleet(of)
    fleet.hosts["web-1"].carried = {"postgresql"}
    provision(of, fleet)
    assert url(of).endswith("@10.0.0.1:5432/shop?sslmode=verify-full&sslrootcert=/etc/ssl/vpsdeploy/shop.pem")
    assert [host.trusted for host in fleet.hosts.values()] == ["certificate of web-1\n"] * 2
    fleet.hosts["web-2"].trusted = ""
    provision(of, fleet, CONFIG, "web-2")
    assert fleet.hosts["web-2"].trusted == "certificate of web-1\n"


def test_a_service_that_moves_keeps_its_password(place: Path) -> None:
    """Another address, and TLS, because app hosts are elsewhere now."""
    one, two = at(place, "web-1"), at(place, "web-1", "web-2")
    fleet = FakeFleet(two)
    provision(one, fleet)
    password = fleet.hosts["web-1"].passwords["postgresql"]
    provision(two, fleet)
    assert fleet.hosts["web-1"].passwords["postgresql"] == password
    assert f":{password}@10.0.0.1:" in url(two)


def test_a_host_that_is_lost_is_told_with_what_is_true(place: Path) -> None:
    """Ansible has done its part; the rest is made up for by the next run."""
    of = at(place, "web-1")

    def fail(host: str, _: str) -> None:
        raise HostUnreachable("no SSH connection", host=host)

    with pytest.raises(HostUnreachable) as failed:
        provision(of, FakeFleet(of, fail))
    assert failed.value.state == "the hosts are provisioned, the app's logins are not complete"
    assert failed.value.next == "vpsdeploy provision host --stage production: it is safe to run again"


def looked(fleet: FakeFleet, of: Stage) -> status.Looked:
    """What status sees."""
    return status.run(CONFIG, of, lambda *_: fleet)


def shown(seen: status.Looked) -> str:
    """What status prints."""
    return report.text(APP, seen.seen.url, seen.seen.facts, seen.seen.silent, seen.services)


def test_status_tells_each_service(place: Path) -> None:
    """Version, memory, connections, size."""
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    fleet.hosts["web-1"].carried = {"postgresql"}
    row = "postgresql  web-1  running  17.7     1 MiB   3 of 120     1 MiB"
    assert row in shown(looked(fleet, of)).splitlines()


@pytest.mark.parametrize(
    ("ailing", "told"),
    [
        (
            {"running": False, "why": "it was stopped"},
            "warning: postgresql on web-1 does not run: it was stopped",
        ),
        (
            {"connections": 110},
            "warning: postgresql on web-1 has 110 of 120 connections open: soon the app gets no more",
        ),
    ],
)
def test_what_users_will_notice_stands_first(place: Path, ailing: dict[str, Any], told: str) -> None:
    """A service that is down, or full; doctor has an error."""
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    fleet.hosts["web-1"].carried, fleet.hosts["web-1"].ailing = {"postgresql"}, ailing
    seen = looked(fleet, of)
    assert shown(seen).splitlines()[0] == told
    assert [one.level for one in doctor_hosts.judge_services(of, seen.services)] == [Level.ERROR]


def test_what_waits_for_a_restart_is_a_warning(place: Path) -> None:
    """It runs, with the old settings."""
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    fleet.hosts["web-1"].carried, fleet.hosts["web-1"].ailing = {"postgresql"}, {"waits": ["shared_buffers"]}
    seen = looked(fleet, of)
    assert "postgresql on web-1: shared_buffers will be as configured after its next start" in shown(seen)
    levels = [one.level for one in doctor_hosts.judge_services(of, seen.services)]
    assert levels == [Level.WARNING, Level.OK]


def test_a_service_that_nobody_provisioned_is_told(place: Path) -> None:
    """With what to type; so is one whose host does not answer."""
    of = at(place, "web-1", "web-2")
    fleet = FakeFleet(of)
    assert looked(fleet, of).services[0].why == "it is not provisioned: vpsdeploy provision host"

    def fail(host: str, _: str) -> None:
        if host == "web-1":
            raise HostUnreachable("no SSH connection", host=host)

    with opened(CONFIG, of, lambda *_: FakeFleet(of, fail)) as context:
        assert services.look(context)[0].why == "no SSH connection"


def test_further_variables_are_kept_beside_the_url_and_one_of_somebody_s_own_stays(place: Path) -> None:
    """Apps that look for RABBITMQ_URL find it; with a broker of their own there they keep it."""
    of = at(place, "web-1")
    config = AppConfig.model_validate({"app": APP, "services": {"rabbitmq": {}}})
    provision(of, FakeFleet(of), config)
    kept = stage_secrets.opened(of).values()
    assert kept["RABBITMQ_URL"] == kept["AMQP_URL"]
    assert kept["AMQP_URL"].reveal().startswith("amqp://shop:")
    env.put(config, of, {"RABBITMQ_URL": Secret("amqps://me:mine@broker.example.com/x")})
    assert dict(provision_services.prepare(config, of, ["web-1"], Notes()).new) == {}
    env.unset(of, ["AMQP_URL"])
    provision(of, FakeFleet(of), config)
    after = stage_secrets.opened(of).values()
    assert after["RABBITMQ_URL"].reveal() == "amqps://me:mine@broker.example.com/x"
    assert after["AMQP_URL"] != kept["AMQP_URL"]


def test_a_new_password_is_in_every_variable(place: Path) -> None:
    """One that was left behind would be an old one."""
    of = at(place, "web-1")
    config = AppConfig.model_validate({"app": APP, "services": {"rabbitmq": {}}})
    provision(of, FakeFleet(of), config)
    before = stage_secrets.opened(of).values()["AMQP_URL"]
    env.unset(of, ["AMQP_URL"])
    provision(of, FakeFleet(of), config)
    kept = stage_secrets.opened(of).values()
    assert kept["RABBITMQ_URL"] == kept["AMQP_URL"] != before


def test_a_second_database_takes_its_own_name_and_nobody_loses_a_password(place: Path) -> None:
    """MariaDB was alone and had DATABASE_URL; PostgreSQL joins, and gets it."""
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    alone = AppConfig.model_validate({"app": APP, "services": {"mariadb": {}}})
    both = AppConfig.model_validate(
        {"app": APP, "services": {"mariadb": {}, "postgresql": {"database": "shop_pg"}}}
    )
    provision(of, fleet, alone)
    password = fleet.hosts["web-1"].passwords["mariadb"]
    assert url(of).startswith(f"mysql://shop:{password}@")
    provision(of, fleet, both)
    kept = stage_secrets.opened(of).values()
    assert kept["MYSQL_URL"].reveal().startswith(f"mysql://shop:{password}@")
    assert kept["DATABASE_URL"].reveal().startswith("postgresql://shop_pg:")
    assert fleet.hosts["web-1"].passwords["mariadb"] == password


def test_node_is_told_by_a_variable_whom_to_trust(place: Path) -> None:
    """Where a URL cannot say it; a value of somebody's own stays, and they are told what it needs."""
    of, notes = at(place, "web-1", "web-2"), Notes()
    config = AppConfig.model_validate({"app": APP, "services": {"redis": {}}})
    provision(of, FakeFleet(of), config)
    kept = stage_secrets.opened(of).values()
    assert kept["NODE_EXTRA_CA_CERTS"].reveal() == "/etc/ssl/vpsdeploy/shop.pem"
    env.put(config, of, {"NODE_EXTRA_CA_CERTS": Secret("/srv/shop/mine.pem")})
    logins = provision_services.prepare(config, of, ["web-1"], notes)
    assert dict(logins.new) == {}
    assert notes.texts[0].startswith(
        "NODE_EXTRA_CA_CERTS is your own: put what /etc/ssl/vpsdeploy/shop.pem has"
    )
