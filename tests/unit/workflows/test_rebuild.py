"""An empty host takes a lost one's place in a fleet in memory: what is refused, in what order, what is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import secrets
from orchestrator.config.app import AppConfig
from orchestrator.errors import (
    BackupFailed,
    ConfigError,
    HostUnreachable,
    ProvisionFailed,
    ReleaseFailed,
    UsageError,
)
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.provision import HostCounts, HostResult, ProvisionResult, TaskFailure
from orchestrator.model.rebuild import Rebuilt, Way
from orchestrator.plan import service_url, services
from orchestrator.report import envelope
from orchestrator.report import rebuild as report
from orchestrator.secret import Secret
from orchestrator.transport import agent_pyz, http
from orchestrator.workflows import (
    backup_keys,
    env,
    provision,
    rebuild,
    rebuild_checks,
    rebuild_release,
    release,
)
from orchestrator.workflows.rebuild import Wish
from orchestrator.workflows.rebuild_checks import Seen, Target
from tests.support import shapes
from tests.support.changes import OLD, Silent, live_fleet
from tests.support.fleet import APP, VERSION, FakeFleet, stage

CONFIG = AppConfig.model_validate(
    {"app": APP, "backup": {"targets": {"disk": "/mnt/backups", "far": "/mnt/far"}}}
)
EMPTY = Seen((), False, {}, {})
HOSTS = """\
all:  # ours
  hosts:
    web-1: {ansible_host: 10.0.0.1}  # the first
    web-2:
      ansible_host: "10.0.0.2"
  children:
    app: {hosts: {web-1: {}, web-2: {}}}
    loadbalancer: {hosts: {web-1: {}}}
