"""bans, ban, lift: who is kept out, by whom, and what the firewall is told."""

from __future__ import annotations

import ipaddress
import json
import sqlite3
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.agent import amnesty, ban_list, ban_table, programs, trust
from orchestrator.agent.ban_list import ADDED, ALL, WEB, Ban
from orchestrator.agent.programs import Finished
from tests.unit.agent.conftest import Host

SETTINGS = {
    "name": "lb-1",
    "peers": [{"name": "lb-2", "address": "10.0.0.2"}],
    "trusted": ["10.0.0.0/24"],
    "own_keys": [],
}


class Firewall:
    """What nft and fail2ban-client were told."""

    def __init__(self) -> None:
        self.tables: list[str] = []
        self.unbanned: list[str] = []
        self.database = Path()

    def nft(self, _: list[str], **given: Any) -> SimpleNamespace:
        """Take a table."""
        self.tables.append(given["input"])
        return SimpleNamespace(returncode=0, stderr="")

    def fail2ban(self, arguments: list[str]) -> Finished:
        """Lift one of its bans."""
        self.unbanned.append(arguments[-1])
        with sqlite3.connect(self.database) as database:
            database.execute("DELETE FROM bips WHERE ip = ?", [arguments[-1]])
        return Finished(0, "1\n", "")


