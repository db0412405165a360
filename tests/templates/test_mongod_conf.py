"""MongoDB's configuration, judged by the names that its manual documents: there is no server to ask."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import roles

DOCUMENTED = {
    "storage.dbPath", "storage.wiredTiger.engineConfig.cacheSizeGB", "processManagement.timeZoneInfo", "net.port",
    "net.bindIp", "net.ipv6", "net.maxIncomingConnections", "net.unixDomainSocket.enabled", "net.tls.mode",
    "net.tls.certificateKeyFile", "net.tls.CAFile", "net.tls.allowConnectionsWithoutCertificates",
    "net.tls.disabledProtocols", "security.authorization", "security.keyFile", "replication.replSetName",
    "replication.oplogSizeMB",
}  # fmt: skip
"""Source: mongodb.com/docs/v8.0/reference/configuration-options."""

ALONE: dict[str, Any] = {"mongodb_address": "", "mongodb_clients": []}
ELSEWHERE: dict[str, Any] = {"mongodb_address": "10.0.0.5", "mongodb_clients": ["10.0.0.11"]}
BY_IPV6: dict[str, Any] = {"mongodb_address": "2001:db8::5", "mongodb_clients": ["2001:db8::11"]}
FORMS = pytest.mark.parametrize("form", [ALONE, ELSEWHERE, BY_IPV6], ids=["alone", "elsewhere", "IPv6"])


def conf(**values: Any) -> dict[str, Any]:
    """The file as the server reads it."""
    loaded: dict[str, Any] = yaml.safe_load(roles.render("mongodb", "etc/mongod.conf.j2", **values))
    return loaded


def names(tree: dict[str, Any], before: str = "") -> Iterator[str]:
    """Every setting by its whole name."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from names(value, f"{before}{name}.")
        else:
            yield before + name


@FORMS
def test_every_setting_is_one_of_the_manual_s(form: dict[str, Any]) -> None:
    """A name that is written wrongly keeps the server from starting."""
    assert set(names(conf(**form))) <= DOCUMENTED


@FORMS
def test_nobody_gets_in_without_a_login(form: dict[str, Any]) -> None:
    """Authorization is on, and the one member of the set has its key file."""
    security = conf(**form)["security"]
    assert security == {"authorization": "enabled", "keyFile": "/etc/mongodb/keyfile"}
    assert conf(**form)["replication"]["replSetName"] == "rs0"


def test_it_listens_on_loopback_alone_without_app_hosts_elsewhere() -> None:
    """No TLS, no socket file."""
    net = conf(**ALONE)["net"]
    assert (net["bindIp"], net["unixDomainSocket"]) == ("127.0.0.1", {"enabled": False})
    assert not {"tls", "ipv6"} & set(net)


@pytest.mark.parametrize(
    ("form", "bind", "file", "ipv6"),
    [
        (ELSEWHERE, "127.0.0.1,10.0.0.5", "10.0.0.5", None),
        (BY_IPV6, "127.0.0.1,2001:db8::5", "2001-db8--5", True),
    ],
)
def test_for_app_hosts_elsewhere_it_takes_tls_and_nothing_else(
    form: dict[str, Any], bind: str, file: str, ipv6: bool | None
) -> None:
    """With a certificate for its private address; clients have none, they have passwords."""
    net = conf(**form)["net"]
    assert (net["bindIp"], net.get("ipv6")) == (bind, ipv6)
    assert net["tls"] == {
        "mode": "requireTLS", "certificateKeyFile": f"/etc/mongodb/tls/{file}.pem",
        "CAFile": f"/etc/mongodb/tls/{file}.crt", "allowConnectionsWithoutCertificates": True,
        "disabledProtocols": "TLS1_0,TLS1_1",
    }  # fmt: skip


@pytest.mark.parametrize(("mib", "gib"), [(512, 0.25), (513, 0.25), (1000, 0.48), (1024, 0.5), (3277, 1.6)])
def test_half_of_the_memory_is_its_cache(mib: int, gib: float) -> None:
    """In GiB, as it counts; a quarter is the least that it takes."""
    assert conf(mongodb_memory_mib=mib)["storage"]["wiredTiger"]["engineConfig"]["cacheSizeGB"] == gib


@FORMS
def test_what_the_agent_compares_is_what_the_file_says(form: dict[str, Any]) -> None:
    """Else it would say for ever that something waits for a restart."""
    told = json.loads(roles.render("mongodb", "etc/vpsdeploy/services/mongodb.json.j2", **form))
    found = conf(**form)
    assert told["settings"] == {
        "bindIp": found["net"]["bindIp"], "maxIncomingConnections": found["net"]["maxIncomingConnections"],
        "cacheSizeGB": found["storage"]["wiredTiger"]["engineConfig"]["cacheSizeGB"],
    }  # fmt: skip
    assert told["replica_set"] == found["replication"]["replSetName"]


@FORMS
def test_systemd_takes_the_drop_in(form: dict[str, Any], tmp_path: Path) -> None:
    """Beside a unit like MongoDB's own."""
    unit = tmp_path / "mongod.service"
    unit.write_text("[Service]\nExecStart=/bin/true --config /etc/mongod.conf\n")
    text = roles.render("mongodb", "etc/systemd/system/mongod.service.d/50-vpsdeploy.conf.j2", **form)
    (tmp_path / "mongod.service.d").mkdir()
    (tmp_path / "mongod.service.d/50-vpsdeploy.conf").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "50-vpsdeploy" in line or "mongod" in line] == []