"""


class World:
    """What is outside: the hosts before they have an agent, Ansible, the way that users take."""

    def __init__(self, place: Stage) -> None:
        self.stage, self.fleet = place, FakeFleet(place)
        self.alive, self.seen = False, EMPTY
        self.silent: set[str] = set()
        self.looked = (Target("disk", ("6f06cbf8aa",)),)
        self.provisioned: list[tuple[str, ...]] = []
        self.failure: TaskFailure | None = None
        self.told = Silent()
        self.asked: list[str] = []

    def provision(self, _c: object, of: Stage, hosts: tuple[Any, ...], *_: object) -> ProvisionResult:
        """Ansible."""
        self.provisioned.append(tuple(f"{one.name}@{one.address}" for one in hosts))
        done = tuple(HostResult(one.name, HostCounts(), 0, 1.0, notices=("a notice",)) for one in hosts)
        return ProvisionResult(of.name, done, False, 1.0, (self.failure,) if self.failure else ())

    def answers(self, _: Stage, host: Host, user: str | None = None) -> bool:
        """The lost host where the test says so, the others as deploy unless they are lost, too."""
        return host.name not in self.silent if user else self.alive

    def run(self, wish: Wish, *, agree: bool = False, config: AppConfig = CONFIG) -> Rebuilt:
        """The command."""

        def ask(question: str) -> bool:
            self.asked.append(question)
            return agree

        return rebuild.run(
            config,
            self.stage,
            wish,
            self.told,
            lambda _: pytest.fail("no Ansible here"),
            ask,
            lambda *_: self.fleet,
        )


def at(tmp_path: Path, *names: str, balancers: tuple[str, ...] = ()) -> Stage:
    """A stage that is written down."""
    folder = tmp_path / "inventories" / "production"
    folder.mkdir(parents=True)
    of = stage(*names, balancers=balancers)
    lines = "".join(f"    {name}: {{ansible_host: 10.0.1.{n}}}\n" for n, name in enumerate(balancers, 1))
    (folder / "hosts.yml").write_text(HOSTS.replace("  children:\n", f"{lines}  children:\n"))
    hosts = tuple(replace(one, private_address=one.address) for one in of.hosts)
    return replace(of, path=folder / "hosts.yml", known_hosts=folder / "known_hosts", hosts=hosts)


@pytest.fixture(name="world")
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The only host is lost; its keys are in the repository."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    world = World(at(tmp_path, "web-1"))
    backup_keys.ready(CONFIG, world.stage)
    world.fleet.hosts["web-1"].kept_release = OLD
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)
    monkeypatch.setattr(rebuild_checks, "answers", world.answers)
    monkeypatch.setattr(rebuild_checks, "ask", lambda *_: world.seen)
    monkeypatch.setattr(rebuild_checks, "looked_at", lambda *_: world.looked)
    monkeypatch.setattr(provision, "run", world.provision)
    monkeypatch.setattr(http, "reachable", lambda _: True)
    return world


def test_the_only_host_comes_back(world: World) -> None:
    """Provisioned at its new address, data before the release, which comes out of the backup; asked at the end."""
    done = world.run(Wish("10.9.9.9"))
    host = world.fleet.hosts["web-1"]
    assert host.rebuilt == ["look", "data", "certificate", "releases", "end"]
    assert (done.way, done.release, host.current, host.live) == (Way.BACKUP, OLD, OLD, "green")
    assert world.provisioned == [("web-1@10.9.9.9",)]
    assert "web-1: {ansible_host: 10.9.9.9}  # the first" in world.stage.path.read_text()
    assert [part.name for part in done.parts] == [
        "look at both hosts and the backups", "provision web-1", "choose the backup", "restore the data",
        "restore the certificate", "restore the release", "ask as users do",
    ]  # fmt: skip
    assert (done.url, done.notes) == ("http://10.9.9.9/", ("a notice",))
    assert host.history[-1]["verb"] == "host rebuild"
    line = shapes.json.loads(envelope.result_line("host_rebuild", report.fields(done)))
    assert shapes.differences(shapes.examples()["host_rebuild"], line) == []
    text = report.text(done)
    assert "web-1 is at 10.9.9.9 now (before: 10.0.0.1)" in text
    assert "data: of 2026-11-26T03:12:09Z" in text


def test_run_again_it_goes_on(world: World) -> None:
    """The inventory has the address already; what serves already is not made live again."""
    world.run(Wish("10.9.9.9"))
    world.stage = replace(
        world.stage, hosts=(replace(world.stage.hosts[0], address="10.9.9.9", private_address=""),)
    )
    world.seen = Seen(("/srv/shop/releases/x",), True, {"done": ["begun"]}, {})
    world.alive = True
    done = world.run(Wish(""))
    assert (done.release, done.before, world.asked) == (OLD, "10.9.9.9", [])
    assert world.fleet.hosts["web-1"].rebuilt.count("releases") == 1


@pytest.mark.parametrize(
    ("wish", "said"),
    [(Wish("nowhere in particular"), "is no address"), (Wish("192.0.2.7"), "a placeholder"),
     (Wish("10.9.9.9", "web-7"), 'no host "web-7"'), (Wish("10.9.9.9", source="moon"), "there is no target moon"),
     (Wish("10.9.9.9", source="disk:xyz"), "is no backup")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(world: World, wish: Wish, said: str) -> None:
    """Before any host is asked."""
    with pytest.raises((UsageError, ConfigError)) as caught:
        world.run(wish)
    assert said in caught.value.what
    assert world.provisioned == []


def test_a_host_that_answers_is_replaced_only_if_somebody_says_so(world: World) -> None:
    """Asked, with what would be lost; the inventory stays."""
    world.alive = True
    with pytest.raises(UsageError, match="web-1 is not lost"):
        world.run(Wish("10.9.9.9"))
    assert "in no backup. Go on?" in world.asked[0]
    assert world.stage.path.read_text() == HOSTS
    assert world.run(Wish("10.9.9.9"), agree=True).way is Way.BACKUP


def test_a_host_that_is_not_empty_is_refused(world: World) -> None:
    """Somebody's data, another app, or this very one; what provisioning leaves behind is none."""
    for used, ours in (("/var/lib/postgresql/17/main/PG_VERSION", False), ("/srv/other", True),
                       ("/srv/shop/releases/20261122000001-aaaaaaaa", True)):  # fmt: skip
        world.seen = Seen((used,), ours, {}, {})
        with pytest.raises(UsageError, match="is not empty"):
            world.run(Wish("10.9.9.9"))
    world.seen = Seen((), True, {"ended": "2026-11-26T04:00:00Z"}, {})
    with pytest.raises(UsageError, match="is not empty"):
        world.run(Wish("10.9.9.9"))
    other = Seen(("/srv/other", "/etc/vpsdeploy/apps/other.json"), True, {}, {})
    world.seen = other
    with pytest.raises(UsageError, match="is not empty"):
        world.run(Wish("10.9.9.9"))
    assert world.stage.path.read_text() == HOSTS
    assert world.run(Wish("")).before == "10.0.0.1"
    world.seen = Seen(("/srv/shop", "/var/lib/postgresql/17/main/PG_VERSION"), True, {}, {})
    assert world.run(Wish("10.9.9.9")).release == OLD