@pytest.fixture(name="firewall")
def _firewall(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Firewall:
    """A host with the role, and fail2ban's database without a ban."""
    firewall = Firewall()
    monkeypatch.setattr(subprocess, "run", firewall.nft)
    monkeypatch.setattr(programs, "run", firewall.fail2ban)
    bare.layout.bans_file.write_text(json.dumps(SETTINGS))
    bare.layout.bans.mkdir()
    firewall.database = bare.layout.fail2ban_file
    firewall.database.parent.mkdir(parents=True)
    with sqlite3.connect(firewall.database) as database:
        database.execute("CREATE TABLE bips (ip, jail, timeofban, bantime, bancount)")
    return firewall


def caught(
    firewall: Firewall, address: str, jail: str, seconds: int = 600, since: float | None = None
) -> None:
    """fail2ban bans somebody."""
    begin = int(since or time.time())
    with sqlite3.connect(firewall.database) as database:
        database.execute("INSERT INTO bips VALUES (?, ?, ?, ?, 2)", [address, jail, begin, seconds])


def told(host: Host, *bans: Ban, peer: str = "lb-2") -> None:
    """Another load balancer says whom it bans."""
    said = {"host": peer, "time": time.time(), "bans": ban_list.fields(bans)}
    (host.layout.bans / f"from-{peer}.json").write_text(json.dumps(said))


def remote(address: str, since: float | None = None, ports: str = WEB) -> Ban:
    """A ban of another load balancer."""
    return Ban(address, "nginx-limit-req", since or time.time(), time.time() + 600, ports)


def addresses(host: Host) -> list[str]:
    """Everybody whom the verb names."""
    return [ban["address"] for ban in host.call("bans")["bans"]]


def test_bans_of_ours_come_back_where_somebody_emptied_the_firewall(bare: Host, firewall: Firewall) -> None:
    """Called by what puts the firewall's own rules back."""
    bare.call("ban", address="192.0.2.1", seconds=60)
    firewall.tables.clear()
    bare.words(["restore-bans", "--request", '{"protocol":1}'])
    (table,) = firewall.tables
    assert "192.0.2.1" in table


def test_bans_of_all_kinds_are_named_and_what_ended_is_not(bare: Host, firewall: Firewall) -> None:
    """fail2ban leaves what ended in its database for a while."""
    caught(firewall, "203.0.113.7", "sshd")
    caught(firewall, "203.0.113.8", "nginx-limit-req", since=time.time() - 700)
    caught(firewall, "203.0.113.9", "recidive", seconds=-1)
    told(bare, remote("2001:db8:1:2::/64"))
    bare.call("ban", address="192.0.2.1", seconds=60)
    found = {ban["address"]: ban for ban in bare.call("bans")["bans"]}
    assert set(found) == {"203.0.113.7", "203.0.113.9", "2001:db8:1:2::/64", "192.0.2.1"}
    assert (found["203.0.113.7"]["source"], found["203.0.113.7"]["ports"], found["203.0.113.7"]["times"]) == (
        "sshd",
        ALL,
        2,
    )
    assert found["203.0.113.9"]["until"] is None
    assert (found["2001:db8:1:2::/64"]["origin"], found["2001:db8:1:2::/64"]["ports"]) == ("lb-2", WEB)
    assert (found["192.0.2.1"]["source"], found["192.0.2.1"]["by"]) == (ADDED, "test@here")


def test_whoever_has_a_key_is_let_in_again(bare: Host, firewall: Firewall) -> None:
    """What fail2ban found is ended, for all names of the client; what a person said stays, and so do others' bans."""
    caught(firewall, "203.0.113.7", "nginx-limit-req")
    caught(firewall, "203.0.113.8", "nginx-limit-req")
    caught(firewall, "2001:db8:1:2::/64", "sshd")
    bare.call("ban", address="192.0.2.1", seconds=60)
    for address in ("203.0.113.7", "2001:db8:1:2::7", "192.0.2.1", "nonsense"):
        amnesty.grant(bare.layout, address)
    assert firewall.unbanned == ["203.0.113.7", "2001:db8:1:2::/64"]


def test_a_host_without_fail2ban_has_nobody_to_let_in(bare: Host, firewall: Firewall) -> None:
    """Nor is one refused whose database cannot be read."""
    bare.layout.fail2ban_file.write_bytes(b"no database")
    amnesty.grant(bare.layout, "203.0.113.7")
    bare.layout.fail2ban_file.unlink()
    amnesty.grant(bare.layout, "203.0.113.7")
    assert firewall.unbanned == []


def test_a_person_s_ban_is_dropped_at_once_and_kept(bare: Host, firewall: Firewall) -> None:
    """With its end; a second time takes the place of the first. IPv6: the /64."""
    bare.call("ban", address="192.0.2.1", seconds=60)
    bare.call("ban", address="192.0.2.1", seconds=0)
    bare.call("ban", address="2001:db8:9:9::5", seconds=60)
    assert (
        "set all4 { type ipv4_addr; flags interval, timeout; elements = { 192.0.2.1/32 }; }"
        in firewall.tables[-1]
    )
    assert "elements = { 2001:db8:9:9::/64 timeout 60s }" in firewall.tables[-1]
    assert addresses(bare) == ["192.0.2.1", "2001:db8:9:9::/64"]
    bare.words(["boot"])
    assert firewall.tables[-1].count("192.0.2.1/32") == 1


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("10.0.0.77", "UsageError"), ("127.0.0.1", "UsageError"), ("10.0.0.0/16", "UsageError"),
        ("0.0.0.0/0", "UsageError"),
        ("example.com", "UsageError"), ("203.0.113.5", "UsageError"), ("2001:db8:7:7:9::1", "UsageError"),
    ],
)  # fmt: skip
def test_nobody_of_us_can_be_banned(bare: Host, firewall: Firewall, address: str, kind: str) -> None:
    """Nor what holds one of us, nor where a key came from; nothing is written."""
    trust.note(bare.layout, "203.0.113.5")
    trust.note(bare.layout, "2001:db8:7:7::1")
    assert bare.call("ban", address=address, seconds=60)["kind"] == kind
    assert not firewall.tables
    assert not (bare.layout.bans / "added.json").exists()


def test_lift_ends_a_ban_whoever_made_it(bare: Host, firewall: Firewall) -> None:
    """Of this client: in fail2ban, of a person, and what another load balancer still says."""
    caught(firewall, "203.0.113.7", "sshd")
    caught(firewall, "203.0.113.7", "recidive")
    caught(firewall, "203.0.113.8", "sshd")
    told(bare, remote("203.0.113.7", since=time.time() - 5))
    bare.call("ban", address="203.0.113.7", seconds=60)
    answer = bare.call("lift", address="203.0.113.7")
    assert {ban["source"] for ban in answer["lifted"]} == {"sshd", "recidive", ADDED, "nginx-limit-req"}
    assert firewall.unbanned == ["203.0.113.7"]
    assert addresses(bare) == ["203.0.113.8"]
    assert firewall.tables[-1] == f"add table {ban_table.TABLE}\ndelete table {ban_table.TABLE}\n"
    assert [line["verb"] for line in bare.call("history")["lines"]] == ["ban", "lift"]


