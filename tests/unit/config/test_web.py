"""rate_limits, http, trusted_*: what is refused, and in which words."""

from __future__ import annotations

import pytest

from orchestrator.config import document
from orchestrator.config.loader import check
from orchestrator.workflows.provision_play import clients


def problem(text: str) -> str:
    """The only problem of a file."""
    config, problems = check(document.parse(f"app: shop\n{text}\n"))
    assert config is None
    (found,) = problems
    return found.text


WRONG = {
    "trusted_proxies: [0.0.0.0/0]": "would let anybody claim to be anybody",
    "trusted_proxies: ['::/0']": "would let anybody claim to be anybody",
    "trusted_proxies: [198.51.100.0/33]": '"198.51.100.0/33" is no address and no network',
    "trusted_proxies: [198.51.100.7/24]": "write 198.51.100.0/24 if you mean the network",
    "trusted_addresses: [203.0.113.7, 203.0.113.7]": '"203.0.113.7" is there twice',
    "trusted_addresses: ['fe80::1%eth0']": "names an interface",
    "trusted_addresses: [office.example.com]": "is no address and no network; write 203.0.113.7",
    "rate_limits: {rate: 50}": "50 is not allowed; it must be requests in a second or a minute, such as 50r/s or 10r/m",
    "rate_limits: {rate: 0r/s}": "requests in a second or a minute",
    "rate_limits: {burst: -1}": "a whole number from 0 to 100000",
    "rate_limits: {login: {paths: [login]}}": "or an ending such as */login",
    "rate_limits: {login: {paths: ['/a;b']}}": "a path such as /api/search",
    "rate_limits: {login: {rat: 1r/s}}": 'unknown key; did you mean "rate"?',
    "rate_limits: {routes: [{path: /a, rate: 1r/s}, {path: /a, rate: 2r/s}]}": '"/a" is there twice',
    "rate_limits: {routes: [{path: /a}]}": "is missing; it must be requests in a second or a minute",
    "http: {max_body_size: 10}": "10 is not allowed; it must be a size such as 512K, 10M or 2G",
    "http: {timeout_seconds: 0}": "a whole number from 1 to 3600",
}


@pytest.mark.parametrize(("text", "words"), WRONG.items(), ids=WRONG.keys())
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    """Before any host is asked."""
    assert words in problem(text)


def test_networks_are_kept_in_one_form() -> None:
    """As nginx and fail2ban are told."""
    config, problems = check(
        document.parse(
            "app: shop\ntrusted_addresses: [203.0.113.7/32, '2001:DB8:0::/48']\ntrusted_proxies: [10.0.0.0/8]\n"
        )
    )
    assert not problems
    assert config is not None
    assert config.trusted_addresses == ("203.0.113.7", "2001:db8::/48")
    assert config.trusted_proxies == ("10.0.0.0/8",)


def test_a_trusted_ipv6_address_stands_for_its_64() -> None:
    """As a client does."""
    assert clients("2001:db8:1:2::7") == "2001:db8:1:2::/64"
    assert (clients("2001:db8::/48"), clients("203.0.113.7")) == ("2001:db8::/48", "203.0.113.7")
