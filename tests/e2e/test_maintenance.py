"""Maintenance and migrations on two load balancers and two app hosts, as users and as a database see them."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from orchestrator.workflows import sandbox
from tests.support.node_apps import bundle
from tests.support.selection import sample
from tests.support.visitors import Clients, ask, plain, readers_and_writers
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 4}", "limits: {memory: 128M}", "release: {drain_seconds: 5}",
)  # fmt: skip
BALANCERS = ("lb-1", "lb-2")
BACK_SECONDS = 60
MIGRATE_JS = """
const fs = require('fs');
const note = (what) => fs.appendFileSync('/srv/shop/shared/migrations', `${what} ${process.env.VPSDEPLOY_RELEASE}\\n`);
console.log('migrating as', require('os').userInfo().username, 'in', process.cwd());
note('begin');
setTimeout(() => { note('end'); console.log('migrated'); process.exit(Number(process.argv[2] || 0)); },
  Number(process.argv[3] || 0));
"""
"""A migration that writes into the shared directory when it begins and ends: its exit code, its milliseconds."""


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Four provisioned hosts with a first release."""
    path = tmp_path_factory.mktemp("maintenance")
    made = project_on_sandbox(path, "e2e-maintenance", hosts=2, loadbalancers=2, config=CONFIG)
    with made as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        release(project, "first")
        yield project


def configure(project: Project, *lines: str) -> None:
    """Write vpsdeploy.yml anew, with further lines."""
    (project.path / "vpsdeploy.yml").write_text("\n".join([*CONFIG, *lines, ""]))


def made(project: Project, text: str, behaviour: str = "good") -> str:
    """A bundle with the migration in it."""
    return str(bundle(project.path, text, behaviour, more={"migrate.js": MIGRATE_JS}))


def release(project: Project, text: str, *options: str) -> dict[str, Any]:
    """Release an app that says `text`; the result."""
    return project.json("release", "--bundle", made(project, text), *options)[-1]


def addresses(project: Project) -> dict[str, str]:
    """Each host's, by its name."""
    return {host.name: host.address for host in sandbox.status(project.name).hosts}


def ask_from(project: Project, host: str, address: str) -> int:
    """The status that a host of the fleet gets: another client address than ours."""
    script = (
        "import http.client, sys; c = http.client.HTTPConnection(sys.argv[1]); c.request('GET', '/'); "
        "print(c.getresponse().status)"
    )
    return int(project.on(host, "python3", "-c", script, address))


def nginx_processes(project: Project) -> dict[str, str]:
    """Master and workers of each load balancer: a reload makes new workers."""
    return {name: project.on(name, "pgrep", "nginx") for name in BALANCERS}


def migrations(project: Project) -> dict[str, list[str]]:
    """What the migration wrote, by app host."""
    script = "cat /srv/shop/shared/migrations 2>/dev/null || true"
    return {name: project.on(name, "sh", "-c", script).splitlines() for name in ("web-1", "web-2")}


def in_maintenance(answered: http.client.HTTPResponse) -> str:
    """The kind of an answer: its status, and what tells of maintenance."""
    told = answered.getheader("Vpsdeploy-Maintenance"), answered.getheader("Retry-After")
    return f"{answered.status} {told}"


def test_on_and_off_break_no_connection_and_reload_nothing(shop: Project) -> None:
    """Under keep-alive GET and POST to both load balancers: 200, then 503 with Retry-After, then 200; nothing else."""
    balancers = [addresses(shop)[name] for name in BALANCERS]
    before = nginx_processes(shop)
    with Clients(readers_and_writers(map(plain, balancers)), kind=in_maintenance) as clients:
        time.sleep(0.5)
        for seconds in ("120", "60"):
            shop.json("maintenance", "on", "--message", "Back <soon>", "--retry-after", seconds)
            assert [ask(plain(address))[0] for address in balancers] == [503, 503]
            time.sleep(0.5)
        shop.json("maintenance", "off")
        assert [ask(plain(address))[0] for address in balancers] == [200, 200]
        time.sleep(0.5)
    assert set(clients.seen) == {"200 (None, None)", "503 ('on', '120')", "503 ('on', '60')"}
    assert nginx_processes(shop) == before