def test_who_goes_on_after_that_is_banned_again(bare: Host, firewall: Firewall) -> None:
    """A lift is about what was before it."""
    told(bare, remote("203.0.113.7", since=time.time() - 5))
    bare.call("lift", address="203.0.113.7")
    assert addresses(bare) == []
    told(bare, remote("203.0.113.7", since=time.time() + 1))
    assert addresses(bare) == ["203.0.113.7"]


def test_one_address_of_a_64_lifts_the_64(bare: Host, firewall: Firewall) -> None:
    """The person who was banned by mistake knows the own address, not what fail2ban called it."""
    caught(firewall, "2001:db8:1:2::/64", "nginx-limit-req")
    caught(firewall, "2001:db8:1:2::9", "sshd")
    assert len(bare.call("lift", address="2001:db8:1:2::5")["lifted"]) == 2
    assert set(firewall.unbanned) == {"2001:db8:1:2::/64", "2001:db8:1:2::9"}


def test_lifting_what_is_not_banned_is_no_error(bare: Host, firewall: Firewall) -> None:
    """And leaves no line in the history."""
    assert bare.call("lift", address="203.0.113.7")["lifted"] == []
    assert bare.call("history")["lines"] == []


def test_what_another_load_balancer_says_cannot_meet_us(bare: Host, firewall: Firewall) -> None:
    """The fleet, loopback, where a key came from, whole providers; nor does a host count that is none of ours."""
    trust.note(bare.layout, "203.0.113.5")
    told(
        bare, *map(remote, ("10.0.0.3", "127.0.0.1", "203.0.113.5", "0.0.0.0/0", "nonsense", "198.51.100.1"))
    )
    told(bare, remote("198.51.100.2"), peer="lb-9")
    assert addresses(bare) == ["198.51.100.1"]


def test_a_host_without_the_role_says_so(bare: Host) -> None:
    """And what to type."""
    assert bare.call("bans")["next"] == "vpsdeploy provision host"


def test_the_table_is_one_that_nft_takes(tmp_path: Path) -> None:
    """Overlapping networks are one element with the later end; nobody banned: no table."""
    now = 1000.0
    bans = [
        Ban("203.0.113.7", ADDED, 0, 1100), Ban("203.0.113.0/24", ADDED, 0, 1060), Ban("203.0.113.9", ADDED, 0, None),
        Ban("2001:db8::/64", "sshd", 0, 1500), Ban("198.51.100.1", "nginx-limit-req", 0, 1500, WEB),
        Ban("192.0.2.1", ADDED, 0, 999),
    ]  # fmt: skip
    text = ban_table.text(bans, now)
    assert "elements = { 203.0.113.0/24 }" in text
    assert "tcp dport { 80, 443 } ip saddr @web4 drop" in text
    assert "192.0.2.1" not in text
    file = tmp_path / "bans.nft"
    for one in (text, ban_table.text([], now)):
        file.write_text(one)
        done = subprocess.run(["nft", "--check", "--file", file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_thousands_of_bans_are_not_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A botnet is banned address by address, and each new one is a new table: pairs would take minutes."""
    asked = 0

    def counted(*_: object) -> bool:
        nonlocal asked
        asked += 1
        return False

    monkeypatch.setattr(ipaddress.IPv4Network, "__contains__", counted)
    bans = [Ban(f"198.{n >> 8}.{n & 255}.7", ADDED, 0, None, WEB) for n in range(500)]
    assert ban_table.text(bans, 1.0).count("/32") == 500
    assert asked <= len(bans)
