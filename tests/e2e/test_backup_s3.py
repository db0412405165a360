"""Backups to a server that speaks S3 and checks signatures: rclone's, on this machine, where the host reaches it.

What goes wrong there: another key, no such bucket, no server.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.workflows import sandbox
from tests.support import shapes
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

NAME, HOST = "e2e-s3", "web-1"
RCLONE = Path(sys.executable).with_name("rclone")
IDENTIFIER, SECRET = "AKIAEXAMPLE", "s3cret-canary"
CONFIG = """\
app: shop
instances: 1
limits: {{memory: 128M}}
shared: [uploads]
backup:
  targets: {{cloud: "s3://{endpoint}/{bucket}/backups"}}
  schedule: "0 3 1 1 *"
  drill: {{schedule: "0 5 1 1 *"}}
"""


class Cloud:
    """The server: its buckets are directories."""

    def __init__(self, place: Path, address: str) -> None:
        self.place, self.address = place, address
        with socket.socket() as free:
            free.bind((address, 0))
            self.endpoint = f"{address}:{free.getsockname()[1]}"
        (place / "buckets" / "mine").mkdir(parents=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=s3.test", "-addext", f"subjectAltName=IP:{address}", "-keyout", place / "key.pem",
             "-out", place / "cert.pem"], check=True, capture_output=True,
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def certificate(self) -> str:
        """What clients have to trust."""
        return (self.place / "cert.pem").read_text()

    @property
    def buckets(self) -> list[str]:
        """Those that there are."""
        return sorted(path.name for path in (self.place / "buckets").iterdir())

    def start(self) -> None:
        """Serve, and wait until somebody may connect."""
        command = [RCLONE, "serve", "s3", "--config", "/dev/null", "--addr", self.endpoint, "--auth-key",
                   f"{IDENTIFIER},{SECRET}", "--cert", self.place / "cert.pem", "--key", self.place / "key.pem",
                   self.place / "buckets"]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((self.address, int(self.endpoint.rpartition(":")[2])), 1).close()
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Nobody answers any more."""
        if self._process:
            self._process.terminate()
            self._process.wait(20)


class Shop:
    """The project and its cloud."""

    def __init__(self, project: Project, cloud: Cloud) -> None:
        self.project, self.cloud = project, cloud

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run a command, which has to end so."""
        done = subprocess.run(
            [VPSDEPLOY, *arguments], cwd=self.project.path, capture_output=True, text=True, check=False, input=stdin,
            timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run with --json: the result, which has the documented shape."""
        result: dict[str, Any] = json.loads(self.run(*arguments, "--json").splitlines()[-1])
        assert shapes.differences(shapes.examples()[result["kind"]], result) == []
        return result

    def on(self, script: str) -> str:
        """A shell's script on the host, as root."""
        return self.project.on(HOST, "sh", "-ec", script).strip()

    def configure(self, bucket: str) -> None:
        """Write vpsdeploy.yml."""
        text = CONFIG.format(endpoint=self.cloud.endpoint, bucket=bucket)
        (self.project.path / "vpsdeploy.yml").write_text(text)

    def set_key(self, identifier: str, secret: str) -> None:
        """As the provider's console shows it."""
        self.run("backup", "set", "CLOUD_ACCESS_KEY_ID", stdin=identifier)
        self.run("backup", "set", "CLOUD_SECRET_ACCESS_KEY", stdin=secret)


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A provisioned host that trusts the server's certificate."""
    assert shutil.which(str(RCLONE)), "make venv-dev installs it"
    place = tmp_path_factory.mktemp("s3")
    with pytest.MonkeyPatch.context() as patch, project_on_sandbox(place / "shop", NAME) as project:
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        gateway = ipaddress.ip_network(sandbox.status(NAME).subnet)[1]
        shop = Shop(project, Cloud(place, str(gateway)))
        shop.cloud.start()
        shop.configure("mine")
        shop.set_key(IDENTIFIER, SECRET)
        trust = "cat > /usr/local/share/ca-certificates/s3.crt <<'PEM'\n"
        shop.run("provision", "host")
        shop.on(f"{trust}{shop.cloud.certificate}PEM\nupdate-ca-certificates >/dev/null 2>&1")
        shop.on("seq 1000 > /srv/shop/shared/uploads/a.txt; chown shop:shop /srv/shop/shared/uploads/a.txt")
        yield shop
        shop.cloud.stop()


def test_a_backup_goes_to_a_bucket_and_comes_back(shop: Shop) -> None:
    """Made, listed, read to the last byte, drilled, restored; the secret is nowhere but in a file of root's."""
    shop.run("backup", "now")
    (repository,) = shop.json("backup", "list")["repositories"]
    assert (repository["target"], len(repository["snapshots"])) == ("cloud", 1)
    shop.run("backup", "verify")
    shop.run("backup", "drill")
    shop.on("rm /srv/shop/shared/uploads/a.txt")
    shop.run("backup", "restore", "--path", "uploads/a.txt")
    assert (
        shop.on("tail -1 /srv/shop/shared/uploads/a.txt; stat -c %U /srv/shop/shared/uploads/a.txt")
        == "1000\nshop"
    )
    shop.run("backup", "prune")
    holders = shop.on(f"grep -rlF {SECRET} /etc /var /srv /root /run /home /tmp 2>/dev/null || true")
    assert holders.splitlines() == ["/etc/vpsdeploy/backup/shop/cloud.s3"]


def test_another_key_is_no_missing_repository(shop: Shop) -> None:
    """The server refuses it, and we say so; with the right one it goes on."""
    for identifier, secret in ((IDENTIFIER, "another"), ("AKIANOBODY", SECRET)):
        shop.set_key(identifier, secret)
        failed = shop.run("backup", "now", code=11)
        assert "the target refuses us" in failed
        assert "there is no repository" not in failed
    shop.set_key(IDENTIFIER, SECRET)
    shop.run("backup", "now")


def test_a_bucket_that_is_not_there_is_never_made(shop: Shop) -> None:
    """A name with a typo must not become a place where backups go; on a host that has none yet, too."""
    shop.configure("minne")
    shop.run("provision", "host")
    assert "the bucket does not exist" in shop.run("backup", "now", code=11)
    shop.on("rm /var/lib/vpsdeploy/shop/backup/state.json")
    assert "the bucket does not exist" in shop.run("backup", "now", code=11)
    assert shop.cloud.buckets == ["mine"]
    shop.configure("mine")
    shop.run("provision", "host")
    shop.run("backup", "now")


def test_a_server_that_is_gone_is_told(shop: Shop) -> None:
    """In less time than restic itself would try; when it is back, everything is."""
    shop.cloud.stop()
    failed = shop.run("backup", "now", code=11)
    assert "the target cannot be reached" in failed
    assert "the target cannot be reached" in shop.run("backup", "list")
    shop.cloud.start()
    shop.run("backup", "now")
    assert "the last backup failed" not in shop.run("status")
