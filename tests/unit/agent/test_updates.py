"""updates, upgrade, reboot: what apt says, what is installed, what still runs replaced files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestrator.agent import apt, stale
from orchestrator.agent.programs import Finished
from tests.unit.agent.conftest import Host

SIMULATED = """\
Reading package lists...
Inst libssl3 [3.0.15-1] (3.0.16-1 Debian:12.11/stable, Debian-Security:12/stable-security [amd64]) [openssl:amd64 ]
Inst linux-image-6.1.0-30-amd64 (6.1.124-1 Debian-Security:12/stable-security [amd64])
Inst linux-image-amd64 [6.1.119-1] (6.1.124-1 Debian-Security:12/stable-security [amd64])
Inst tzdata [2026a-0] (2026b-0 Debian:12-updates/stable-updates [all])
Inst evil [1] (2 Not-Debian-Security:1/x [all])
Conf libssl3 (3.0.16-1 Debian-Security:12/stable-security [amd64])
"""


class Apt:
    """apt in front of the host's other programs: what it was told, and what it answers."""

    def __init__(self, host: Host, simulated: str = SIMULATED) -> None:
        self.simulated, self.refuses = simulated, ""
        self.told: list[list[str]] = []
        self.on_install: Callable[[], None] = lambda: None
        self.others = host.systemd
        self.running = host.systemd.running
        host.systemd = self  # type: ignore[assignment]  # stands in for it as the agent calls it

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """Answer what is apt's, hand on the rest."""
        self.told.append(list(arguments))
        if "--simulate" in arguments:
            return Finished(0, self.simulated, "")
        if self.refuses and ("update" in arguments or "install" in arguments):
            return Finished(100, "", self.refuses)
        if "install" in arguments:
            self.on_install()
            answer = self.others(arguments)
            self.running.discard(f"{apt.UNIT}.service")  # it is waited for
            return answer
        if "is-system-running" in arguments:
            return Finished(0, "running\n", "")
        return self.others(arguments)

    def installs(self) -> list[str]:
        """The packages of the transactions."""
        return [w for told in self.told if "install" in told for w in told[told.index("install") + 1 :]]


def process(host: Host, pid: int, unit: str, code: str) -> None:
    """A process of a unit with this code mapped."""
    place = host.layout.proc / str(pid)
    place.mkdir(parents=True)
    (place / "cgroup").write_text(f"0::/system.slice/{unit}\n")
    (place / "maps").write_text(f"7f00-7f01 r-xp 00000000 08:01 42 {code}\n7f01-7f02 rw-p 00000000 00:00 0\n")


def test_what_waits_is_told_with_where_it_comes_from(bare: Host) -> None:
    """What is new comes with what needs it; a label that only sounds like Debian's is none."""
    Apt(bare)
    answer = bare.call("updates")
    assert [(one["package"], one["security"]) for one in answer["pending"]] == [
        ("evil", False), ("libssl3", True), ("linux-image-amd64", True), ("tzdata", False),
    ]  # fmt: skip
    assert answer["pending"][1] | {"security": 0} == {
        "package": "libssl3", "from": "3.0.15-1", "to": "3.0.16-1", "security": 0, "restarts": "",
    }  # fmt: skip
    assert (answer["reboot_required"], answer["stale"], answer["state"]) == (False, [], "running")


def test_lists_are_fetched_only_where_asked(bare: Host) -> None:
    """And a mirror that cannot be reached is told with apt's own words."""
    fake = Apt(bare)
    bare.call("updates")
    assert not any("update" in told for told in fake.told)
    fake.refuses = "E: Could not resolve deb.example"
    answer = bare.call("updates", refresh=True)
    assert (answer["kind"], answer["what"]) == ("HostNotReady", "the package lists cannot be fetched")
    assert "Could not resolve" in answer["why"]
    (asked,) = [told for told in fake.told if "update" in told]
    assert (
        "APT::Update::Error-Mode=any" in asked
    )  # else apt goes on with the old lists, and ends well: nothing to do
    assert asked[:2] == ["env", "LC_ALL=C.UTF-8"]  # its words are looked at


def test_security_updates_are_installed_in_one_transaction_to_the_versions_that_were_told(host: Host) -> None:
    """In a unit that outlives the agent; the history has a line."""
    fake = Apt(host)
    answer = host.call("upgrade")
    assert fake.installs() == ["libssl3=3.0.16-1", "linux-image-amd64=6.1.124-1"]
    assert [one["package"] for one in answer["upgraded"]] == ["libssl3", "linux-image-amd64"]
    (line,) = [line for line in host.call("history")["lines"] if line["verb"] == "upgrade"]
    assert (line["result"], line["figures"]["packages"][0]) == ("2 packages", "libssl3 3.0.16-1")


def test_all_updates_where_all_are_meant(host: Host) -> None:
    """Not only those of security."""
    fake = Apt(host)
    host.call("upgrade", all=True)
    assert len(fake.installs()) == 4


def test_a_failed_transaction_is_told_with_apt_s_last_lines(host: Host) -> None:
    """And what to do on the host."""
    Apt(host).refuses = "E: Sub-process /usr/bin/dpkg returned an error code (1)"
    answer = host.call("upgrade")
    assert answer["what"] == "the updates cannot be installed"
    assert "returned an error code (1)" in answer["why"]
    assert "apt-get --fix-broken install" in answer["next"]


def test_an_upgrade_that_still_runs_is_never_cut_short(host: Host) -> None:
    """An earlier command lost its connection: its apt goes on."""
    fake = Apt(host)
    fake.running.add(f"{apt.UNIT}.service")
    assert host.call("upgrade")["what"] == "an upgrade is running"
    assert fake.installs() == []


