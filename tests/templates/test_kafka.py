"""Kafka's files, as they are rendered: who can reach it, what it may use, and where its archive is looked for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.support import roles

ALONE: dict[str, Any] = {"kafka_address": "", "kafka_clients": []}
SETTINGS, UNIT = "etc/kafka/server.properties.j2", "etc/systemd/system/kafka.service.j2"
DESCRIBED, PREPARE = "etc/vpsdeploy/services/kafka.json.j2", "usr/local/lib/vpsdeploy/kafka-prepare.j2"


def settings(**values: Any) -> dict[str, str]:
    """As the server reads them; none is there twice."""
    lines = [
        line for line in roles.render("kafka", SETTINGS, **values).splitlines() if line and line[0] != "#"
    ]
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines)
    return found


def test_beside_the_app_it_listens_on_loopback_and_needs_no_certificate() -> None:
    """A login is needed all the same, for each listener."""
    found = settings(**ALONE)
    assert found["listeners"] == "CLIENT://127.0.0.1:9092,ADMIN://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093"
    assert set(found["listener.security.protocol.map"].split(",")) == {
        f"{name}:SASL_PLAINTEXT" for name in ("CLIENT", "ADMIN", "CONTROLLER")
    }
    assert not [name for name in found if "ssl" in name]
    assert "openssl" not in roles.render("kafka", PREPARE, **ALONE)


@pytest.mark.parametrize(("address", "place"), [("10.0.0.5", "10.0.0.5"), ("2001:db8::5", "[2001:db8::5]")])
def test_between_hosts_it_listens_on_the_private_address_by_tls_only(address: str, place: str) -> None:
    """What the administrator and the node itself use stays on loopback."""
    found = settings(kafka_address=address)
    assert found["listeners"].split(",")[0] == f"CLIENT://{place}:9092"
    assert found["advertised.listeners"] == f"CLIENT://{place}:9092,ADMIN://127.0.0.1:9094"
    assert found["listener.security.protocol.map"].startswith("CLIENT:SASL_SSL,")
    pair = found["listener.name.client.ssl.keystore.location"]
    assert pair == f"/etc/kafka/tls/{address.replace(':', '-')}.pem"
    assert f"subjectAltName=IP:{address} " in roles.render("kafka", PREPARE, kafka_address=address)


def test_each_listener_takes_one_way_to_log_in() -> None:
    """The app's by digests; the server's own without any, from a file that it alone reads."""
    found = settings(**ALONE)
    names = {
        name: found[f"listener.name.{name}.sasl.enabled.mechanisms"]
        for name in ("client", "admin", "controller")
    }
    assert names == {"client": "SCRAM-SHA-512", "admin": "PLAIN", "controller": "PLAIN"}
    assert (found["inter.broker.listener.name"], found["controller.listener.names"]) == (
        "ADMIN",
        "CONTROLLER",
    )
    assert (found["sasl.mechanism.inter.broker.protocol"], found["sasl.mechanism.controller.protocol"]) == (
        "PLAIN", "PLAIN",
    )  # fmt: skip
    assert found["super.users"] == "User:vpsdeploy-admin"
    assert found["allow.everyone.if.no.acl.found"] == "false"


def test_nothing_is_waited_for_that_one_node_cannot_have() -> None:
    """A second copy: with any of these at its default of three nobody could write."""
    found = settings(**ALONE)
    copies = {name: value for name, value in found.items() if name.endswith((".factor", ".isr", ".replicas"))}
    assert set(copies.values()) == {"1"}
    assert {"offsets.topic.replication.factor", "transaction.state.log.replication.factor",
            "transaction.state.log.min.isr", "min.insync.replicas"} <= copies.keys()  # fmt: skip


@pytest.mark.parametrize(("memory", "heap"), [(512, 240), (1024, 624), (4096, 2928), (65536, 6144)])
def test_java_leaves_room_beside_its_heap(memory: int, heap: int) -> None:
    """The unit and what `status` compares it with say the same."""
    assert f"-Xms{heap}m -Xmx{heap}m" in roles.render("kafka", UNIT, kafka_memory_mib=memory)
    assert json.loads(roles.render("kafka", DESCRIBED, kafka_memory_mib=memory))["heap_mib"] == heap


@pytest.mark.parametrize(
    ("disk", "partitions"), [(1024, 6), (1, 6), (100_000, 6), (4096, 40), (10_000_000, 6)]
)
def test_files_are_small_enough_for_what_is_kept(disk: int, partitions: int) -> None:
    """A file is deleted as a whole: of one partition there are a few; sizes that Kafka takes (int32)."""
    found = settings(kafka_disk_mib=disk, kafka_partitions=partitions)
    kept, file = int(found["log.retention.bytes"]), int(found["log.segment.bytes"])
    assert kept >= 4 * file
    assert 16 << 20 <= file <= 1 << 30
    assert found["num.partitions"] == str(partitions)


def test_what_status_compares_is_what_the_server_is_told() -> None:
    """Else it would always or never wait for a restart."""
    told = json.loads(roles.render("kafka", DESCRIBED))["wanted"]
    assert told.items() <= settings().items()
    assert "advertised.listeners" in told


@pytest.mark.parametrize("values", [ALONE, {}])
def test_what_runs_before_it_is_a_script_that_a_shell_reads(values: dict[str, Any], tmp_path: Path) -> None:
    """With and without hosts elsewhere."""
    script = tmp_path / "prepare"
    script.write_text(roles.render("kafka", PREPARE, **values))
    subprocess.run(["sh", "-n", str(script)], check=True)


@pytest.mark.parametrize("mirror", ["", "https://mirror.example.com/apache"])
@pytest.mark.parametrize("version", ["", "4.1.0"])
def test_what_is_looked_for_beforehand_is_what_is_fetched(mirror: str, version: str) -> None:
    """The preflight of the whole site and the role come to the same; of another release in the inventory, too."""
    top, loader = roles.ROLES.parent, DataLoader()
    own: dict[str, Any] = {"kafka_version": version} if version else {}
    services = loader.load_from_file(str(top / "playbooks/vars/services.yml"), trusted_as_template=True)
    asked = {"host": "web-1", "mirror": mirror, "clients": [], "memory": "25%", "port": 9092, "user": "shop"}
    given: dict[str, Any] = {
        "vpsdeploy_services": {"kafka": asked}, "inventory_hostname": "web-1",
    }  # fmt: skip
    given["__kafka_defaults"] = roles.defaults("kafka")
    looked = Templar(loader, variables={**services, **given, **own}).template(services["__archives"])["kafka"]
    variables: dict[str, Any] = {"inventory_hostname": "web-1", "kafka_debian": 13}
    for file in ("defaults/main.yml", "vars/main.yml"):
        path = str(roles.ROLES / "kafka" / file)
        variables.update(
            {**loader.load_from_file(path, trusted_as_template=True), **own, "kafka_mirror": mirror}
        )
    (fetched,) = Templar(loader, variables=variables).template(variables["__kafka_unpacked"])
    assert (looked["urls"], looked["directory"]) == (fetched["urls"], fetched["directory"])
    assert fetched["urls"][-1].endswith(f"/kafka/{version or '4.1.2'}/kafka_2.13-{version or '4.1.2'}.tgz")
    assert len(fetched["urls"]) == (1 if mirror else 2)