def test_without_a_backup_or_its_keys_nothing_begins(world: World) -> None:
    """A target that only the new host can see is left to it where somebody names it."""
    world.looked = (Target("disk", ()), Target("far", (), "no route to host"))
    with pytest.raises(BackupFailed) as caught:
        world.run(Wish("10.9.9.9"))
    assert caught.value.why == "disk: no backup of this name\nfar: no route to host"
    world.looked = (Target("disk", ("6f06cbf8aa",)),)
    with pytest.raises(BackupFailed, match="with the id 11111111"):
        world.run(Wish("10.9.9.9", source="disk:11111111"))
    world.looked = (Target("far", (), "no route to host"),)
    assert world.run(Wish("10.9.9.9", source="far")).backup.target == "far"
    assert any("looks for its backup itself" in text for text in world.told.told)
    world.stage.backup_secrets.unlink()
    with pytest.raises(ConfigError, match="the keys of the backups are not here"):
        world.run(Wish("10.9.9.9"))


def test_a_host_that_cannot_be_provisioned_keeps_its_new_address(world: World) -> None:
    """So that the same command goes on."""
    world.failure = TaskFailure("web-1", "install packages", "no mirror")
    with pytest.raises(ProvisionFailed):
        world.run(Wish("10.9.9.9"))
    assert "10.9.9.9" in world.stage.path.read_text()
    assert world.fleet.hosts["web-1"].rebuilt == []


def test_a_release_that_the_backup_lacks_is_built_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its own commit, and it is said."""
    host, built = world.fleet.hosts["web-1"], list[str]()
    host.bits_lost = True

    class Tree:
        def __init__(self, _: object, revision: str, __: object) -> None:
            built.append(revision)

        def __enter__(self) -> Path:
            return tmp_path

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(rebuild_release, "checked_out", Tree)
    monkeypatch.setattr(rebuild_release, "load", lambda _: CONFIG)
    monkeypatch.setattr(release, "run", lambda *_: type("Changed", (), {"release": OLD})())
    done = world.run(Wish("10.9.9.9"))
    assert (done.way, built) == (Way.BUILD, ["c0ffee"])
    assert done.notes[-1] == "the release was built again from c0ffee"


def test_where_nothing_was_released_nothing_is(world: World) -> None:
    """Its data are back all the same."""
    world.fleet.hosts["web-1"].kept_release = ""
    done = world.run(Wish("10.9.9.9"))
    assert (done.way, done.release, done.url) == (Way.NONE, "", "")
    assert "no release: nothing was released" in done.notes[-1]


def test_an_app_that_does_not_answer_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its data and its release stay; the rebuild is not over."""
    monkeypatch.setattr(http, "reachable", lambda _: False)
    monkeypatch.setattr(rebuild_release, "ANSWER_SECONDS", 0.0)
    with pytest.raises(ReleaseFailed, match="the app does not answer"):
        world.run(Wish("10.9.9.9"))
    assert "end" not in world.fleet.hosts["web-1"].rebuilt


def test_in_a_fleet_it_serves_what_the_others_do(world: World, tmp_path: Path) -> None:
    """Their release, over their own hosts; they are provisioned too, as they know it by its address."""
    world.stage = at(tmp_path / "two", "web-1", "web-2")
    backup_keys.ready(CONFIG, world.stage)
    world.fleet = live_fleet(world.stage)
    lost = FakeFleet(world.stage).hosts["web-2"]
    world.fleet.hosts["web-2"] = lost
    with pytest.raises(UsageError, match="which host was lost"):
        world.run(Wish("10.9.9.9"))
    with pytest.raises(UsageError, match=r"10\.0\.0\.1 is web-1"):
        world.run(Wish("10.0.0.1", "web-2"))
    done = world.run(Wish("10.9.9.9", "web-2"))
    assert (done.way, done.release, lost.current) == (Way.FLEET, OLD, OLD)
    assert world.provisioned == [("web-1@10.0.0.1", "web-2@10.9.9.9")]
    assert 'ansible_host: "10.9.9.9"' in world.stage.path.read_text()
    assert "releases" not in lost.rebuilt


def test_a_private_address_has_to_be_named(world: World) -> None:
    """The inventory has one, and nobody can guess the new host's."""
    text = HOSTS.replace(
        "{ansible_host: 10.0.0.1}", "{ansible_host: 10.0.0.1, vpsdeploy_private_address: 10.1.0.1}"
    )
    world.stage.path.write_text(text)
    world.stage = replace(world.stage, hosts=(replace(world.stage.hosts[0], private_address="10.1.0.1"),))
    with pytest.raises(UsageError, match="which private address"):
        world.run(Wish("10.9.9.9"))
    world.run(Wish("10.9.9.9", private_address="10.1.0.9"))
    assert (
        "{ansible_host: 10.9.9.9, vpsdeploy_private_address: 10.1.0.9}  # the first"
        in world.stage.path.read_text()
    )


