"""RabbitMQ and NATS of a real NestJS microservice on a real host: asked through them, backed up, lost and restored.

The order matters: a bare host, its first provision and release, then what people and accidents do to it.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support import nest_projects, newer_packages
from tests.support.canaries import Canaries
from tests.support.secrets_on_host import assert_only_root_and_the_app_have
from tests.support.vps import Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]

CONFIG = (
    "app: shop", "instances: 1", "health: {path: /health/live}", "release: {drain_seconds: 5, watch_seconds: 1}",
    "services: {rabbitmq: {memory: 256M}, nats: {memory: 64M}}", "backup: {targets: {disk: /var/backups/shop}}",
)  # fmt: skip
UNITS = {"rabbitmq-server": "rabbitmq-server.service", "nats-server": "nats-server.service"}
"""By the names of their packages."""

MODULES = (
    "@nestjs/microservices@12", "amqplib", "amqp-connection-manager", "@nats-io/transport-node@3",
    "@nats-io/jetstream@3",
)  # fmt: skip
SOURCES = {
    "src/brokers.ts": """
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';

export const rabbitmq = {
  transport: Transport.RMQ as const,
  options: { urls: [process.env.AMQP_URL!], queue: 'doubles', queueOptions: { durable: true } },
};
export const nats = {
  transport: Transport.NATS as const,
  options: { servers: [process.env.NATS_URL!], user: process.env.NATS_USER, pass: process.env.NATS_PASSWORD },
};
export const both: MicroserviceOptions[] = [rabbitmq, nats];
""",
    "src/main.ts": """
import { createApp } from './create-app.js';
import { both } from './brokers.js';

const app = await createApp();
for (const one of both) app.connectMicroservice(one);
await app.startAllMicroservices();
await app.listen(process.env.PORT ?? 3000);
""",
    "src/app.controller.ts": """
import { Controller, Get, Param, Post } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern } from '@nestjs/microservices';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { firstValueFrom, timeout } from 'rxjs';

import { nats, rabbitmq } from './brokers.js';

const clients = { rabbitmq: ClientProxyFactory.create(rabbitmq), nats: ClientProxyFactory.create(nats) };
const connected = connect(nats.options);

@Controller()
export class AppController {
  @MessagePattern('double')
  double(n: number): number {
    return 2 * n;
  }

  @Get('double/:via/:n')
  ask(@Param('via') via: 'rabbitmq' | 'nats', @Param('n') n: string): Promise<number> {
    return firstValueFrom(clients[via].send<number>('double', Number(n)).pipe(timeout(5000)));
  }

  @Post('stored')
  async store(): Promise<number> {
    const connection = await connected;
    await (await jetstreamManager(connection)).streams.add({ name: 'ORDERS', subjects: ['orders'] });
    return (await jetstream(connection).publish('orders', 'one')).seq;
  }

  @Get('stored')
  async stored(): Promise<number> {
    return (await (await jetstreamManager(await connected)).streams.info('ORDERS')).state.messages;
  }
}
""",
}


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example as a microservice of two brokers, and one bare host."""
    place = tmp_path_factory.mktemp("brokers")
    path = place / "shop"
    nest_projects.example(path, MODULES, SOURCES)
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(path, "e2e-brokers", config=CONFIG) as made,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        yield made


def asked(url: str, *, post: bool = False) -> int:
    """A number that the app answers with, through nginx."""
    request = urllib.request.Request(url, b"" if post else None)  # noqa: S310 - http, to our own sandbox
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http, to our own sandbox
        return int(answer.read())


def answers(project: Project) -> bool:
    """Whether a question comes back through both."""
    try:
        return [asked(f"{project.url}double/{via}/4") for via in ("rabbitmq", "nats")] == [8, 8]
    except OSError:
        return False


def test_a_bare_host_gets_both_and_the_app_its_urls(shop: Project) -> None:
    """Every variable that apps look into; nobody but root is in the servers besides."""
    printed = shop.run("provision", "host", "--verbose")
    assert "rabbitmq: user shop, rights of shop" in printed
    assert "nats: user shop" in printed
    found = {
        name: shop.run("env", "reveal", name).strip() for name in ("AMQP_URL", "RABBITMQ_URL", "NATS_URL")
    }
    assert found["AMQP_URL"] == found["RABBITMQ_URL"]
    assert found["AMQP_URL"].startswith("amqp://shop:")
    assert found["AMQP_URL"].endswith("@127.0.0.1:5672/shop")
    assert shop.run("env", "reveal", "NATS_PASSWORD").strip() == urlsplit(found["NATS_URL"]).password
    for url in found.values():
        assert not Canaries(str(urlsplit(url).password)).found_in(printed.encode())
    users = shop.on("web-1", "rabbitmqctl", "--quiet", "list_users", "--no-table-headers").split()
    assert {user for user in users if not user.startswith("[")} == {"shop", "vpsdeploy"}
    for name, one in shop.services().items():
        assert (one["running"], one["waits"], one["why"]) == (True, [], ""), name


def test_nothing_listens_for_others(shop: Project) -> None:
    """Not Erlang's port mapper either, nor its nodes, nor what is for administrators."""
    told = shop.on("web-1", "ss", "-Hltn").splitlines()
    ports = {5672, 4369, 25672, 15672, 4222, 8222}
    listening = [line.split()[3].rpartition(":") for line in told]
    assert {(host, int(port)) for host, _, port in listening if int(port) in ports} == {
        ("127.0.0.1", port) for port in ports
    }


def test_a_second_time_nothing_changes_and_ansible_is_not_started(shop: Project) -> None:
    """The host audits itself; the logins are as they were, and in no process's arguments."""
    with Canaries(shop.run("env", "reveal", "NATS_PASSWORD").strip()).watched_for() as seen:
        result = shop.json("provision", "host")[-1]
    assert seen == []
    assert [(host["audited"], host["module_calls"]) for host in result["hosts"]] == [(True, 0)]
    assert [one["changed"] for one in result["services"]] == [[], []]


