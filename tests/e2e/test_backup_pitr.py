"""PostgreSQL back at one moment, on a real host: rows of before are there, rows of after are not.

Three targets: a directory, a bucket on this machine (rclone's S3 server), which is away meanwhile, and an SFTP server.
The timer of the log is not waited for: its unit is started when a test wants a turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import shapes
from tests.support.box import Box
from tests.support.receivers import IDENTIFIER, SECRET, Cloud, gateway
from tests.support.vps import Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.full]

NAME, HOST = "e2e-pitr", "web-1"
CONFIG = """\
app: shop
instances: 1
limits: {{memory: 128M}}
services: {{postgresql: {{memory: 256M}}}}
backup:
  targets: {{disk: /mnt/backups, cloud: "s3://{endpoint}/mine/backups", box: {box}}}
  schedule: "0 3 1 1 *"
  point_in_time: {{enabled: true, every_minutes: 60}}
  drill: {{schedule: "0 5 1 1 *", assertions: [{{query: SELECT count(*) FROM orders, at_least: 10}}]}}
"""
SEND = "systemctl start vpsdeploy-wal-shop.service"
SPOOL = "/var/lib/postgresql/vpsdeploy-wal"


class Shop:
    """The project, its host and its database, and the bucket."""

    def __init__(self, project: Project, cloud: Cloud) -> None:
        self.project, self.cloud = project, cloud

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run a command, which has to end so."""
        return self.project.run(*arguments, stdin=stdin, code=code)

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run with --json: the result, which has the documented shape."""
        result: dict[str, Any] = json.loads(self.run(*arguments, "--json").splitlines()[-1])
        assert shapes.differences(shapes.examples()[result["kind"]], result) == []
        return result

    def restore(self, moment: str, *arguments: str, code: int = 0) -> str:
        """The database as it was then."""
        return self.run("backup", "restore", "--database", "shop", "--to-time", moment, *arguments, code=code)

    def on(self, script: str) -> str:
        """A shell's script on the host, as root."""
        return self.project.on(HOST, "sh", "-ec", script).strip()

    def sql(self, text: str, database: str = "shop") -> str:
        """An answer of the database."""
        return self.on(f'cd / && runuser -u postgres -- psql -qAtX -d {database} -c "{text}"')

    def rows(self, note: str, count: int) -> str:
        """Write rows. Returns: a moment after they were committed, and before whatever comes next."""
        wanted = "INSERT INTO orders (note) SELECT 'NOTE' FROM generate_series(1, COUNT)"
        self.sql(wanted.replace("NOTE", note).replace("COUNT", str(count)))
        moment = self.sql("SELECT to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SS.USTZH:TZM')")
        self.sql("SELECT pg_sleep(0.01)")
        return moment

    def counted(self, database: str = "shop") -> dict[str, int]:
        """How many rows there are, by their note."""
        lines = self.sql("SELECT note, count(*) FROM orders GROUP BY 1 ORDER BY 1", database).splitlines()
        return {note: int(count) for note, _, count in (line.partition("|") for line in lines)}

    def target(self, name: str = "disk") -> dict[str, Any]:
        """What `backup list` says of a target."""
        (host,) = self.json("backup", "list")["hosts"]
        found: dict[str, Any] = next(one for one in host["backup"]["targets"] if one["name"] == name)
        return found

    def troubles(self) -> str:
        """What somebody has to look at."""
        return "\n".join(self.json("status")["hosts"][0]["backup"]["troubles"])


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A provisioned host with PostgreSQL, whose log is kept."""
    place = tmp_path_factory.mktemp("pitr")
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(place / "shop", NAME) as project,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        shop = Shop(project, Cloud(place, gateway(NAME)))
        shop.cloud.start()
        box = Box.of(place, "127.0.0.1")
        config = CONFIG.format(endpoint=shop.cloud.endpoint, box=box.target)
        (project.path / "vpsdeploy.yml").write_text(config)
        shop.run("backup", "set", "CLOUD_ACCESS_KEY_ID", stdin=IDENTIFIER)
        shop.run("backup", "set", "CLOUD_SECRET_ACCESS_KEY", stdin=SECRET)
        shop.run("provision", "host")
        shop.on(shop.cloud.trusted)
        box.start(shop.on)
        box.admit(shop.on, shop.json("backup", "keys")["public_key"])
        shop.sql(
            "CREATE TABLE orders (id bigserial PRIMARY KEY, note text); ALTER TABLE orders OWNER TO shop"
        )
        yield shop
        shop.cloud.stop()


def test_before_the_first_base_no_moment_can_be_restored(shop: Shop) -> None:
    """That is said, by `backup list` and by a restore; what is no moment is refused before the host is asked."""
    moment = shop.rows("first", 10)
    shop.on(SEND)
    assert "no moment can be restored yet" in shop.troubles()
    assert shop.target()["point_in_time"] == []
    assert "no moment can be yet" in shop.restore(moment, "--into", "shop_then", code=2)
    for wrong, said in (
        ("yesterday", "is no moment"), ("2026-11-26 08:00:00", "has no zone"),
        ("2999-01-01T00:00:00Z", "is in the future"),
    ):  # fmt: skip
        assert said in shop.restore(wrong, code=2)


def test_the_restored_moment_holds_what_was_committed_and_nothing_else(shop: Shop) -> None:
    """Beside the real database, then in its place with --force, and one table; nothing is left of the way there."""
    shop.run("backup", "now")
    shop.sql("SELECT pg_sleep(1)")
    moment = shop.rows("before", 100)
    shop.sql(
        "UPDATE orders SET note = 'spoiled' WHERE id % 2 = 0; INSERT INTO orders (note) VALUES ('after')"
    )
    shop.on(SEND)
    (window,) = shop.target()["point_in_time"]
    assert window["from"] < moment.replace(" ", "T") < window["until"]
    beside = shop.restore(moment, "--into", "shop_then", "--target", "cloud")
    assert "database shop_then: 1 tables, 110 rows" in beside
    assert shop.counted("shop_then") == {"before": 100, "first": 10}
    assert "after" in shop.counted()
    assert "is in use" in shop.restore(moment, code=2)
    table = shop.json("backup", "restore", "--table", "orders", "--to-time", moment)
    assert table["restored"][0].endswith("orders: 110 rows")
    assert "after" in shop.counted()
    shop.restore(moment, "--force", "--target", "box")
    assert shop.counted() == {"before": 100, "first": 10}
    left = set(shop.on("ls /var/lib/postgresql").split()) - {"vpsdeploy-tls", "vpsdeploy-wal"}
    assert left == {shop.on("ls /usr/lib/postgresql")}
    assert shop.on("pgrep -c -f '[v]psdeploy-recovery' || true") == "0"


def test_moments_out_of_reach_are_refused_with_those_that_can_be(shop: Shop) -> None:
    """Before the oldest base, and behind the newest part of the log that has arrived."""
    until = shop.target()["point_in_time"][0]["until"]
    later = shop.rows("later", 5)
    for moment in ("2026-01-01T00:00:00Z", later):
        refused = shop.restore(moment, "--into", "shop_never", code=2)
        assert "cannot be reached (disk)" in refused
        assert f"to {until} can be" in refused
    shop.on(SEND)
    shop.restore(later, "--into", "shop_later")
    assert shop.counted("shop_later")["later"] == 5


def test_a_target_that_is_away_catches_up(shop: Shop) -> None:
    """The log waits on the host, the database goes on, the other target has everything meanwhile."""
    shop.cloud.stop()
    moments = []
    for turn in range(2):
        moments.append(shop.rows(f"away{turn}", 3))
        shop.on(f"! {SEND}; systemctl reset-failed")
    assert int(shop.on(f"ls {SPOOL} | wc -l")) >= 2
    assert len(shop.on("ls /mnt/backups/shop/e2e-pitr/web-1.wal/snapshots").split()) > 3
    shop.cloud.start()
    shop.on(SEND)
    assert shop.on(f"ls {SPOOL} | wc -l") == "0"
    shop.restore(moments[0], "--into", "shop_away", "--target", "cloud")
    found = shop.counted("shop_away")
    assert ("away0" in found, "away1" in found) == (True, False)


def test_a_drill_brings_the_newest_base_to_the_newest_moment(shop: Shop) -> None:
    """And counts what is there: as many rows as the database has now, because nothing was written since."""
    drilled = shop.json("backup", "drill")["hosts"][0]["backup"]
    rows = sum(shop.counted().values())
    reached = [one["drilled"]["point_in_time"] for one in drilled["targets"]]
    assert [(one["rows"], one["checks"]) for one in reached] == [(rows, 1)] * 3
    assert drilled["troubles"] == []
    assert f"{rows} rows" in shop.run("backup", "list")


def test_what_kills_a_restore_leaves_nothing_behind(shop: Shop) -> None:
    """The server beside the real one ends with the agent; its files go with the next turn."""
    moment = shop.target()["point_in_time"][0]["until"]
    epoch = shop.on(f"date -d {moment} +%s")
    ask = f'{{"protocol":1,"app":"shop","by":"x","database":"shop","into":"shop_killed","moment":{epoch}}}'
    beside = "[p]ostgres -D .*vpsdeploy-recovery"
    shop.on(
        f"printf '%s\\n' '{ask}' > /root/ask; systemd-run --quiet --unit=restore --property=KillMode=process "
        "--property=StandardInput=file:/root/ask vpsdeploy-agent restore"
        f"; until pgrep -f '{beside}' >/dev/null; do sleep 0.02; done"
        "; systemctl kill --signal=KILL --kill-whom=main restore; sleep 1"
    )
    assert shop.on(f"pgrep -c -f '{beside}' || true") == "0"
    assert shop.on("ls -d /var/lib/postgresql/vpsdeploy-recovery")
    shop.on(f"systemctl reset-failed; {SEND}")
    assert shop.on("ls -d /var/lib/postgresql/vpsdeploy-recovery || true") == ""


def test_a_hole_in_the_log_is_never_passed_over(shop: Shop) -> None:
    """It is told, the window ends before it, a moment behind it is refused; the next backup begins anew."""
    before = shop.rows("whole", 7)
    shop.on(SEND)
    shop.rows("lost", 1)
    shop.sql("SELECT pg_switch_wal()")
    shop.on(f"until ls {SPOOL}/0* >/dev/null 2>&1; do sleep 0.1; done; rm {SPOOL}/0*")
    behind = shop.rows("behind", 1)
    shop.on(SEND)
    assert "PostgreSQL's log has a hole" in shop.troubles()
    assert "cannot be reached" in shop.restore(behind, "--into", "shop_never", code=2)
    shop.restore(before, "--into", "shop_whole")
    assert ("whole" in shop.counted("shop_whole"), "lost" in shop.counted("shop_whole")) == (True, False)
    shop.run("backup", "now")
    assert "hole" not in shop.troubles()
    assert len(shop.target()["point_in_time"]) == 2


def test_a_lost_server_comes_back_as_it_was_when_its_log_was_last_sent(shop: Shop) -> None:
    """Not as it was at the last backup: its files are gone, another one stands in their place."""
    shop.rows("newest", 9)
    shop.on(SEND)
    wanted = shop.counted()
    version = shop.on("ls /usr/lib/postgresql")
    etc = f"/etc/postgresql/{version}/main"
    shop.on(
        f"cp -a {etc}/conf.d {etc}/pg_hba.conf /root/"
        f"; pg_dropcluster --stop {version} main; pg_createcluster {version} main >/dev/null"
        f"; cp -a /root/conf.d /root/pg_hba.conf {etc}/; systemctl start postgresql@{version}-main"
    )
    shop.restore("latest")
    assert shop.counted() == wanted
    shop.rows("anew", 1)
    shop.on(SEND)
    assert "another server's from here on" in shop.troubles()
    shop.run("backup", "now")
    assert "another server's" not in shop.troubles()
