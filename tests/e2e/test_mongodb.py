"""MongoDB's URL in the hands of its own driver.

The role on a host is Molecule's (`mongodb`), with stand-ins; a repository out of reach is tried in
test_services_mariadb.py, which has a host. docs/mongodb.md says what was never run.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.plan import service_url, services
from orchestrator.secret import Secret
from tests.support.fleet import stage
from tests.support.node_apps import modules

WORD = "Ab-_" + "x" * 39
PARSE = """
const { MongoClient } = require('mongodb');
const told = JSON.parse(process.argv[2]).map((url) => {
  const { options } = new MongoClient(url);
  const { username, password, source } = options.credentials;
  const { dbName, directConnection, maxPoolSize, tls, tlsCAFile } = options;
  return [options.hosts.map(String), username, password, source, dbName, directConnection, maxPoolSize, tls, tlsCAFile];
});
console.log(JSON.stringify(told));
"""


@pytest.mark.npm
def test_the_driver_reads_the_url_as_it_is_meant(tmp_path: Path) -> None:
    """By loopback and between hosts, IPv6 too: the app's login, its own database for it, the pool, the certificate."""
    config = AppConfig.model_validate({"app": "my-shop", "services": {"mongodb": {"connections": 4}}})
    (here,) = services.placed(config, stage("web-1"))
    there = [replace(here, address=address, clients=("10.0.0.2",)) for address in ("10.0.0.1", "2001:db8::5")]
    urls = [service_url.make(one, "my-shop", Secret(WORD)).reveal() for one in (here, *there)]
    modules(tmp_path, "mongodb@7")
    (tmp_path / "parse.cjs").write_text(PARSE)
    command = ["node", "parse.cjs", json.dumps(urls)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    login = ["my_shop", WORD, "my_shop", "my_shop", True, 4]
    trusted = [True, "/etc/ssl/vpsdeploy/my-shop.pem"]
    assert json.loads(done.stdout) == [
        [["127.0.0.1:27017"], *login, None, None],
        [["10.0.0.1:27017"], *login, *trusted],
        [["[2001:db8::5]:27017"], *login, *trusted],
    ]
