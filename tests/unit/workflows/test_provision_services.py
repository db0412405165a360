"""The logins of services: made once, kept encrypted, handed to hosts past Ansible; and how services are told of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.config import secrets as stage_secrets
from orchestrator.config.app import AppConfig
from orchestrator.errors import ConfigError, HostUnreachable
from orchestrator.model.fleet import Stage
from orchestrator.secret import Secret
from orchestrator.workflows import env, provision_services
from tests.support.fleet import APP, FakeFleet
from tests.support.service_stages import CONFIG, Notes, at, provision


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


def test_a_password_begins_with_a_letter(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NATS' driver for Node takes digits behind the first colon of a URL for the port."""
    drawn = iter(f"{start}{'x' * 41}" for start in ("70", "-7", "_7", "a7"))
    monkeypatch.setattr(provision_services, "secrets", SimpleNamespace(token_urlsafe=lambda _: next(drawn)))
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    provision(of, fleet)
    assert fleet.hosts["web-1"].passwords["postgresql"].startswith("a7x")


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
