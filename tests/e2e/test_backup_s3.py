"""Backups to a server that speaks S3 and checks signatures: rclone's, on this machine, where the host reaches it.

What goes wrong there (another key, no such bucket, no server); and that the host tells of that and the rest by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.workflows import sandbox
from tests.support import shapes
from tests.support.receivers import IDENTIFIER, RCLONE, SECRET, Cloud, Hook, gateway
from tests.support.vps import Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.full]

NAME, HOST = "e2e-s3", "web-1"
CONFIG = """\
app: shop
instances: 1
limits: {{memory: 128M}}
shared: [uploads]
notify:
  - {{type: webhook, url: "http://{hook}/shop"}}
  - {{type: slack, url_env: E2E_S3_SLACK, on: [trouble]}}
backup:
  targets: {{cloud: "s3://{endpoint}/{bucket}/backups"}}
  schedule: "0 3 1 1 *"
  drill: {{schedule: "0 5 1 1 *"}}
"""


class Shop:
    """The project, its cloud, and who is told."""

    def __init__(self, project: Project, cloud: Cloud, hook: Hook) -> None:
        self.project, self.cloud, self.hook = project, cloud, hook

    def look(self) -> list[dict[str, Any]]:
        """What the timer starts once a minute. Returns: what was told."""
        self.on("systemctl start vpsdeploy-alerts.service")
        return self.hook.heard()

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run a command, which has to end so."""
        return self.project.run(*arguments, stdin=stdin, code=code)

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run with --json: the result, which has the documented shape."""
        result: dict[str, Any] = json.loads(self.run(*arguments, "--json").splitlines()[-1])
        assert shapes.differences(shapes.examples()[result["kind"]], result) == []
        return result

    def on(self, script: str) -> str:
        """A shell's script on the host, as root; it has to succeed."""
        return self.project.on(HOST, "sh", "-ec", script).strip()

    def seen(self) -> str:
        """What a look that told something else has seen and said."""
        asked = (
            "systemctl show -p ActiveState,Result nginx vpsdeploy-alerts; cat /var/lib/vpsdeploy/shop/alerts.json; "
            "journalctl -u vpsdeploy-alerts -n 20 -o short-precise --no-pager"
        )
        return sandbox.run(NAME, HOST, ["sh", "-c", asked]).stdout

    def configure(self, bucket: str) -> None:
        """Write vpsdeploy.yml."""
        text = CONFIG.format(endpoint=self.cloud.endpoint, bucket=bucket, hook=self.hook.endpoint)
        (self.project.path / "vpsdeploy.yml").write_text(text)

    def set_key(self, identifier: str, secret: str) -> None:
        """As the provider's console shows it."""
        self.run("backup", "set", "CLOUD_ACCESS_KEY_ID", stdin=identifier)
        self.run("backup", "set", "CLOUD_SECRET_ACCESS_KEY", stdin=secret)


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A provisioned host that trusts the server's certificate."""
    assert RCLONE.is_file(), "make venv-dev installs it"
    place = tmp_path_factory.mktemp("s3")
    with pytest.MonkeyPatch.context() as patch, project_on_sandbox(place / "shop", NAME) as project:
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        here = gateway(NAME)
        shop = Shop(project, Cloud(place, here), Hook(here))
        patch.setenv("E2E_S3_SLACK", f"http://{shop.hook.endpoint}/slack-canary")
        shop.cloud.start()
        shop.configure("mine")
        shop.set_key(IDENTIFIER, SECRET)
        shop.run("provision", "host")
        shop.on(shop.cloud.trusted)
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
    shop.set_key(IDENTIFIER, "another")
    failed = shop.run("backup", "now", code=11)
    assert "the target refuses us" in failed
    assert "there is no repository" not in failed
    shop.set_key(IDENTIFIER, SECRET)
    shop.run("backup", "now")


def test_a_bucket_that_is_not_there_is_never_made(shop: Shop) -> None:
    """A name with a typo must not become a place where backups go; on a host that has none yet, too."""
    shop.configure("minne")
    shop.run("provision", "host")
    shop.on("rm /var/lib/vpsdeploy/shop/backup/state.json")
    assert "the bucket does not exist" in shop.run("backup", "now", code=11)
    assert shop.cloud.buckets == ["mine"]
    shop.configure("mine")
    shop.run("provision", "host")
    shop.run("backup", "now")