def test_an_address_that_is_let_through_reaches_the_app(shop: Project) -> None:
    """Ours does, a host's does not; then the other way round."""
    balancer, ours = addresses(shop)["lb-1"], addresses(shop)["lb-1"].rpartition(".")[0] + ".1"
    shop.json("maintenance", "on", "--allow", ours)
    assert (ask(plain(balancer))[0], ask_from(shop, "web-1", balancer)) == (200, 503)
    shop.json("maintenance", "on", "--allow", addresses(shop)["web-1"])
    assert (ask(plain(balancer))[0], ask_from(shop, "web-1", balancer)) == (503, 200)
    shop.json("maintenance", "off")


def test_a_request_that_is_being_answered_is_answered(shop: Project) -> None:
    """What is open stays: the app's answer comes through though maintenance began meanwhile."""
    balancer = addresses(shop)["lb-1"]
    with closing(http.client.HTTPConnection(balancer, timeout=60)) as slow:
        slow.request("GET", "/slow")
        time.sleep(0.5)
        shop.json("maintenance", "on")
        answered = slow.getresponse()
        assert (answered.status, answered.read()) == (200, b"slow")
    shop.json("maintenance", "off")


def test_a_release_goes_on_working(shop: Project) -> None:
    """Users keep their 503, nobody is told of dropped requests, and afterwards they get the new release."""
    balancer = addresses(shop)["lb-1"]
    shop.json("maintenance", "on", "--message", "Back at 14:00")
    changed = release(shop, "during")
    assert changed["proof"] is None
    assert "maintenance is on: users get 503 until `vpsdeploy maintenance off`" in changed["warnings"]
    assert ask(plain(balancer))[0] == 503
    assert "MAINTENANCE IS ON" in shop.vpsdeploy("status").stdout
    shop.json("maintenance", "off")
    assert json.loads(ask(plain(balancer))[2])["text"] == "during"


def test_it_is_on_on_all_load_balancers_or_on_none(shop: Project) -> None:
    """One is off: the other goes on serving, and the message says so. Powered off while it is on, it comes back so."""
    found = addresses(shop)
    sandbox.power_off(shop.name, "lb-2", hard=True)
    failed = shop.vpsdeploy("maintenance", "on")
    assert failed.returncode == 5, failed.stderr
    assert ask(plain(found["lb-1"]))[0] == 200
    sandbox.power_on(shop.name, "lb-2")
    until = time.monotonic() + BACK_SECONDS
    while shop.vpsdeploy("maintenance", "on", "--retry-after", "30").returncode and time.monotonic() < until:
        time.sleep(1)
    sandbox.power_off(shop.name, "lb-2", hard=True)
    sandbox.power_on(shop.name, "lb-2")
    assert answer_within(found["lb-2"]) == (503, "30")
    shop.json("maintenance", "off")
    assert [ask(plain(found[name]))[0] for name in BALANCERS] == [200, 200]


def answer_within(address: str) -> tuple[int, str | None]:
    """Status and Retry-After of a host that is just starting."""
    until = time.monotonic() + BACK_SECONDS
    while True:
        try:
            status, headers, _ = ask(plain(address))
            return status, headers.get("Retry-After")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def test_a_migration_runs_once_on_one_host_as_the_app(shop: Project) -> None:
    """Its output is shown; a second release is a second run."""
    configure(shop, "migrate: {command: 'node migrate.js && echo \"$PORT\"'}")
    done = shop.vpsdeploy("release", "--bundle", made(shop, "migrated"))
    assert done.returncode == 0, done.stderr
    live = shop.json("status")[-1]["live"]
    assert f"web-1 | migrating as shop in /srv/shop/releases/{live}/app\n" in done.stderr
    assert "web-1 | migrated\nweb-1 | 4000\n" in done.stderr
    assert migrations(shop) == {"web-1": [f"begin {live}", f"end {live}"], "web-2": []}
    assert [line for line in shop.on("web-1", "ls", "/run/vpsdeploy").split() if line.endswith(".env")] == []


def test_a_migration_that_fails_stops_the_release(shop: Project) -> None:
    """Exit code 8 with its last lines; users notice nothing, and nothing new runs."""
    before = shop.json("status")[-1]
    configure(shop, "migrate: {command: node migrate.js 3}")
    failed = shop.vpsdeploy("release", "--bundle", made(shop, "fails"))
    assert failed.returncode == 8, failed.stderr
    assert "error: the migration failed on web-1" in failed.stderr
    assert "ended with exit status 3; its last lines:\n       migrating as shop" in failed.stderr
    assert f"live is {before['live']} on all hosts; nothing was flipped; the migration of" in failed.stderr
    after = shop.json("status")[-1]
    assert [host["pools"] for host in after["hosts"]] == [host["pools"] for host in before["hosts"]]


