"""Where services run, who may connect, and the URL that says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import ConfigError
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.service import Service
from orchestrator.plan import service_url, services
from orchestrator.secret import Secret
from tests.support.fleet import stage

PASSWORD = Secret("x" * 43)


def config(**more: Any) -> AppConfig:
    """An app with PostgreSQL."""
    return AppConfig.model_validate({"app": "my-shop", "services": {"postgresql": {}}, **more})


def with_data(of: Stage, name: str, address: str) -> Stage:
    """A stage with a host of its own for data."""
    return replace(
        of, hosts=(*of.hosts, Host(name, address, private_address=address, groups=frozenset({"data"})))
    )


def private(of: Stage) -> Stage:
    """Hosts whose private address is the one that they have."""
    return replace(of, hosts=tuple(replace(host, private_address=host.address) for host in of.hosts))


def only(of: Stage, **more: Any) -> Service:
    """The app's one service."""
    (found,) = services.placed(config(**more), of)
    return found


def test_on_one_host_it_is_reached_by_loopback() -> None:
    """No certificate, no other address; a name that Linux takes becomes one that SQL takes."""
    one = only(stage("web-1"))
    assert (one.host, one.address, one.clients) == ("web-1", "127.0.0.1", ())
    assert (one.database, one.user, one.memory) == ("my_shop", "my_shop", "25%")
    assert service_url.make(one, "my-shop", PASSWORD).reveal() == (
        f"postgresql://my_shop:{'x' * 43}@127.0.0.1:5432/my_shop"
    )


def test_with_several_app_hosts_all_of_them_use_the_private_address_and_tls() -> None:
    """One URL for the stage: the host that carries it connects to itself as the others do."""
    one = only(private(stage("web-1", "web-2")))
    assert (one.host, one.address, one.clients) == ("web-1", "10.0.0.1", ("10.0.0.2",))
    url = service_url.make(one, "my-shop", PASSWORD).reveal()
    assert url.endswith(
        "@10.0.0.1:5432/my_shop?sslmode=verify-full&sslrootcert=/etc/ssl/vpsdeploy/my-shop.pem"
    )


def test_a_group_for_data_is_preferred_and_a_named_host_wins() -> None:
    """A host without instances may give it more of its memory."""
    of = with_data(private(stage("web-1")), "db-1", "10.0.2.1")
    assert (only(of).host, only(of).memory, only(of).clients) == ("db-1", "50%", ("10.0.0.1",))
    here = only(of, services={"postgresql": {"host": "web-1", "memory": "1G"}})
    assert (here.host, here.memory, here.clients) == ("web-1", "1G", ())


def test_an_ipv6_address_stands_in_brackets() -> None:
    """As URLs want it."""
    of = with_data(private(stage("web-1")), "db-1", "2001:db8::5")
    assert "@[2001:db8::5]:5432/" in service_url.make(only(of), "my-shop", PASSWORD).reveal()


def test_a_host_that_is_not_there_is_refused() -> None:
    """With the near name."""
    with pytest.raises(ConfigError, match="is no host of production") as failed:
        only(stage("web-1"), services={"postgresql": {"host": "web-l"}})
    assert 'did you mean "web-1"?' in failed.value.why


def test_a_name_in_place_of_an_address_is_refused_where_others_connect() -> None:
    """The firewall and the certificate are for addresses; alone, by loopback, nobody needs one."""
    named = replace(stage("web-1").hosts[0], private_address="db.example.com")
    assert only(replace(stage("web-1"), hosts=(named,))).address == "127.0.0.1"
    with pytest.raises(ConfigError, match="they need addresses"):
        only(replace(stage("web-1"), hosts=(named, *private(stage("web-1", "web-2")).hosts[1:])))


def test_connections_are_counted_for_both_pools_and_workers() -> None:
    """Twice (hosts x (instances that it can be scaled to + workers)), cron entries, and four more; ten each."""
    more = {"workers": {"mailer": {"entry": "w.js", "instances": 3}}, "instances_max": 5}
    assert only(private(stage("web-1", "web-2")), **more).connections == (2 * 2 * (5 + 3) + 4) * 10
    crowd = {"instances_max": 99, "services": {"postgresql": {"connections": 50}}}
    with pytest.raises(ConfigError, match="the app may open 10100 connections") as failed:
        only(stage("web-1"), **crowd)
    assert "202 processes" in failed.value.why