def test_a_released_microservice_asks_and_answers_through_both(shop: Project) -> None:
    """Nest's own transports, with the variables as they are; a stream keeps what was published."""
    shop.run("release")
    url = shop.url
    assert [asked(f"{url}double/{via}/21") for via in ("rabbitmq", "nats")] == [42, 42]
    assert [asked(f"{url}stored", post=True) for _ in range(3)] == [1, 2, 3]
    found = shop.services()
    assert [(one["running"], one["why"]) for one in found.values()] == [(True, "")] * 2, found
    assert min(one["connections"] for one in found.values()) >= 1, found
    assert found["nats"]["data_bytes"] > 0
    refused = shop.run("db", "console", "rabbitmq", code=2)
    assert "rabbitmq has no console" in refused
    assert "on web-1, as root: rabbitmqctl list_queues --vhost shop" in refused


def test_what_is_lost_comes_back_from_a_backup_that_was_proven(shop: Project) -> None:
    """Queues as they were declared, streams with every message; what was published later is kept beside."""
    shop.run("backup", "now")
    (target,) = shop.json("backup", "drill")[-1]["hosts"][0]["backup"]["targets"]
    assert target["drilled"]["rows"] >= 3 + 1
    shop.on("web-1", "rabbitmqctl", "--quiet", "delete_queue", "--vhost", "shop", "doubles")
    url = shop.url
    assert asked(f"{url}stored", post=True) == 4
    assert "in use" in shop.run("backup", "restore", "--database", "nats", code=2)
    told = shop.run("backup", "restore", "--database", "nats", "--force")
    assert "ORDERS: 3 messages" in told
    assert asked(f"{url}stored") == 3
    assert "without messages" in shop.run("backup", "restore", "--database", "rabbitmq", "--force")
    listed = shop.on(
        "web-1", "rabbitmqctl", "--quiet", "list_queues", "--vhost", "shop", "--no-table-headers", "name"
    )
    assert "doubles" in listed.split()
    vhosts = shop.on("web-1", "rabbitmqctl", "--quiet", "list_vhosts", "--no-table-headers").split()
    assert vhosts == ["shop"]


def test_brokers_that_die_come_back_and_so_does_the_app(shop: Project) -> None:
    """The drivers connect again by themselves; the stream has what it had."""
    shop.on("web-1", "systemctl", "kill", "--signal=KILL", *UNITS.values())
    assert "rabbitmq on web-1 does not run: " in shop.run("status")
    until(lambda: answers(shop))
    assert asked(f"{shop.url}stored") == 3


@pytest.mark.full
def test_their_updates_wait_and_come_where_an_outage_is_allowed(shop: Project) -> None:
    """Debian's packages restart both; a stream has afterwards what it had, and the app goes on through both."""
    newer_packages.publish(shop, "web-1", list(UNITS))
    before = newer_packages.runs(shop, "web-1", UNITS)
    shop.on("web-1", "sh", "-c", "apt-get -q update && unattended-upgrade")
    told = " ".join(one["text"] for one in json.loads(shop.vpsdeploy("doctor", "--json").stdout)["findings"])
    assert "security updates of nats, rabbitmq wait" in told
    shop.run("host", "patch", code=2)
    assert newer_packages.installed(shop, "web-1", list(UNITS)) == []
    assert newer_packages.runs(shop, "web-1", UNITS) == before
    (patched,) = shop.json("host", "patch", "--allow-outage")[-1]["hosts"]
    assert (patched["restarted"], patched["held"]) == (["nats", "rabbitmq"], [])
    assert newer_packages.installed(shop, "web-1", list(UNITS)) == sorted(UNITS)
    assert [new == before[name] for name, new in newer_packages.runs(shop, "web-1", UNITS).items()] == [
        False,
        False,
    ]
    until(lambda: answers(shop))
    assert asked(f"{shop.url}stored") == 3
    assert [(one["running"], one["waits"]) for one in shop.services().values()] == [(True, [])] * 2
    result = shop.json("provision", "host")[-1]
    assert [(host["audited"], host["module_calls"]) for host in result["hosts"]] == [(True, 0)]


def test_a_broker_whose_archive_is_nowhere_to_be_had_changes_nothing(shop: Project) -> None:
    """Kafka is no package: where nobody has it, the host says so before anything on it is changed."""
    file = shop.path / "vpsdeploy.yml"
    before = file.read_text()
    file.write_text(before.replace("services: {", "services: {kafka: {mirror: 'http://127.0.0.1:9'}, "))
    failed = " ".join(shop.run("provision", "host", code=7).split())
    file.write_text(before)
    assert "kafka: its archive cannot be fetched from this host, and Debian has no package of it" in failed
    assert "http://127.0.0.1:9/kafka/4.1.2/kafka_2.13-4.1.2.tgz cannot be reached from the host" in failed
    assert "name a mirror in services.kafka.mirror of vpsdeploy.yml, or take nats or rabbitmq" in failed
    assert shop.on("web-1", "sh", "-c", "ls -d /opt/kafka* /etc/kafka /usr/bin/java; true").split() == []
    assert "KAFKA" not in shop.run("env", "list")


def test_only_root_and_the_app_have_the_passwords(shop: Project) -> None:
    """On the host: the release's settings and what systemd reads. No log has one, nor the servers' own files."""
    for name in ("AMQP_URL", "NATS_URL"):
        canaries = Canaries(str(urlsplit(shop.run("env", "reveal", name).strip()).password))
        assert_only_root_and_the_app_have(shop, "web-1", canaries)