def told(messages: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Names of what began and of what ended."""
    begun = [one["name"] for message in messages for one in message["troubles"]]
    return begun, [one["name"] for message in messages for one in message["ended"]]


def test_what_goes_wrong_is_told_once_and_that_it_is_over_once(shop: Shop) -> None:
    """By the host itself, whoever is at a controller; the timer runs, and the URL is nowhere else."""
    shop.run("backup", "drill")
    assert (
        shop.on("systemctl stop vpsdeploy-alerts.timer; systemctl is-enabled vpsdeploy-alerts.timer")
        == "enabled"
    )
    shop.on("systemd-analyze verify vpsdeploy-alerts.service vpsdeploy-alerts.timer")
    shop.look()  # what the timer had not told yet of the tests before
    shop.cloud.stop()
    shop.run("backup", "now", code=11)
    (message,) = shop.look()
    assert told([message]) == (["backup failed"], [])
    assert "the target cannot be reached" in message["text"]
    assert shop.look() == [], shop.seen()
    shop.cloud.start()
    shop.run("backup", "now")
    assert "the last backup failed" not in shop.run("status")
    assert told(shop.look()) == ([], ["backup failed"]), shop.seen()
    assert shop.look() == [], shop.seen()
    holders = shop.on("grep -rlF slack-canary /etc /var /srv /root /run /home /tmp 2>/dev/null || true")
    assert holders.splitlines() == ["/etc/vpsdeploy/alerts/shop.json"]
    assert shop.on("stat -c '%a %U' /etc/vpsdeploy/alerts/shop.json") == "600 root"


def test_a_service_and_a_disk_are_told(shop: Shop) -> None:
    """A service once it was down for two looks, a disk at nine tenths."""
    shop.on("systemctl stop nginx")
    assert shop.look() == [], shop.seen()
    assert told(shop.look()) == (["down nginx.service"], []), shop.seen()
    shop.on("systemctl start nginx")
    assert told(shop.look()) == ([], ["down nginx.service"]), shop.seen()
    shop.on("mkdir -p /var/lib/mysql; mount -t tmpfs -o size=10m tmpfs /var/lib/mysql")
    shop.on("head -c 9800000 /dev/zero > /var/lib/mysql/x")
    (message,) = shop.look()
    assert "the disk of /var/lib/mysql is filling: 9" in message["text"]
    shop.on("rm /var/lib/mysql/x")
    assert told(shop.look()) == ([], ["disk /var/lib/mysql"]), shop.seen()
    shop.on("umount /var/lib/mysql; rmdir /var/lib/mysql")


def test_each_trouble_of_backups_is_told(shop: Shop) -> None:
    """Shrunken; missed and a drill that never ran (the moments that are on record are old); damaged; a failed drill."""
    shop.on(
        "head -c 8000000 /dev/urandom > /srv/shop/shared/uploads/b; chown shop /srv/shop/shared/uploads/b"
    )
    shop.run("backup", "now")
    shop.on("rm /srv/shop/shared/uploads/b")
    shop.run("backup", "now")
    begun, ended = told(shop.look())
    assert (len(begun), ended) == (1, [])
    assert "shrunken" in begun[0]
    shop.run("backup", "now")
    assert told(shop.look()) == ([], begun), shop.seen()
    state = "/var/lib/vpsdeploy/shop/backup/state.json"
    shop.on(f"""cp {state} /root/kept; python3 - <<'PY'
import json
known = json.load(open({state!r}))
about = known["targets"]["cloud"]
about["good"]["at"], about["first_at"], about["drilled"] = 1.0, 1.0, None
json.dump(known, open({state!r}, "w"))
PY""")
    assert sorted(told(shop.look())[0]) == ["backup drill overdue cloud", "backup missed cloud"], shop.seen()
    shop.on(f"cp /root/kept {state}")
    assert len(told(shop.look())[1]) == 2, shop.seen()
    packs = {path: path.read_bytes() for path in (shop.cloud.place / "buckets").rglob("data/*/*")}
    for path, whole in packs.items():
        path.write_bytes(bytes(byte ^ 255 for byte in whole))
    shop.run("backup", "verify", code=11)
    shop.run("backup", "drill", code=11)
    assert sorted(told(shop.look())[0]) == ["backup damaged cloud", "backup drill failed"], shop.seen()
    for path, whole in packs.items():
        path.write_bytes(whole)
    shop.run("backup", "verify")
    shop.run("backup", "drill")
    assert len(told(shop.look())[1]) == 2, shop.seen()


def test_whoever_is_taken_out_is_told_no_more(shop: Shop) -> None:
    """Nor does the timer run any longer; a machine whose environment lacks a URL does not take it from the host."""
    config = shop.project.path / "vpsdeploy.yml"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("E2E_S3_SLACK")
        assert shop.json("provision", "host")["hosts"][0]["notices"] == []
    before, _, after = config.read_text().partition("notify:")
    config.write_text(f"{before}backup:{after.partition('backup:')[2]}")
    shop.run("provision", "host")
    assert shop.on("systemctl is-enabled vpsdeploy-alerts.timer || true") == "disabled"
    assert shop.on("cat /etc/vpsdeploy/alerts/shop.json") == "[]"
