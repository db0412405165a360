"""Where a name leads."""

from __future__ import annotations

import socket

import pytest

from orchestrator.transport import names


def test_an_address_leads_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody is asked."""
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert [names.addresses(one) for one in ("192.0.2.1", "2001:db8::1")] == [
        ("192.0.2.1",),
        ("2001:db8::1",),
    ]
    assert names.addresses("") == ()


def test_a_name_leads_to_each_of_its_addresses_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an order that stays: files are made of it."""
    found = ["2001:db8::1", "192.0.2.2", "192.0.2.1", "192.0.2.2"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (one, 0)) for one in found])
    assert names.addresses("lb.example.com") == ("192.0.2.1", "192.0.2.2", "2001:db8::1")


def test_an_unknown_name_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks says so."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert names.addresses("nobody.example.com") == ()
