"""Kafka: the app's user and its rights, asked over its own protocol; how the server is."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import kafka, kafka_scram
from orchestrator.agent.kafka_admin import Admin, Right, Topic
from orchestrator.agent.kafka_connection import Connection, Refused
from tests.support.fake_kafka import ADMIN, Broker
from tests.support.fake_kafka_server import serving
from tests.unit.agent.conftest import Host

PASSWORD = "correct-horse-battery-staple-0123456789abcd"
UNIT = "kafka.service"
WANTED = {"num.partitions": "6", "log.retention.bytes": "1000"}


@pytest.fixture(name="broker")
def _broker(bare: Host) -> Iterator[Broker]:
    """By loopback, with a topic of the app's and one of the server's own."""
    with serving(Broker("pAdministrator", dict(WANTED))) as made:
        made.topics = {"orders": (3, {"retention.ms": "1000"}), "__consumer_offsets": (50, {})}
        made.sizes = {"orders": 4096, "__consumer_offsets": 999}
        installed(bare, made)
        yield made


def installed(host: Host, broker: Broker, protocol: str = "SASL_PLAINTEXT", **more: Any) -> None:
    """What the role and the server's unit leave behind."""
    host.layout.services.mkdir(parents=True, exist_ok=True)
    (host.layout.proc / "net").mkdir(parents=True, exist_ok=True)
    file = host.layout.root / kafka.ADMIN_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    login = f'required username="{ADMIN}" password="{broker.password}";'
    file.write_text(f"security.protocol=SASL_PLAINTEXT\nsasl.jaas.config=x.PlainLoginModule {login}\n")
    broker.settings["advertised.listeners"] = f"CLIENT://127.0.0.1:{broker.port},ADMIN://127.0.0.1:9094"
    broker.settings["listener.security.protocol.map"] = f"CLIENT:{protocol},ADMIN:SASL_PLAINTEXT"
    settings = {
        "service": "kafka", "app": "shop", "version": "4.1.2", "user": "shop", "connections": 0, "port": broker.port,
        "address": "127.0.0.1", "admin_port": broker.admin_port, "heap_mib": 240, "unit": UNIT, "certificate": "",
        "wanted": WANTED, **more,
    }  # fmt: skip
    (host.layout.services / "kafka.json").write_text(json.dumps(settings))


def make(host: Host, password: str = PASSWORD) -> list[str]:
    """Ask for the app's login."""
    changed: list[str] = host.call("service", service="kafka", password=password)["changed"]
    return changed


def health(host: Host) -> dict[str, Any]:
    """As `status` shows it."""
    (one,) = host.call("services")["services"]
    return dict(one)


def lets_in(broker: Broker, user: str, password: str) -> bool:
    """Whether somebody logs in where the app does."""
    try:
        Connection("127.0.0.1", broker.port, user, password, kafka_scram.MECHANISM).close()
    except Refused:
        return False
    return True


def test_the_app_gets_a_user_and_rights_and_the_server_no_password(bare: Host, broker: Broker) -> None:
    """A salted digest is all that it is told, and no program's arguments hold anything."""
    assert make(bare) == ["user shop", "rights of shop"]
    assert [lets_in(broker, "shop", word) for word in (PASSWORD, PASSWORD[::-1])] == [True, False]
    assert not lets_in(broker, "nobody", PASSWORD)
    salt, iterations, salted = broker.users["shop"]
    assert (len(salt), iterations, len(salted)) == (32, 8192, 64)
    assert PASSWORD not in json.dumps(bare.systemd.told)


def test_the_app_s_rights_end_at_the_server_s_own(bare: Host, broker: Broker) -> None:
    """Every topic, group and transaction, but no topic of the server's, and nothing of the cluster."""
    make(bare)
    allowed = {
        (kind, name, pattern) for kind, name, pattern, *_, permission in broker.rights if permission == 3
    }
    denied = {
        (kind, name, pattern) for kind, name, pattern, *_, permission in broker.rights if permission == 2
    }
    assert allowed == {(2, "*", 3), (3, "*", 3), (5, "*", 3)}
    assert denied == {(2, "__", 4)}
    assert {one[3:6] for one in broker.rights} == {("User:shop", "*", 2)}


def test_what_is_so_already_stays(bare: Host, broker: Broker) -> None:
    """One login says so, and a look at the rights."""
    make(bare)
    before = dict(broker.users)
    assert make(bare) == []
    assert broker.users == before


def test_another_password_and_a_missing_right_are_put_right(bare: Host, broker: Broker) -> None:
    """Rights that somebody has added stay: they are the owner's."""
    make(bare, PASSWORD[::-1])
    broker.rights -= {(3, "*", 3, "User:shop", "*", 2, 3)}
    broker.rights |= {(4, "kafka-cluster", 3, "User:shop", "*", 8, 3)}
    assert make(bare) == ["user shop", "rights of shop"]
    assert lets_in(broker, "shop", PASSWORD)
    assert len(broker.rights) == 5