def test_our_own_url_is_recognised_wherever_the_service_was() -> None:
    """The password is kept when it moves; what somebody set by hand is not ours."""
    one = only(stage("web-1"))
    here = service_url.make(one, "my-shop", PASSWORD)
    assert service_url.password_in(here, one, ()) == PASSWORD
    moved = replace(one, address="10.0.2.1", clients=("10.0.0.1",))
    assert service_url.password_in(here, moved, {"10.0.2.1"}) == PASSWORD
    assert (
        service_url.password_in(service_url.make(moved, "my-shop", PASSWORD), one, {"10.0.2.1"}) == PASSWORD
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://my_shop:" + "x" * 43 + "@db.example.com:5432/my_shop",
        "postgresql://other:" + "x" * 43 + "@127.0.0.1:5432/my_shop",
        "postgresql://my_shop:" + "x" * 43 + "@127.0.0.1:5432/other",
        "postgresql://my_shop:mine@127.0.0.1:5432/my_shop",
        "mysql://my_shop:" + "x" * 43 + "@127.0.0.1:5432/my_shop",
        "postgresql://my_shop:" + "x" * 43 + "@[127.0.0.1:5432/my_shop",
        "",
    ],
)
def test_a_url_that_somebody_set_is_left_alone(url: str) -> None:
    """Another server, user, database or password, or no URL at all."""
    assert service_url.password_in(Secret(url), only(stage("web-1")), {"10.0.0.1"}) is None


def test_rabbitmq_has_a_virtual_host_of_the_app_s_name() -> None:
    """By loopback as it is, between hosts by TLS; Node learns by a variable whom to trust."""
    wanted: dict[str, Any] = {"services": {"rabbitmq": {}}}
    here, remote = only(stage("web-1"), **wanted), only(private(stage("web-1", "web-2")), **wanted)
    assert service_url.make(here, "my-shop", PASSWORD).reveal() == (
        f"amqp://my_shop:{'x' * 43}@127.0.0.1:5672/my_shop"
    )
    url = service_url.make(remote, "my-shop", PASSWORD)
    assert url.reveal() == f"amqps://my_shop:{'x' * 43}@10.0.0.1:5672/my_shop"
    assert [service_url.trusts_by_variable(one) for one in (here, remote)] == [False, True]
    assert service_url.password_in(url, here, {"10.0.0.1"}) == PASSWORD
    assert service_url.beside(remote, url, PASSWORD) == {"RABBITMQ_URL": url}
    assert service_url.variables(here) == ("AMQP_URL", "RABBITMQ_URL")
    assert (here.memory, here.database, here.connections) == ("25%", "", 0)


KAFKA: dict[str, Any] = {"services": {"kafka": {"mirror": "https://mirror.example.com/apache/"}}}


def test_kafka_s_clients_are_given_each_part() -> None:
    """None for Node takes a URL; the one that there is keeps them together for us and for others."""
    here, remote = only(stage("web-1"), **KAFKA), only(private(stage("web-1", "web-2")), **KAFKA)
    url = service_url.make(here, "my-shop", PASSWORD)
    assert url.reveal() == f"kafka://my_shop:{'x' * 43}@127.0.0.1:9092"
    told = {name: value.reveal() for name, value in service_url.beside(here, url, PASSWORD).items()}
    assert told == {
        "KAFKA_BROKERS": "127.0.0.1:9092", "KAFKA_USERNAME": "my_shop", "KAFKA_PASSWORD": "x" * 43,
        "KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_SSL": "false",
    }  # fmt: skip
    url = service_url.make(remote, "my-shop", PASSWORD)
    assert url.reveal() == f"kafka+ssl://my_shop:{'x' * 43}@10.0.0.1:9092"
    told = {name: value.reveal() for name, value in service_url.beside(remote, url, PASSWORD).items()}
    assert (told["KAFKA_BROKERS"], told["KAFKA_SSL"]) == ("10.0.0.1:9092", "true")
    assert service_url.trusts_by_variable(remote)
    assert service_url.password_in(url, here, {"10.0.0.1"}) == PASSWORD
    assert services.handed_over((here,))["kafka"]["mirror"] == "https://mirror.example.com/apache"


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        ("127.0.0.1:9092", True), ("10.0.0.9:9092", True), ("[2001:db8::1]:9092", True), ("true", True),
        ("false", True), ("scram-sha-512", True), ("my_shop", True), ("x" * 43, True), ("", False),
        ("kafka.example.com:9092", False), ("10.0.0.9:9093", False), ("plain", False), ("me", False),
    ],
)  # fmt: skip
def test_each_part_of_kafka_s_login_is_recognised_wherever_it_was(value: str, ours: bool) -> None:
    """Another broker, user or mechanism is somebody's own, and stays."""
    one = only(stage("web-1"), **KAFKA)
    assert service_url.is_made(Secret(value), one, {"10.0.0.9", "2001:db8::1"}) is ours


