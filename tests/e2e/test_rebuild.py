"""A host burns while users write: an empty one becomes it, with every committed row, and the same release answers.

Backups go to a second host by SFTP, as to a storage box. The lost host's machine is removed, disk and all.
"""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.workflows import sandbox
from tests.support.box import Box
from tests.support.machines import Machines
from tests.support.node_apps import bundle
from tests.support.vps import DEBIAN
from tests.support.waiting import until

pytestmark = pytest.mark.sandbox

LOST, BOX, NEW = "e2e-lost", "e2e-box", "e2e-new"
CONFIG = """\
app: shop
instances: 1
limits: {{memory: 128M}}
shared: [uploads]
release: {{drain_seconds: 5, watch_seconds: 0}}
cron: {{sweep: {{schedule: "0 4 1 1 *", entry: dist/main.js}}}}
services: {{postgresql: {{memory: 256M}}}}
backup:
  targets:
    disk: /mnt/backups
    box: {box}
  schedule: "0 3 1 1 *"
  drill: {{schedule: "0 5 1 1 *"}}
"""
PATIENT = """
sshd -T | grep -q '^persourcepenalties' || exit 0
echo 'PerSourcePenalties no' > /etc/ssh/sshd_config.d/00-patient.conf
systemctl reload ssh
"""
"""Each try begins with a login as the administrator, whom an empty host does not have: sshd would turn us away."""
WRITER = """
import subprocess, time
psql = subprocess.Popen(["runuser", "-u", "postgres", "--", "psql", "-qAtX", "-d", "shop"], stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=True, cwd="/")
log = open("/root/committed", "a", buffering=1)
while True:
    psql.stdin.write("INSERT INTO orders (note) VALUES (repeat('x', 200)) RETURNING id;\\n")
    psql.stdin.flush()
    line = psql.stdout.readline()
    if not line:
        break
    log.write(f"{line.strip()} {time.time()}\\n")
"""