def test_between_hosts_the_server_is_known_by_its_certificate(bare: Host, tmp_path: Path) -> None:
    """The one that its unit has made for the address; another is not believed."""
    place = bare.layout.root / kafka.CERTIFICATES
    place.mkdir(parents=True)
    pair = _certificate(place / "127.0.0.1.crt", tmp_path / "pair.pem")
    with serving(Broker("pAdministrator", {}), pair=pair) as broker:
        installed(bare, broker, "SASL_SSL", certificate="/etc/kafka/tls/127.0.0.1.crt")
        assert make(bare) == ["user shop", "rights of shop"]
        assert make(bare) == []
        assert health(bare)["certificate"].startswith("-----BEGIN CERTIFICATE")
        _certificate(place / "127.0.0.1.crt", tmp_path / "other.pem")
        with pytest.raises(OSError, match="certificate verify failed"):
            Connection(
                "127.0.0.1",
                broker.port,
                "shop",
                PASSWORD,
                kafka_scram.MECHANISM,
                str(place / "127.0.0.1.crt"),
            )


def _certificate(file: Path, pair: Path) -> str:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=vpsdeploy-kafka", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(pair),
         "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    pair.write_text(pair.read_text() + file.read_text())
    return str(pair)


def test_a_server_that_is_not_there_yet_is_waited_for_and_then_told(
    bare: Host, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With where to look; nothing is marked as the app's."""
    monkeypatch.setattr(kafka, "_START_SECONDS", 0.3)
    installed(bare, broker, admin_port=1)
    told = bare.call("service", service="kafka", password=PASSWORD)
    assert (told["what"], told["next"]) == ("kafka does not answer", f"journalctl -u {UNIT}")
    assert "refused" in told["why"]
    assert not (bare.layout.service_marks / "kafka").exists()


def test_health_is_what_the_server_says(bare: Host, broker: Broker) -> None:
    """Its own topics are no data of the app's."""
    make(bare)
    one = health(bare)
    assert (one["running"], one["version"], one["data_bytes"], one["waits"], one["why"]) == (
        True, "4.1.2", 4096, [], "",
    )  # fmt: skip


def test_what_waits_for_a_restart_is_told(bare: Host, broker: Broker) -> None:
    """Settings by their names; the release by the directory that the process runs in, the heap by its arguments."""
    broker.settings["num.partitions"] = "3"
    bare.systemd.properties[UNIT] = {"MainPID": "77"}
    process = bare.layout.proc / "77"
    process.mkdir(parents=True)
    (process / "cwd").symlink_to("/opt/kafka_2.13-4.1.1")
    (process / "cmdline").write_text("java\0-Xms512m\0-Xmx512m\0kafka.Kafka\0")
    one = health(bare)
    assert (one["version"], one["waits"]) == ("4.1.1", ["num.partitions", "version", "heap"])


@pytest.mark.parametrize("what", ["silent", "password", "file"])
def test_a_server_that_is_ill_is_told_as_such(bare: Host, broker: Broker, what: str) -> None:
    """It hangs up, has another administrator, or nobody knows that one's password."""
    broker.silent = what == "silent"
    if what == "password":
        broker.password = "another"
    if what == "file":
        (bare.layout.root / kafka.ADMIN_FILE).write_text("")
    one = health(bare)
    assert one["running"] is False
    said = {
        "silent": "the connection was closed",
        "password": "Authentication failed",
        "file": "has no password",
    }
    assert said[what] in one["why"]


GOLDEN = {
    29: "01ffff010009557365723a73686f70ffff0101",
    30: "000000020200025f5f040009557365723a73686f7000012a02020500012a030009557365723a73686f7000012a0203",
    19: "0000000100066f72646572730000000300010000000000000002000e636c65616e75702e706f6c6963790007636f6d70616374"
    "000c726574656e74696f6e2e6d730004313030300000753001",
    51: "01020573686f70020000200021000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f412db7fe252edae9"
    "c0f2b1b9a13c34de963bdcf81d3d7be03f3f93adcaba07b78555d9d410bde789ae083b56c8b01c3f79b18df9cf337034f20a7aa5389da7"
    "3b2d0000",
}
"""What other clients have sent for the same: librdkafka 2.16 (29, 30, 19), kafka-python 3.0 (51)."""


def test_our_questions_are_those_of_other_clients_byte_for_byte(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No real server has judged ours: those clients know theirs."""
    sent: dict[int, str] = {}
    told = Connection.ask

    def asking(self: Connection, key: int, version: int, body: bytes, *, flexible: bool = False) -> Any:
        sent[key] = body.hex()
        return told(self, key, version, body, flexible=flexible)

    monkeypatch.setattr(Connection, "ask", asking)
    monkeypatch.setattr(secrets, "token_bytes", lambda count: bytes(range(count)))
    with Connection("127.0.0.1", broker.admin_port, ADMIN, broker.password, "PLAIN") as link:
        admin = Admin(link)
        admin.grant("shop", [Right(2, "__", 4, 2, 2), Right(5, "*", 3, 2, 3)])
        admin.rights("shop")
        topic = Topic("orders", 3, {"cleanup.policy": "compact", "retention.ms": "1000"})
        admin.create([topic], really=False)
        admin.set_password("shop", "word-of-the-app")
    assert {key: sent[key] for key in GOLDEN} == GOLDEN