def test_nobody_upgrades_or_restarts_without_the_lock(bare: Host) -> None:
    """A release may be on its way."""
    fake = Apt(bare)
    assert [bare.call(verb)["kind"] for verb in ("upgrade", "reboot")] == ["LockHeld"] * 2
    assert fake.told == []


def test_nginx_goes_on_with_its_new_files_without_a_break(host: Host) -> None:
    """Only where it runs what was replaced; a refusal leaves it serving and is told."""
    fake = Apt(host, "")
    assert host.call("upgrade")["nginx_renewed"] is False
    process(host, 77, "nginx.service", "/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)")
    assert host.call("upgrade")["nginx_renewed"] is True
    assert ["invoke-rc.d", "nginx", "upgrade"] in fake.told


def test_a_reboot_begins_after_the_answer_and_names_the_boot_that_ends(host: Host) -> None:
    """The next boot has another name, in a container too."""
    fake = Apt(host)
    (host.layout.proc / "sys/kernel/random").mkdir(parents=True)
    (host.layout.proc / "sys/kernel/random/boot_id").write_text("b1\n")
    (host.layout.proc / "1").mkdir()
    stat = "1 (a (b) c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {} 1 2\n"
    (host.layout.proc / "1/stat").write_text(stat.format(900))
    assert host.call("reboot")["boot"] == "b1-900"
    (told,) = [told for told in fake.told if "reboot" in told]
    assert "--on-active=1" in told
    (host.layout.proc / "1/stat").write_text(stat.format(901))
    assert host.call("updates")["boot"] == "b1-901"


POSTGRESQL = """\
Inst postgresql-17 [17.6-1] (17.7-1 Debian-Security:13/stable-security [amd64])
Inst postgresql-client-17 [17.6-1] (17.7-1 Debian-Security:13/stable-security [amd64])
Inst libpq5 [17.6-1] (17.7-1 Debian-Security:13/stable-security [amd64])
Inst redis-server [5:8.0.2-3] (5:8.0.5-1 Debian-Security:13/stable-security [amd64])
"""
UNIT = "postgresql@17-main.service"


@pytest.fixture(name="carrying")
def _carrying(host: Host) -> Host:
    """A host that carries PostgreSQL for the app, and Redis for somebody else."""
    host.layout.services.mkdir(parents=True)
    for app, service, unit in (("shop", "postgresql", UNIT), ("blog", "redis", "redis-server.service")):
        about = {"app": app, "service": service, "unit": unit, "user": app}
        (host.layout.services / f"{service}.json").write_text(json.dumps(about))
    host.systemd.properties[UNIT] = {"InvocationID": "one"}
    return host


def test_what_restarts_a_database_of_the_app_is_told_and_left_out_where_nothing_may_be(
    carrying: Host,
) -> None:
    """The library that clients share is none of it; another app's server is not ours to speak of."""
    fake = Apt(carrying, POSTGRESQL)
    told = {one["package"]: one["restarts"] for one in carrying.call("updates")["pending"]}
    assert told == {
        "postgresql-17": "postgresql", "postgresql-client-17": "postgresql", "libpq5": "", "redis-server": ""
    }  # fmt: skip
    answer = carrying.call("upgrade", hold=True)
    assert [one["package"] for one in answer["upgraded"]] == ["libpq5", "redis-server"]
    assert fake.installs() == ["libpq5=17.7-1", "redis-server=5:8.0.5-1"]
    assert answer["restarted"] == []


def test_a_server_that_its_package_has_restarted_is_told(carrying: Host) -> None:
    """systemd says so: it is another run. It is installed by itself, after all else, to be away for less."""
    fake = Apt(carrying, POSTGRESQL)
    fake.on_install = lambda: fake.others.properties.update({UNIT: {"InvocationID": "two"}})
    assert carrying.call("upgrade")["restarted"] == ["postgresql"]
    assert [told[told.index("install") + 1 :] for told in fake.told if "install" in told] == [
        ["libpq5=17.7-1", "redis-server=5:8.0.5-1"], ["postgresql-17=17.7-1", "postgresql-client-17=17.7-1"],
    ]  # fmt: skip


def test_a_database_that_runs_replaced_files_is_restarted_only_where_that_is_allowed(carrying: Host) -> None:
    """A library was mended: the server's own package is as it was."""
    fake = Apt(carrying, "")
    process(carrying, 9, UNIT, "/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)")
    process(carrying, 10, "redis-server.service", "/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)")
    assert carrying.call("updates")["behind"] == ["postgresql"]
    carrying.call("upgrade")
    assert not any("restart" in told for told in fake.told)
    carrying.call("upgrade", renew=True)
    assert [told for told in fake.told if "restart" in told] == [["systemctl", "restart", UNIT]]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("/usr/lib/x86_64-linux-gnu/libc.so.6 (deleted)", ("shop@4001.service",)),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", ()),
        ("/memfd:v8 (deleted)", ()),
        ("/srv/shop/releases/x/app/a.node (deleted)", ()),
    ],
)
def test_only_replaced_code_of_the_system_counts(
    code: str, found: tuple[str, ...], bare: Host, tmp_path: Path
) -> None:
    """Not what a program made in memory, nor a release that was pruned."""
    process(bare, 5, "shop@4001.service", code)
    process(bare, 6, "init.scope", "/usr/lib/systemd/systemd (deleted)")
    assert stale.units(bare.layout.proc) == found