def test_an_inventory_that_says_it_elsewhere_is_edited_by_hand(world: World) -> None:
    """Nothing is guessed."""
    world.stage.path.write_text("all:\n  vars: {ansible_host: 10.0.0.1}\n  hosts: {web-1: {}}\n")
    with pytest.raises(ConfigError, match="the inventory cannot be changed for web-1"):
        world.run(Wish("10.9.9.9"))


def fleet_of(world: World, place: Path, *names: str, balancers: tuple[str, ...] = (), lost: str) -> None:
    """A fleet whose release is live on green, and that has lost a host."""
    world.stage = at(place, *names, balancers=balancers)
    backup_keys.ready(CONFIG, world.stage)
    world.fleet = live_fleet(world.stage)
    world.fleet.hosts[lost] = FakeFleet(world.stage).hosts[lost]


@pytest.mark.parametrize(
    ("names", "balancers", "lost"),
    [(("web-1", "web-2"), (), "web-1"), (("web-1", "web-2"), ("lb-1",), "lb-1"),
     (("web-1", "web-2"), ("lb-1", "lb-2"), "lb-2"), (("web-1",), ("lb-1",), "lb-1")],
)  # fmt: skip
def test_a_lost_load_balancer_routes_to_what_the_app_hosts_run(
    world: World, tmp_path: Path, names: tuple[str, ...], balancers: tuple[str, ...], lost: str
) -> None:
    """The only one too, and one that runs instances as well: a new one routes to blue until it is told."""
    fleet_of(world, tmp_path / "fleet", *names, balancers=balancers, lost=lost)
    done = world.run(Wish("10.9.9.9", lost))
    assert (done.way, done.release) == (Way.FLEET, OLD)
    assert world.fleet.summary() == {("green", OLD)}
    assert {host.current for host in world.fleet.hosts.values() if host.host.is_app} == {OLD}
    assert ("web-1", "drain") not in world.fleet.calls
    assert world.run(Wish("10.9.9.9", lost)).release == OLD


def test_a_fleet_that_lost_two_hosts_is_rebuilt_one_after_another(world: World, tmp_path: Path) -> None:
    """Said before anything is touched."""
    fleet_of(world, tmp_path / "fleet", "web-1", "web-2", lost="web-2")
    world.silent = {"web-1"}
    with pytest.raises(HostUnreachable, match="web-1 cannot be reached either") as caught:
        world.run(Wish("10.9.9.9", "web-2"))
    assert "take web-1 out of" in caught.value.next
    assert "10.9.9.9" not in world.stage.path.read_text()


def test_a_host_that_was_reinstalled_where_it_was_is_made_known_to_the_others(
    world: World, tmp_path: Path
) -> None:
    """Its keys and certificates are new, though its address is not."""
    fleet_of(world, tmp_path / "fleet", "web-1", "web-2", lost="web-2")
    world.run(Wish("", "web-2"))
    assert world.provisioned == [("web-1@10.0.0.1", "web-2@10.0.0.2")]


@pytest.mark.parametrize(("carrier", "lost"), [("web-1", "web-1"), ("lb-1", "lb-1")])
def test_hosts_that_use_a_service_of_the_lost_one_get_its_new_address(
    world: World, tmp_path: Path, carrier: str, lost: str
) -> None:
    """By a release of the same files with today's environment; the rebuilt host runs the same one."""
    config = CONFIG.model_copy(
        update={
            "services": AppConfig.model_validate(
                {"app": APP, "services": {"mariadb": {"host": carrier}}}
            ).services
        }
    )
    fleet_of(world, tmp_path / "fleet", "web-1", "web-2", balancers=("lb-1",), lost=lost)
    (before,) = services.placed(config, world.stage)
    env.put(config, world.stage, {"DATABASE_URL": service_url.make(before, APP, Secret("p" * 43))})
    done = world.run(Wish("10.9.9.9", lost), config=config)
    url = secrets.opened(world.stage).values()["DATABASE_URL"].reveal()
    assert url.startswith(f"mysql://shop:{'p' * 43}@10.9.9.9:3306/shop")
    assert {host.settings[done.release]["env"]["DATABASE_URL"].reveal() for host in world.fleet.hosts.values()
            if host.host.is_app} == {url}  # fmt: skip
    assert done.release != OLD
    assert done.release.endswith(OLD[-8:])
    assert {host.current for host in world.fleet.hosts.values() if host.host.is_app} == {done.release}
    assert {release for _, release in world.fleet.summary()} == {done.release}
    assert world.fleet.hosts["lb-1"].out == {}
