"""What a certificate authority answers, and where a name leads before one is asked."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from orchestrator.agent import acme
from tests.unit.agent.with_certificates import SHOP, Programs, by_unit, certified, state, wish

__all__ = ["certified"]


@pytest.mark.parametrize(
    ("said", "code", "result", "why"),
    [
        (
            "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='ca.example', port=443): Max retries "
            "exceeded with url: /dir (Caused by NewConnectionError('Connection refused'))",
            1, "unreachable", "https://ca.example/dir cannot be reached",
        ),
        ("", 124, "unreachable", "https://ca.example/dir did not answer within 300 s"),
        (
            "An unexpected error occurred:\nError creating new order :: too many certificates (5) already issued",
            1, "limited", "it was asked too often: Error creating new order",
        ),
        ("Domain: shop.example.com\nType: unauthorized\nDetail: 203.0.113.9: no", 1, "refused", "unauthorized"),
    ],
)  # fmt: skip
def test_an_authority_that_does_not_issue_is_no_failure(
    world: Programs, said: str, code: int, result: str, why: str
) -> None:
    """The notice says why, and what is served; nginx is not touched; the timer waits before it asks again."""
    world.certbot, world.code = said, code
    done = world.host.call("certificate")
    assert (done["event"], done["changed"]) == ("result", False)
    assert why in done["notices"][0]
    assert "the app is served by HTTP" in done["notices"][0]
    assert state(world.host)["tried"]["result"] == result
    assert ["systemctl", "reload", "nginx.service"] not in world.told
    asked = len(world.asked)
    by_unit(world.host, "tend")
    assert len(world.asked) == asked
    world.host.call("certificate")
    assert len(world.asked) == asked + 1


def test_a_name_that_has_no_address_is_not_asked_for(
    world: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody bothers an authority with it."""
    monkeypatch.undo()
    wish(world.host, "acme", "nobody.invalid")
    done = world.host.call("certificate")
    assert "nobody.invalid has no address" in done["notices"][0]
    assert world.asked == []
    assert state(world.host)["tried"]["result"] == "astray"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda text: text, ""),
        (lambda _: None, ""),
        (
            lambda _: "<html>parked</html>",
            "shop.example.com does not point here: 203.0.113.9 answers for it, and is none of the app's load balancers",
        ),
    ],
)
def test_a_name_leads_here_elsewhere_or_nowhere_that_we_can_see(
    monkeypatch: pytest.MonkeyPatch, answer: Any, expected: str
) -> None:
    """Only somebody else's answer is proof of somebody else."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("203.0.113.9", 80))])
    monkeypatch.setattr(acme, "_answer", lambda *_: answer("text"))
    assert acme._astray(SHOP, "token", "text") == expected


def test_what_certbot_loses_is_read_from_its_log(world: Programs) -> None:
    """Debian 12's says no more than that it could not set an attribute."""
    world.certbot = "An unexpected error occurred:\nAttributeError: can't set attribute"
    log = world.host.layout.root / "var/log/letsencrypt/letsencrypt.log"
    log.parent.mkdir(parents=True)
    log.write_text(
        '{"type": "urn:ietf:params:acme:error:rateLimited", "status": 429, "detail": "too many certificates"}'
    )
    assert (
        "asked too often: rateLimited: too many certificates" in world.host.call("certificate")["notices"][0]
    )


def test_a_certbot_that_waits_for_another_one_is_no_refusal(world: Programs) -> None:
    """A second app of the host, or Debian's own timer: nobody was asked, so the next hour may ask."""
    world.certbot = "Another instance of Certbot is already running."
    done = world.host.call("certificate")
    assert "certbot is busy" in done["notices"][0]
    assert state(world.host)["tried"]["result"] == "busy"
    world.certbot = ""
    assert by_unit(world.host, "tend")["event"] == "result"
    assert state(world.host)["tried"]["result"] == "issued"
