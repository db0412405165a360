"""The host from outside: every TCP port by nmap, and what listens for datagrams."""

from __future__ import annotations

import re

import pytest

from tests.audits.conftest import OUTSIDE, Audited

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

PROMISED = {22, 80, 443}


def test_nothing_but_what_was_promised_is_open(audited: Audited) -> None:
    """SSH, HTTP and HTTPS; an app's ports are the load balancers' alone."""
    audited.install("nmap", host=OUTSIDE)
    address = audited.on("hostname", "-I").split()[0]
    report = audited.on("nmap", "-Pn", "-n", "-p-", "-T4", address, host=OUTSIDE)
    audited.keep("nmap.txt", report)
    opened = {int(port) for port in re.findall(r"^(\d+)/tcp +open ", report, re.MULTILINE)}
    audited.figure("open ports", sorted(opened))
    assert {22, 80} <= opened <= PROMISED, report


def test_nothing_listens_for_datagrams_of_others(audited: Audited) -> None:
    """A port for datagrams shows to no scan for certain, so the host is asked."""
    listening = audited.on("ss", "-Hlun")
    audited.keep("ss-udp.txt", listening)
    addresses = [line.split()[3] for line in listening.splitlines()]
    assert [one for one in addresses if not one.startswith(("127.", "[::1]"))] == []