def test_what_needs_quoting_in_a_url_is_quoted_and_read_again() -> None:
    """Names of ours never do; a driver that unquotes finds what was meant."""
    one = replace(only(stage("web-1"), services={"rabbitmq": {}}), user="a/b@c")
    url = service_url.make(one, "my-shop", PASSWORD)
    assert url.reveal() == f"amqp://a%2Fb%40c:{'x' * 43}@127.0.0.1:5672/a%2Fb%40c"
    assert service_url.password_in(url, one, ()) == PASSWORD


def both(*names: str) -> dict[str, str]:
    """The variables of an app with these services."""
    wanted = {name: {"database": f"shop_{name}"} if name != "redis" else {} for name in names}
    return {one.kind: one.variable for one in services.placed(config(services=wanted), stage("web-1"))}


def test_mariadb_has_the_usual_name_where_it_is_alone() -> None:
    """Beside PostgreSQL it has another."""
    assert both("mariadb") == {"mariadb": "DATABASE_URL"}
    assert both("mariadb", "redis") == {"mariadb": "DATABASE_URL", "redis": "REDIS_URL"}
    assert both("mariadb", "postgresql") == {"mariadb": "MYSQL_URL", "postgresql": "DATABASE_URL"}


def test_mongodb_s_url_has_two_names_and_the_size_of_the_pool() -> None:
    """As @nestjs/mongoose and others write it; the driver alone would open up to 100 connections a process."""
    one = only(stage("web-1"), services={"mongodb": {"connections": 4}})
    url = service_url.make(one, "my-shop", PASSWORD)
    assert (one.variable, one.connections) == ("MONGODB_URI", 48)
    assert url.reveal().endswith("/my_shop?directConnection=true&maxPoolSize=4")
    assert service_url.beside(one, url, PASSWORD) == {"MONGODB_URL": url}


def test_mongodb_may_have_the_name_of_another_database() -> None:
    """Backups and restores, which go by names alone, do not know it; and they say so."""
    named = config(services={"postgresql": {}, "mongodb": {}, "redis": {}})
    assert [one.database for one in services.placed(named, stage("web-1"))] == ["my_shop", "my_shop", ""]
    (said,) = services.unprotected(named)
    assert said.startswith("mongodb is in no backup")


def test_two_databases_have_two_names() -> None:
    """A backup, a restore and a drill's question say which one by its name."""
    with pytest.raises(ConfigError) as refused:
        services.placed(config(services={"postgresql": {}, "mariadb": {}}), stage("web-1"))
    assert "both are called my_shop" in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "here", "elsewhere"),
    [
        ("redis", "redis://my_shop:{}@127.0.0.1:6379/0", "rediss://my_shop:{}@10.0.0.1:6379/0"),
        (
            "mongodb",
            "mongodb://my_shop:{}@127.0.0.1:27017/my_shop?directConnection=true&maxPoolSize=10",
            "mongodb://my_shop:{}@10.0.0.1:27017/my_shop?directConnection=true&maxPoolSize=10&tls=true"
            "&tlsCAFile=/etc/ssl/vpsdeploy/my-shop.pem",
        ),
        (
            "mariadb",
            "mysql://my_shop:{}@127.0.0.1:3306/my_shop",
            "mysql://my_shop:{}@10.0.0.1:3306/my_shop?ssl=%7B%22verifyIdentity%22%3Atrue%7D",
        ),
    ],
)
def test_each_service_has_its_form_of_url(kind: str, here: str, elsewhere: str) -> None:
    """By loopback as it is, between hosts by TLS; Node learns by a variable whom to trust."""
    wanted = config(services={kind: {}})
    (alone,) = services.placed(wanted, stage("web-1"))
    (remote,) = services.placed(wanted, private(stage("web-1", "web-2")))
    assert service_url.make(alone, "my-shop", PASSWORD).reveal() == here.format("x" * 43)
    assert service_url.make(remote, "my-shop", PASSWORD).reveal() == elsewhere.format("x" * 43)
    by_variable = kind != "mongodb"  # its URL has a place for the certificate
    assert [service_url.trusts_by_variable(one) for one in (alone, remote)] == [False, by_variable]
    assert (
        service_url.password_in(service_url.make(remote, "my-shop", PASSWORD), alone, {"10.0.0.1"})
        == PASSWORD
    )
