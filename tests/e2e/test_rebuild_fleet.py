"""The host of a fleet that does the most is lost: the only load balancer, which carries the databases and brokers.

It comes back on a machine of another address: data and queues, the route to what the other host runs, and on both hosts
the release with the address of today. The backups are on a disk that was attached to the lost machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from orchestrator.workflows import sandbox
from tests.support.machines import Machines
from tests.support.node_apps import bundle
from tests.support.waiting import until

pytestmark = [pytest.mark.sandbox, pytest.mark.full]

LOST, OTHER, NEW = "e2e-fleet-lost", "e2e-fleet-other", "e2e-fleet-new"
CONFIG = """\
app: shop
instances: 1
limits: {memory: 128M}
release: {drain_seconds: 5, watch_seconds: 0}
services: {mariadb: {memory: 192M}, redis: {memory: 64M}, rabbitmq: {memory: 256M}, nats: {memory: 64M}}
backup: {targets: {disk: /mnt/backups}, schedule: "0 3 1 1 *", drill: {schedule: "0 5 1 1 *"}}
"""
QUEUE = """\
cat > /tmp/queue.json <<'JSON'
{"vhosts": [{"name": "shop"}], "queues": [
  {"name": "mails", "vhost": "shop", "durable": true, "auto_delete": false, "arguments": {}}]}
JSON
rabbitmqctl --quiet import_definitions /tmp/queue.json
"""
NATS = """\
import io, sys
sys.path.insert(0, "/usr/local/lib/vpsdeploy/agent.pyz")
from orchestrator.agent import programs
from orchestrator.agent.answers import Answers
from orchestrator.agent.backup.nats_dump import server
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.layout import Layout
from orchestrator.agent.request import Request
from orchestrator.agent.systemd import Systemd
call = Call(Layout(), Systemd(programs.run), Request({"app": "shop"}), Answers(2), Body(io.BytesIO()))
with server(call) as one:
"""
ENVIRONMENTS = (
    "for one in $(pgrep -u shop node); do cat /proc/$one/environ 2>/dev/null || true; done | tr '\\0' '\\n'"
)
STORE = """\
    one.asked("STREAM.CREATE.ORDERS", name="ORDERS", subjects=["orders"], storage="file")
    one.ask("orders", b"first")
"""
STORED = """\
    print(one.asked("STREAM.INFO.ORDERS")["state"]["messages"])
"""


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """web-1 routes, serves and keeps the data; web-2 serves. Both run one release."""
    place = tmp_path_factory.mktemp("fleet")
    shop = Machines(place / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        try:
            _made(shop)
            yield shop
        finally:
            for name in (LOST, OTHER, NEW):
                sandbox.down(name)


def _made(shop: Machines) -> None:
    (shop.path / "vpsdeploy.yml").write_text(CONFIG)
    stage = shop.path / "inventories" / "production"
    stage.mkdir(parents=True)
    login = f"ansible_user: root, ansible_ssh_private_key_file: {shop.login}"
    hosts = "".join(
        f"    {host}: {{ansible_host: {shop.boot(name)}, {login}}}\n"
        for host, name in (("web-1", LOST), ("web-2", OTHER))
    )
    groups = "    app: {hosts: {web-1: {}, web-2: {}}}\n    loadbalancer: {hosts: {web-1: {}}}\n"
    (stage / "hosts.yml").write_text(f"all:\n  children:\n{groups}  hosts:\n{hosts}")
    (stage / "known_hosts").write_text(shop.host_keys(LOST) + shop.host_keys(OTHER))
    for name in (LOST, OTHER):
        shop.admit(name)
    shop.run("provision", "host")
    shop.run("release", "--bundle", str(bundle(shop.path, "first")))


def test_the_most_important_host_of_a_fleet_comes_back(shop: Machines) -> None:
    """Elsewhere: every kind of data, the same files on both hosts, and no old address anywhere."""
    rows = "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT seq FROM seq_1_to_1000;\n"
    shop.run("db", "console", "mariadb", stdin=rows)
    shop.run("db", "console", "redis", stdin="SET kept yes\n")
    shop.on(LOST, QUEUE)
    shop.on(LOST, "python3 -", NATS + STORE)
    shop.run("backup", "now", "--host", "web-1")
    before, disk = shop.answer(LOST)["release"], shop.on(LOST, "tar -C /mnt -cf - backups | base64 -w0")
    sandbox.down(LOST)
    new = shop.boot(NEW)
    shop.admit(NEW)
    shop.on(NEW, "base64 -d | tar -C /mnt -xf -", disk)
    done = shop.json("host", "rebuild", new, "--host", "web-1", "--accept-new")
    assert (done["way"], done["release"][-8:]) == ("fleet", before[-8:])
    assert done["release"] != before
    assert shop.answer(NEW)["release"] == done["release"]
    assert shop.run("db", "console", "mariadb", stdin="SELECT count(*) FROM orders;\n").split()[-1] == "1000"
    assert "yes" in shop.run("db", "console", "redis", stdin="GET kept\n")
    assert "mails" in shop.on(NEW, "rabbitmqctl --quiet list_queues --vhost shop --no-table-headers name")
    assert shop.on(NEW, "python3 -", NATS + STORED) == "1"
    for name in (NEW, OTHER):
        until(partial(_is_told_of_the_new_host, shop, name))
        assert f"@{new}:3306/shop" in shop.on(name, ENVIRONMENTS)


def _is_told_of_the_new_host(shop: Machines, name: str) -> bool:
    return shop.addresses[LOST] not in shop.on(name, ENVIRONMENTS)


def test_it_is_a_fleet_like_any_other_afterwards(shop: Machines) -> None:
    """Nothing is left to provision, the next release goes to both, and backups are made again."""
    hosts = shop.json("provision", "host")["hosts"]
    assert [one["audited"] for one in hosts] == [True, True]
    shop.run("release", "--bundle", str(bundle(shop.path, "second")))
    assert shop.answer(NEW)["text"] == "second"
    shop.run("backup", "now", "--host", "web-1")
    assert "rebuild" in shop.run("history", "--host", "web-1")
