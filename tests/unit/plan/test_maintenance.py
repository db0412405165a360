"""What maintenance may be asked for."""

from __future__ import annotations

import pytest

from orchestrator.errors import UsageError
from orchestrator.model.maintenance import Maintenance
from orchestrator.plan import maintenance


def test_addresses_are_kept_in_one_form() -> None:
    """However they are written, and each once; nginx writes IPv6 addresses shortened and in small letters."""
    asked = ("203.0.113.7", "2001:DB8:0:0::7", "203.0.113.7/32", "203.0.113.77/24")
    made = maintenance.request("Back soon", asked, 60)
    assert made["allow"] == ["203.0.113.7", "2001:db8::7", "203.0.113.0/24"]


@pytest.mark.parametrize(
    ("allow", "why"),
    [
        (("web-1",), "is not an address"),
        (("203.0.113.7:80",), "is not an address"),
        (("../green",), "is not an address"),
        (("10.0.0.0/8",), "names 16777216 addresses"),
        (("2001:db8::/64",), "has too many addresses"),
        (("203.0.113.0/22", "198.51.100.1"), "names 1025 addresses"),
    ],
)
def test_what_is_no_address_is_refused(allow: tuple[str, ...], why: str) -> None:
    """Before any host is asked: it would end up as the name of a file."""
    with pytest.raises(UsageError, match=why) as caught:
        maintenance.request("Back soon", allow, 60)
    assert caught.value.state == "nothing was touched"


@pytest.mark.parametrize(
    "message", ["", "  ", "a\nb", "a\tb", "a\x1b[31m", "a\u202eb", "a\ud800", "a\u2028b", "x" * 501]
)
def test_a_message_that_is_no_line_of_text_is_refused(message: str) -> None:
    """Nothing, too much, control characters, characters that turn the rest of the page around."""
    with pytest.raises(UsageError, match="--message"):
        maintenance.request(message, (), 60)


@pytest.mark.parametrize("message", ["Zurück um 14 Uhr <3", "稍后再试", "Back soon 👩‍🔧", "x" * 500])
def test_any_language_is_allowed(message: str) -> None:
    """What is text stays as it is."""
    assert maintenance.request(message, (), 60)["message"] == message


@pytest.mark.parametrize("seconds", [0, -1, 86401])
def test_seconds_have_limits(seconds: int) -> None:
    """From 1 second to a day."""
    with pytest.raises(UsageError, match="--retry-after"):
        maintenance.request("Back soon", (), seconds)


def test_the_way_back_says_who_had_turned_it_on() -> None:
    """An undo must not look like a change of its own."""
    before = Maintenance("m", ("203.0.113.7",), 60, "2026-11-22T10:00:00Z", "ann@laptop")
    asked = maintenance.back_to(before)
    assert (asked["since"], asked["on_behalf_of"], asked["allow"]) == (
        before.since,
        "ann@laptop",
        ["203.0.113.7"],
    )
    assert maintenance.back_to(None) == {"on": False}
