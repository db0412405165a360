"""What load balancers tell each other about whom they ban, and whom they believe."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from orchestrator.agent import ban_exchange, ban_list, ban_table, durable, trust
from orchestrator.agent.ban_list import Ban
from orchestrator.agent.layout import Layout
from tests.unit.agent.conftest import Host
from tests.unit.agent.test_bans import remote


@pytest.fixture(name="pair")
def _pair(tmp_path: Path) -> dict[str, Host]:
    """Two load balancers that know each other's host keys, and a third that is nobody."""
    hosts, keys = {}, {}
    for name in ("lb-1", "lb-2", "evil"):
        hosts[name] = Host(tmp_path / name)
        hosts[name].provision()
        hosts[name].layout.bans.mkdir()
        hosts[name].layout.ssh.mkdir(parents=True)
        key = hosts[name].layout.ssh / "ssh_host_ed25519_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        keys[name] = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    for name, host in hosts.items():
        other = "lb-1" if name != "lb-1" else "lb-2"
        peers = [{"name": other, "address": "127.0.0.1"}]
        host.layout.bans_file.write_text(
            json.dumps({"name": name, "peers": peers, "trusted": [], "own_keys": [keys[name]]})
        )
        host.layout.ban_signers.write_text(f'{other} namespaces="{ban_exchange.NAMESPACE}" {keys[other]}\n')
    return hosts


def published(host: Host, *bans: Ban) -> bytes:
    """What a load balancer gives out."""
    (host.layout.bans / "added.json").write_text(json.dumps(ban_list.fields(bans)))
    ban_exchange.Teller(host.layout).tell()
    return host.layout.published.read_bytes()


def test_a_load_balancer_believes_the_other_s_signature(pair: dict[str, Host]) -> None:
    """Made with the key that provisioning pinned, about itself."""
    said = ban_exchange.verify(pair["lb-1"].layout, "lb-2", published(pair["lb-2"], remote("203.0.113.7")))
    assert [ban["address"] for ban in said["bans"]] == ["203.0.113.7"]


def test_nobody_else_is_believed(pair: dict[str, Host]) -> None:
    """Another key, a text that was changed, what is no signature at all."""
    layout = pair["lb-1"].layout
    settings = json.loads(pair["evil"].layout.bans_file.read_text())
    pair["evil"].layout.bans_file.write_text(json.dumps({**settings, "name": "lb-2"}))
    forged = published(pair["evil"], remote("203.0.113.7"))
    genuine = json.loads(published(pair["lb-2"], remote("203.0.113.7")))
    changed = json.dumps({**genuine, "text": genuine["text"].replace("203.0.113.7", "203.0.113.8")}).encode()
    for wrong in (
        forged,
        changed,
        b"{}",
        b"[]",
        b"nonsense",
        json.dumps({**genuine, "signature": "x"}).encode(),
    ):
        with pytest.raises(ValueError, match=r"signature|signed"):
            ban_exchange.verify(layout, "lb-2", wrong)


def test_an_old_file_is_not_taken_for_a_new_one(pair: dict[str, Host]) -> None:
    """Whoever recorded a ban cannot bring it back after it was lifted."""
    layout = pair["lb-1"].layout
    old = published(pair["lb-2"], remote("203.0.113.7"))
    newer = ban_exchange.verify(layout, "lb-2", published(pair["lb-2"]))
    (layout.bans / "from-lb-2.json").write_text(json.dumps(newer))
    with pytest.raises(ValueError, match="older"):
        ban_exchange.verify(layout, "lb-2", old)


def test_what_did_not_change_is_not_signed_again(pair: dict[str, Host]) -> None:
    """A signature a second would be a process a second."""
    (pair["lb-1"].layout.bans / "added.json").write_text(json.dumps(ban_list.fields([remote("203.0.113.7")])))
    teller = ban_exchange.Teller(pair["lb-1"].layout)
    teller.tell()
    first = pair["lb-1"].layout.published.read_bytes()
    teller.tell()
    assert pair["lb-1"].layout.published.read_bytes() == first


def test_trouble_is_said_once_and_does_not_end_the_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    """A peer that is down for a day fills no journal."""
    trouble = ban_exchange.Trouble("lb-2")
    for _ in range(3):
        with trouble.told():
            raise OSError("no route")
    assert capsys.readouterr().err == "lb-2: OSError: no route\n"


def test_lists_that_did_not_change_are_not_read_again(
    pair: dict[str, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice a second, thousands of addresses would keep a processor busy; each way in which they change is seen."""
    layout = pair["lb-1"].layout
    tables: list[int] = []
    reads: list[object] = []
    every = ban_list.every

    def read(of: Layout) -> list[Ban]:
        reads.append(1)
        return every(of)

    monkeypatch.setattr(ban_table, "apply", lambda bans: tables.append(len(bans)))
    monkeypatch.setattr(ban_list, "every", read)
    enforcer = ban_exchange.Enforcer(layout)

    def changed() -> bool:
        before = len(reads)
        enforcer.enforce()
        return len(reads) > before

    said = {"time": 1.0, "bans": ban_list.fields([remote("203.0.113.7"), remote("203.0.113.8")])}
    durable.write_json(layout.bans / "from-lb-2.json", said)
    assert changed()
    assert not changed()
    trust.note(layout, "203.0.113.7")
    trust.note(layout, "2001:db8::7")
    assert changed()
    trust.note(layout, "2001:db8:0:1::7")
    assert changed()
    durable.write_json(layout.bans / "from-lb-2.json", {**said, "bans": []})
    assert changed()
    assert not changed()
    assert tables[0] == 2
    assert tables[-1] == 0


def test_a_person_s_ban_is_told_before_those_of_a_flood(
    pair: dict[str, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list has an end; what a person asked for is not what falls off."""
    monkeypatch.setattr(ban_list, "MOST", 1)
    monkeypatch.setattr(ban_list, "_by_fail2ban", lambda _: [remote("203.0.113.7")])
    said = json.loads(json.loads(published(pair["lb-2"], remote("203.0.113.8")))["text"])
    assert [ban["address"] for ban in said["bans"]] == ["203.0.113.8"]