def test_a_migration_that_takes_too_long_is_ended(shop: Project) -> None:
    """With what it wrote until then."""
    configure(shop, "migrate: {command: node migrate.js 0 60000, timeout_seconds: 2}")
    failed = shop.vpsdeploy("release", "--bundle", made(shop, "hangs"))
    assert failed.returncode == 8, failed.stderr
    assert (
        "was ended after 2 s (migrate.timeout_seconds); its last lines:\n       migrating as shop"
        in failed.stderr
    )


@pytest.mark.parametrize("killed", sample(["controller", "agent"], ["agent"]))
def test_a_migration_whose_caller_was_killed_goes_on_and_is_waited_for(shop: Project, killed: str) -> None:
    """The next release begins its own when that has ended; each ran once."""
    configure(shop, "migrate: {command: node migrate.js 0 4000}")
    earlier = len(migrations(shop)["web-1"])
    command = [str(VPSDEPLOY), "release", "--json", "--bundle", made(shop, f"killed-{killed}")]
    process = subprocess.Popen(command, cwd=shop.path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    next(line for line in process.stdout if b"migrating as" in line)
    if killed == "controller":
        process.kill()
    else:
        shop.on("web-1", "pkill", "-KILL", "-f", "vpsdeploy-agent|agent.pyz|orchestrator.agent")
    process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode not in (0, None)
    release(shop, f"after-killed-{killed}")
    lines = migrations(shop)["web-1"][earlier:]
    assert [line.split()[0] for line in lines] == ["begin", "end", "begin", "end"]
    assert len({line.split()[1] for line in lines}) == 2


def test_ctrl_c_says_that_the_migration_goes_on(shop: Project) -> None:
    """To end it midway would be worse."""
    configure(shop, "migrate: {command: node migrate.js 0 3000}")
    command = [str(VPSDEPLOY), "release", "--json", "--bundle", made(shop, "interrupted")]
    process = subprocess.Popen(command, cwd=shop.path, stdout=subprocess.PIPE)
    assert process.stdout is not None
    next(line for line in process.stdout if b"migrating as" in line)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=TIMEOUT_SECONDS)[0]
    assert process.returncode == 130
    assert b"it goes on to its end on the host, and the next release waits for it" in said


def test_a_bad_release_with_an_irreversible_migration_is_undone_and_said_loudly(shop: Project) -> None:
    """The old release serves on; rollback is refused unless it is asked for; forward is the way out."""
    configure(shop)
    release(shop, "before")
    before = shop.json("status")[-1]["live"]
    configure(shop, "migrate: {command: node migrate.js, irreversible: true}")
    failed = shop.vpsdeploy("release", "--bundle", made(shop, "bad", "answers 503"))
    assert failed.returncode == 8, failed.stderr
    assert "CAREFUL: the migration of" in failed.stderr
    assert f"it is marked irreversible: {before} may not be able to live with it" in failed.stderr
    assert json.loads(ask(plain(addresses(shop)["lb-1"]))[2])["text"] == "before"
    assert f"CAREFUL: {before} runs on a database" in shop.vpsdeploy("status").stdout
    refused = shop.vpsdeploy("rollback")
    assert refused.returncode == 2, refused.stderr
    assert "is older than a migration that is marked irreversible" in refused.stderr
    done = shop.vpsdeploy("rollback", "--across-irreversible")
    assert done.returncode == 0, done.stderr
    assert "warning: CAREFUL" in done.stdout
    configure(shop)
    assert release(shop, "forward")["warnings"] == []
    assert "CAREFUL" not in shop.vpsdeploy("status").stdout


def test_a_command_that_no_host_has_is_refused_before_anything_is_touched(shop: Project) -> None:
    """Its program is a development dependency, as a rule."""
    configure(shop, "migrate: {command: prisma migrate deploy}")
    refused = shop.vpsdeploy("release", "--bundle", made(shop, "no-prisma"))
    assert refused.returncode == 4, refused.stderr
    assert "the bundle has no program prisma" in refused.stderr
    done = shop.vpsdeploy("release", "--skip-migrate", "--bundle", made(shop, "no-prisma"))
    assert done.returncode == 0, done.stderr
