"""Certificates of a fleet in memory: looked at, asked for, and what the rest of the commands say of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostNotReady, HostUnreachable
from orchestrator.facts import tls as facts
from orchestrator.model.diagnosis import Level
from orchestrator.report import tls as report
from orchestrator.transport import agent_pyz
from orchestrator.workflows import doctor_hosts, fleet, tls
from tests.support.fleet import APP, VERSION, FakeFleet, https, stage

SHOP = "shop.example.com"
CONFIG = AppConfig(app=APP, domains=(SHOP,))
TWO = stage("web-1", balancers=["lb-1", "lb-2"])
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _our_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)


@pytest.fixture(name="hosts")
def _hosts() -> FakeFleet:
    made = FakeFleet(TWO)
    for name in ("lb-1", "lb-2"):
        made.hosts[name].tls = https(SHOP)
    return made


def renew(hosts: FakeFleet, *, force: bool = False) -> tls.Seen:
    """Ask for certificates."""
    return tls.renew(CONFIG, TWO, lambda *_: hosts, force=force)


def test_what_is_not_due_is_left_alone(hosts: FakeFleet) -> None:
    """Unless people insist; app hosts are not even asked."""
    assert renew(hosts).changed == ()
    assert renew(hosts, force=True).changed == ("lb-1", "lb-2")
    assert {host for host, _ in hosts.calls} == {"lb-1", "lb-2"}


def test_one_that_is_missing_is_asked_for(hosts: FakeFleet) -> None:
    """On the load balancer that lacks it."""
    hosts.hosts["lb-2"].tls = https(SHOP, issued=False)
    seen = renew(hosts)
    assert seen.changed == ("lb-2",)
    assert [one.tls and one.tls.pin(SHOP) for one in seen.balancers] == ["01" * 32, "02" * 32]


def test_what_was_not_issued_is_a_failure_of_the_command(hosts: FakeFleet) -> None:
    """All load balancers are asked all the same; the error says why, and what was done."""
    hosts.hosts["lb-1"].authority = "no new certificate: it was asked too often"
    with pytest.raises(HostNotReady) as failed:
        renew(hosts, force=True)
    assert failed.value.why == "lb-1: no new certificate: it was asked too often"
    assert failed.value.state == "renewed on lb-2"
    assert failed.value.host == "lb-1 (production)"


def test_a_host_that_is_lost_in_between_is_named_with_what_was_done(hosts: FakeFleet) -> None:
    """lb-1 has its new certificate."""

    def fail(host: str, verb: str) -> None:
        if (host, verb) == ("lb-2", "certificate"):
            raise HostUnreachable("no SSH connection", host=host)

    hosts.fail = fail
    with pytest.raises(HostUnreachable) as failed:
        renew(hosts, force=True)
    assert failed.value.state.startswith("renewed on lb-1; ")


def test_without_https_it_says_so(hosts: FakeFleet) -> None:
    """And what to do."""
    hosts.hosts["lb-1"].tls = None
    with pytest.raises(HostNotReady, match="the load balancer has no certificates") as failed:
        tls.look(CONFIG, TWO, lambda *_: hosts)
    assert "without HTTPS" in failed.value.why


def test_the_text_says_all_of_it(hosts: FakeFleet) -> None:
    """Warnings first, then one line each."""
    hosts.hosts["lb-2"].tls = https(SHOP, issued=False)
    seen = tls.look(CONFIG, TWO, lambda *_: hosts)
    lines = report.text(seen.balancers, changed=None).splitlines()
    assert lines[0] == f"warning: no certificate for {SHOP} on lb-2: served by HTTP"
    assert lines[1].split() == ["host", "mode", "names", "issuer", "ends", "left", "last", "try"]
    assert "2099-01-01 00:00" in lines[2]
    assert "none yet" in lines[3]
    assert report.text(seen.balancers, changed=()).splitlines()[-1] == "no certificate was changed"
    assert report.text(seen.balancers, changed=("lb-1",)).splitlines()[-1] == "new on lb-1"


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ("2027-02-01T00:00:00Z", ""),
        ("2026-12-01T00:00:00Z", "ends on 2026-12-01 00:00 UTC, in 6 days"),
        ("2026-11-24T00:00:00Z", "has expired on 2026-11-24 00:00 UTC"),
    ],
)  # fmt: skip
def test_an_end_that_comes_near_is_told(ends: str, text: str) -> None:
    """With less than a quarter of its life left."""
    assert facts.ending(balancers(ends=ends), NOW) == [
        f"the certificate on lb-1 {one}: vpsdeploy tls status" for one in (text,) if one
    ]


def balancers(**of: Any) -> list[Any]:
    """One load balancer."""
    from orchestrator.model.tls import TlsBalancer

    return [TlsBalancer("lb-1", facts.parse(https(SHOP, **of)))]


def test_the_url_is_https_where_all_load_balancers_send_users_there(hosts: FakeFleet) -> None:
    """One that cannot yet is one user in two who would see an error."""
    with fleet.opened(CONFIG, TWO, lambda *_: hosts) as context:
        assert fleet.url(context, context.facts()) == f"https://{SHOP}/"
        hosts.hosts["lb-2"].tls = https(SHOP, issued=False)
        assert fleet.url(context, context.facts()) == f"http://{SHOP}/"


def test_doctor_finds_what_is_missing_or_ends(hosts: FakeFleet) -> None:
    """A warning where it is not there yet, an error where users will see one."""
    found = {}
    for ends, issued in (("2099-01-01T00:00:00Z", True), ("2026-11-02T00:00:00Z", True), ("", False)):
        hosts.hosts["lb-1"].tls = https(SHOP, ends=ends, issued=issued)
        with fleet.opened(CONFIG, TWO, lambda *_: hosts) as context:
            host = context.facts().of("lb-1")
        assert host is not None
        judged = doctor_hosts.judge(TWO, host, VERSION, is_app=False)
        found[ends] = [one.level for one in judged if "certificate" in one.text]
    assert found == {
        "2099-01-01T00:00:00Z": [Level.OK],
        "2026-11-02T00:00:00Z": [Level.ERROR],
        "": [Level.WARNING],
    }
