"""Who is no stranger: where somebody with a key came from, and under which names that is kept."""

from __future__ import annotations

import ipaddress
import os
import signal
from pathlib import Path

import pytest

from orchestrator.agent import amnesty, main, trust
from tests.unit.agent.conftest import Host


def test_an_environment_tells_where_the_key_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sudo hides it from us; its own parent still has it."""
    for process, parent, environment in (
        (70, 60, b"A=1\0"),
        (60, 50, b"SSH_CLIENT=2001:db8::7 50000 22\0B=2\0"),
    ):
        (tmp_path / str(process)).mkdir()
        (tmp_path / str(process) / "environ").write_bytes(environment)
        (tmp_path / str(process) / "stat").write_text(f"{process} (a (b) c) S {parent} 1 1")
    monkeypatch.setattr(os, "getppid", lambda: 70)
    assert trust.caller(tmp_path) == "2001:db8::7"
    assert trust.caller(tmp_path / "nowhere") == ""


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("203.0.113.7", {"203.0.113.7"}), ("::ffff:203.0.113.7", {"203.0.113.7"}),
        ("2001:db8:5:0:7::1", {"2001:db8:5::/64", "2001:db8:5:0::/64"}), ("2001:db8:1:2::1", {"2001:db8:1:2::/64"}),
    ],
)  # fmt: skip
def test_who_is_trusted_has_a_file_for_each_way_to_write_it(
    bare: Host, address: str, names: set[str]
) -> None:
    """nginx and fail2ban only test whether a file is there. The first time is told."""
    assert trust.note(bare.layout, address)
    assert not trust.note(bare.layout, address)
    assert all((bare.layout.trusted / name).is_file() for name in names)
    assert set(trust.noted(bare.layout)) == {ipaddress.ip_network(name) for name in names}


@pytest.mark.parametrize("address", ["", "nonsense", "../../etc/passwd"])
def test_what_is_no_address_is_not_trusted(bare: Host, address: str) -> None:
    """It comes from an environment, and would become a file's name."""
    assert not trust.note(bare.layout, address)
    assert not bare.layout.trusted.exists()


def test_who_comes_for_the_first_time_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the verb: a release asks by HTTP next."""
    forgiven: list[str] = []
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(trust, "caller", lambda: "203.0.113.7")
    monkeypatch.setattr(amnesty, "grant", lambda _, address: forgiven.append(address))
    monkeypatch.setattr(main, "run", lambda *_: 0)
    for is_new in (True, False):
        monkeypatch.setattr(trust, "note", lambda *_, told=is_new: told)
        assert main.main() == 0
    assert forgiven == ["203.0.113.7"]