class Shop(Machines):
    """A project whose only host is lost in the middle."""

    def sql(self, text: str) -> str:
        """An answer of the new host's database."""
        return self.on(NEW, f'cd / && runuser -u postgres -- psql -qAtX -d shop -c "{text}"')


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Provisioned, released, written to and backed up; its owner has the repository and the target, and no more."""
    place = tmp_path_factory.mktemp("rebuild")
    shop = Shop(place / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        try:
            _made(shop, place)
            yield shop
        finally:
            for name in (LOST, BOX, NEW):
                sandbox.down(name)


def _made(shop: Shop, place: Path) -> None:
    box, on_box = Box.of(place, shop.boot(BOX)), functools.partial(shop.on, BOX)
    (shop.path / "vpsdeploy.yml").write_text(CONFIG.format(box=box.target))
    stage = shop.path / "inventories" / "production"
    stage.mkdir(parents=True)
    (stage / "hosts.yml").write_text(
        "# Our hosts.\nall:\n  children:\n    app: {hosts: {shop-1: {}}}\n    loadbalancer: {hosts: {shop-1: {}}}\n"
        f"  hosts:\n    shop-1: {{ansible_host: {shop.boot(LOST)}, ansible_user: root,  # in the cellar\n"
        f"             ansible_ssh_private_key_file: {shop.login}}}\n"
    )
    (stage / "known_hosts").write_text(shop.host_keys(LOST))
    shop.admit(LOST)
    box.start(on_box)
    shop.run("provision", "host")
    box.admit(on_box, shop.json("backup", "keys")["public_key"])
    for text in ("first", "second"):
        shop.run("release", "--bundle", str(bundle(shop.path, text, ballast_bytes=1 << 20)))
    psql = "cd / && runuser -u postgres -- psql -q -d shop -c"
    shop.on(
        LOST,
        f"{psql} 'CREATE TABLE orders (id bigserial PRIMARY KEY, note text); ALTER TABLE orders OWNER TO shop'",
    )
    shop.on(LOST, "seq 1000 > /srv/shop/shared/uploads/a.txt; chown shop:shop /srv/shop/shared/uploads/a.txt")
    shop.on(
        LOST,
        f"cat > /root/writer.py <<'PY'\n{WRITER}\nPY\nsystemd-run --quiet --unit=writer python3 /root/writer.py",
    )


def test_nothing_is_touched_where_something_is_amiss(shop: Shop) -> None:
    """No backup yet; a host that is not lost; one that is no empty host; another name."""
    new = shop.addresses[BOX]
    stage = shop.path / "inventories" / "production"
    stage.joinpath("known_hosts").write_text(shop.host_keys(LOST) + shop.host_keys(BOX))
    shop.admit(BOX)
    shop.on(BOX, PATIENT)
    before = (stage / "hosts.yml").read_text()
    assert "there is no backup of shop-1" in shop.run("host", "rebuild", new, code=11)
    time.sleep(1)
    shop.run("backup", "now")
    assert "there is no target cloud" in shop.run("host", "rebuild", new, "--from", "cloud", code=2)
    unknown = shop.run("host", "rebuild", new, "--from", "box:00000000", code=11)
    assert "no backup of shop-1 with the id 00000000" in unknown
    assert "shop-1 is not lost" in shop.run("host", "rebuild", new, "--from", "box", code=2)
    shop.on(BOX, "mkdir -p /srv/other/releases")
    assert "is not empty" in shop.run("host", "rebuild", new, "--yes", code=2)
    assert (stage / "hosts.yml").read_text() == before


def test_an_empty_host_becomes_the_lost_one(shop: Shop) -> None:
    """Killed in the middle and run again: every row that was committed before the dump, and the same release."""
    state = json.loads(shop.on(LOST, "cat /var/lib/vpsdeploy/shop/backup/state.json"))
    taken_at = state["targets"]["box"]["good"]["at"]
    committed = [line.split() for line in shop.on(LOST, "cat /root/committed").splitlines()]
    before = {int(number) for number, at in committed if float(at) < taken_at}
    release, served = (
        shop.answer(LOST)["release"],
        shop.on(LOST, "cat /srv/shop/current/files.jsonl | sha256sum"),
    )
    burned = time.monotonic()
    sandbox.down(LOST)
    new = shop.boot(NEW)
    shop.admit(NEW)
    booted = time.monotonic()
    _killed_in_the_middle(shop, new)
    done = shop.json("host", "rebuild", new, "--from", "box")
    answered = time.monotonic()
    assert (shop.answer(NEW)["release"], shop.answer(NEW)["text"]) == (release, "second")
    assert (done["way"], done["release"], done["backup"]["target"]) == ("backup", release, "box")
    assert shop.on(NEW, "cat /srv/shop/current/files.jsonl | sha256sum") == served
    back = {int(number) for number in shop.sql("SELECT id FROM orders").split()}
    assert len(before) > 10
    assert before <= back
    assert back == set(range(1, max(back) + 1)), "a hole"
    assert (
        shop.on(NEW, "tail -1 /srv/shop/shared/uploads/a.txt; stat -c %U /srv/shop/shared/uploads/a.txt")
        == "1000\nshop"
    )
    assert shop.on(NEW, "systemctl list-timers --all --no-legend | grep -c shop-cron-sweep") == "1"
    login = ". /srv/shop/slots/*/env; export DATABASE_URL"
    count = "SELECT count(*) > 0 FROM orders"
    assert shop.on(NEW, f'{login}; psql -qAtX "$DATABASE_URL" -c "{count}"') == "t"
    text = (shop.path / "inventories" / "production" / "hosts.yml").read_text()
    assert f"ansible_host: {new}, ansible_user: root,  # in the cellar" in text
    parts = ", ".join(f"{part['name']} {part['seconds']} s" for part in done["parts"])
    assert sys.__stdout__ is not None
    sys.__stdout__.write(
        f"\nDebian {DEBIAN}: power-off to good answer {answered - burned:.0f} s, of that {booted - burned:.0f} s until "
        f"there was a new machine; killed once; the run that went on took {done['seconds']} s: {parts}\n"
    )


def _killed_in_the_middle(shop: Shop, new: str) -> None:
    """The first try: as a CI job whose machine dies once the data are on their way."""
    command = shop.command("host", "rebuild", new, "--from", "box", "--accept-new", "--json")
    with subprocess.Popen(
        command, cwd=shop.path, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as first:
        for line in first.stdout or ():
            told = json.loads(line)
            if told["kind"] == "step" and told["title"] == "restore the data" and told["state"] == "started":
                time.sleep(1)
                break
        first.send_signal(signal.SIGKILL)
    assert told["kind"] == "step", told


def test_it_is_a_host_like_any_other_afterwards(shop: Shop) -> None:
    """Provisioned as the inventory says, with its history; the release before is kept; it is never rebuilt twice."""
    assert shop.json("provision", "host")["hosts"][0]["audited"] is True
    history = shop.run("history")
    assert "host rebuild" in history
    assert history.count("release") >= 2
    shop.run("backup", "now")
    shop.run("rollback")
    until(lambda: shop.answer(NEW)["text"] == "first")
    assert "not empty" in shop.run("host", "rebuild", shop.addresses[NEW], code=2)
