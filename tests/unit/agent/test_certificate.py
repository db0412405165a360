"""Certificates on a host that is a directory: openssl is real; certbot, nginx and systemctl are stood in for."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.agent import certificates
from orchestrator.model import tls as model
from tests.unit.agent.with_certificates import (
    SHOP,
    WWW,
    Programs,
    by_unit,
    certified,
    marked,
    print_of,
    put,
    state,
    wish,
)

__all__ = ["certified"]


def test_at_first_nginx_finds_a_certificate_for_nobody(world: Programs) -> None:
    """Root's own, and no name is sent to HTTPS; facts call it none."""
    assert by_unit(world.host, "boot")["event"] == "result"
    current = world.host.app.certificate
    assert (current / "fullchain.pem").read_text().startswith("-----BEGIN CERTIFICATE")
    assert (current / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert marked(world.host) == set()
    assert (state(world.host)["certificate"], state(world.host)["missing"]) == (None, [SHOP])


@pytest.mark.parametrize("left", ["privkey.pem", "fullchain.pem"])
def test_half_a_certificate_for_nobody_is_made_whole(world: Programs, left: str) -> None:
    """The power went away while it was made: nginx would not start ever again."""
    by_unit(world.host, "boot")
    current = world.host.app.certificate
    for name in ("privkey.pem", "fullchain.pem"):
        if name == left:
            (current / name).write_text("")
        else:
            (current / name).unlink()
    by_unit(world.host, "boot")
    assert all((current / name).stat().st_size > 0 for name in ("privkey.pem", "fullchain.pem"))


def test_an_own_certificate_stands_in_until_the_authority_has_issued_one(world: Programs) -> None:
    """Whoever turns to ACME loses no HTTPS meanwhile; one that has ended stands in for nothing."""
    own(world)
    by_unit(world.host, "boot")
    wish(world.host, "acme", SHOP)
    world.certbot = "NewConnectionError: Connection refused"
    by_unit(world.host, "boot")
    assert marked(world.host) == {SHOP}
    assert "the old certificate stays" in world.host.call("certificate")["notices"][0]
    assert world.host.app.certificate.readlink().name == "files"
    world.certbot = ""
    assert world.host.call("certificate")["changed"]
    assert world.host.app.certificate.readlink().name == "shop"
    (world.host.layout.certbot / "live/shop/privkey.pem").unlink()
    own(world, begin=datetime.now(UTC) - timedelta(days=91), days=90)
    wish(world.host, "acme", SHOP)
    by_unit(world.host, "boot")
    assert world.host.app.certificate.readlink().name == "placeholder"


def own(world: Programs, **life: Any) -> None:
    """The user's own certificate, as the role tls puts it there."""
    wish(world.host, "files", SHOP)
    files = world.host.app.tls / "files"
    files.mkdir(exist_ok=True)
    leaf = world.root.issue(SHOP, **life)
    (files / "fullchain.pem").write_text(leaf.chain)
    (files / "privkey.pem").write_text(leaf.key)


def test_without_https_there_is_nothing_to_tell(world: Programs) -> None:
    """facts has null, a unit that is left over does nothing, and whoever asks is told what to do."""
    world.host.app.tls_file.unlink()
    assert world.host.call("facts")["tls"] is None
    assert by_unit(world.host, "tend") == {"event": "result", "notices": []}
    refused = world.host.call("certificate")
    assert (refused["kind"], refused["what"]) == ("HostNotReady", "the host has no HTTPS for the app")


def test_a_missing_certificate_is_asked_for_and_given_to_nginx(world: Programs) -> None:
    """Tested, reloaded, and only then the name is sent to HTTPS; the history has it."""
    done = world.host.call("certificate")
    assert (done["changed"], done["names"], done["notices"]) == (True, [SHOP], [])
    assert ["systemctl", "reload", "nginx.service"] in world.told
    assert marked(world.host) == {SHOP}
    assert state(world.host)["tried"]["result"] == "issued"
    assert '"verb":"certificate"' in world.host.app.history_file.read_text().replace(" ", "")


def test_one_that_fits_is_left_alone(world: Programs) -> None:
    """Nobody is asked until a third of its life is left; unless people insist."""
    world.host.call("certificate")
    assert not world.host.call("certificate")["changed"]
    assert len(world.asked) == 1
    assert world.host.call("certificate", renew=True)["changed"]
    assert "--force-renewal" in world.asked[1]


@pytest.mark.parametrize(("days_gone", "is_asked"), [(59, False), (61, True)])
def test_the_timer_renews_at_a_third_of_its_life(world: Programs, days_gone: int, is_asked: bool) -> None:
    """Whatever certbot's own rule is."""
    begin = datetime.now(UTC) - timedelta(days=days_gone)
    put(world.host, world.root.issue(SHOP, begin=begin, days=90))
    assert by_unit(world.host, "tend")["event"] == "result"
    assert bool(world.asked) is is_asked


def test_other_names_are_a_new_certificate(world: Programs) -> None:
    """Until it is there, the old one goes on for the names that it has."""
    world.host.call("certificate")
    wish(world.host, "acme", SHOP, WWW)
    world.certbot = "Detail: DNS problem: NXDOMAIN looking up A for www.shop.example.com"
    failed = world.host.call("certificate")
    assert not failed["changed"]
    assert "NXDOMAIN" in failed["notices"][0]
    assert marked(world.host) == {SHOP}
    world.certbot = ""
    assert world.host.call("certificate")["names"] == [SHOP, WWW]
    assert marked(world.host) == {SHOP, WWW}


def test_the_old_certificate_stays_where_the_authority_is_down(world: Programs) -> None:
    """And the notice says until when."""
    put(world.host, world.root.issue(SHOP, begin=datetime.now(UTC) - timedelta(days=65), days=90))
    world.certbot = "NewConnectionError: Connection refused"
    done = world.host.call("certificate")
    assert "the old certificate stays, until" in done["notices"][0]
    assert marked(world.host) == {SHOP}
    assert by_unit(world.host, "tend")["event"] == "result"


@pytest.mark.parametrize(
    ("days_gone", "text"),
    [(70, "less than a quarter of its life is left"), (91, "the certificate expired on")],
)
def test_the_timer_fails_loudly_when_the_end_comes_near(world: Programs, days_gone: int, text: str) -> None:
    """So that the unit is among systemctl --failed; the audit says the same."""
    put(world.host, world.root.issue(SHOP, begin=datetime.now(UTC) - timedelta(days=days_gone), days=90))
    world.certbot = "NewConnectionError: Connection refused"
    failed = by_unit(world.host, "tend")
    assert failed["event"] == "error"
    assert text in failed["what"]


def test_what_nginx_refuses_is_not_used(world: Programs) -> None:
    """The link goes back, nothing is reloaded, the host says so, also an hour later: nobody is sent to HTTPS."""
    by_unit(world.host, "boot")
    world.nginx = "nginx: [emerg] key values mismatch"
    failed = world.host.call("certificate")
    assert (failed["kind"], failed["why"]) == ("HostNotReady", "nginx: [emerg] key values mismatch")
    assert by_unit(world.host, "tend")["kind"] == "HostNotReady"
    assert world.host.app.certificate.readlink().name == "placeholder"
    assert ["systemctl", "reload", "nginx.service"] not in world.told
    assert marked(world.host) == set()


def test_what_nginx_refused_once_is_given_to_it_again(
    world: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewed certificate is on the disk by then: what counts is what nginx answers with."""
    world.host.call("certificate")
    old = print_of(world.host)
    monkeypatch.setattr(certificates, "served", lambda _: old)
    world.nginx = "nginx: [emerg] unknown directive"
    assert world.host.call("certificate", renew=True)["kind"] == "HostNotReady"
    assert print_of(world.host) != old
    again = by_unit(world.host, "tend")
    assert (again["kind"], again["why"]) == ("HostNotReady", "nginx: [emerg] unknown directive")
    assert state(world.host)["tried"]["result"] == "unused"
    world.nginx = ""
    world.told.clear()
    monkeypatch.setattr(
        certificates, "served",
        lambda _: print_of(world.host) if ["systemctl", "reload", "nginx.service"] in world.told else old,
    )  # fmt: skip
    assert by_unit(world.host, "tend")["event"] == "result"
    assert ["systemctl", "reload", "nginx.service"] in world.told
    assert (len(world.asked), state(world.host)["tried"]["result"]) == (2, "issued")


def test_nginx_that_does_not_run_is_no_reason_to_reload_it(
    world: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the certificate when it starts."""
    world.host.call("certificate")
    world.told.clear()
    monkeypatch.setattr(certificates, "served", lambda _: "")
    assert by_unit(world.host, "tend")["event"] == "result"
    assert ["systemctl", "reload", "nginx.service"] not in world.told


def test_a_reload_that_does_not_come_is_seen(world: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is sent to HTTPS while nginx answers with another certificate."""
    monkeypatch.setattr(certificates, "_SERVED_SECONDS", 0.0)
    monkeypatch.setattr(certificates, "served", lambda _: "")
    failed = world.host.call("certificate")
    assert failed["what"] == "nginx was reloaded and does not serve the new certificate"
    assert marked(world.host) == set()


def test_an_own_certificate_is_used_as_it_is(world: Programs) -> None:
    """A star covers one label; nobody is asked, and renewing it is the user's."""
    wish(world.host, "files", SHOP, WWW)
    files = world.host.app.tls / "files"
    files.mkdir()
    leaf = world.root.issue("*.shop.example.com", SHOP)
    (files / "fullchain.pem").write_text(leaf.chain)
    (files / "privkey.pem").write_text(leaf.key)
    by_unit(world.host, "boot")
    assert marked(world.host) == {SHOP, WWW}
    assert "yours to renew" in world.host.call("certificate", renew=True)["notices"][0]
    assert world.asked == []


def test_the_controller_warns_when_the_host_does() -> None:
    """One figure in two programs."""
    assert model.ALERT_PART == certificates.ALERT_PART


def test_a_try_is_remembered_with_its_time(world: Programs) -> None:
    """For people, and for the timer's patience."""
    world.certbot = "refused"
    begin = time.time()
    world.host.call("certificate")
    kept = json.loads(world.host.app.tls_tried_file.read_text())
    assert kept["at"] >= begin
    assert kept["why"] == "refused"
