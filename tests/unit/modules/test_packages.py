"""module_utils/vpsdeploy/packages.py: what another call brings meanwhile is not installed once more."""

from __future__ import annotations

import pytest
from ansible.module_utils.vpsdeploy import packages
from ansible.module_utils.vpsdeploy.host import Host


def test_what_another_transaction_brought_is_not_installed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited for it looks once more."""
    missing = [["gpgv", "nginx"], ["nginx"]]
    installed: list[list[str]] = []
    monkeypatch.setattr(packages, "absent", lambda *_: missing.pop(0))
    monkeypatch.setattr(packages, "_bring", lambda _host, names, *_: installed.append(names))
    packages.apply(Host(check_mode=False), ["gpgv", "nginx"], 0)
    assert installed == [["nginx"]]


def test_nothing_is_installed_where_it_brought_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """apt is not even started."""
    missing = [["gpgv"], []]
    monkeypatch.setattr(packages, "absent", lambda *_: missing.pop(0))
    monkeypatch.setattr(packages, "_bring", lambda *_: pytest.fail("apt was started"))
    packages.apply(Host(check_mode=False), ["gpgv"], 0)
