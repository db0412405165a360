"""`tls:` of vpsdeploy.yml."""

from __future__ import annotations

import pytest

from orchestrator.config import document
from orchestrator.config.loader import check


def problems(text: str) -> list[str]:
    """What is wrong with a config, as people read it."""
    found = check(document.parse(text))[1]
    return [problem.render("vpsdeploy.yml") for problem in found]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("app: shop\n", "off"),
        ("app: shop\ndomains: [shop.example.com]\n", "acme"),
        ("app: shop\ndomains: [shop.example.com]\ntls: {email: ann@example.com}\n", "acme"),
        ("app: shop\ndomains: [shop.example.com]\ntls: {mode: off}\n", "off"),
        ('app: shop\ndomains: [shop.example.com]\ntls: {mode: "off"}\n', "off"),
        (
            "app: shop\ndomains: [a.example.com]\ntls: {mode: files, certificate: a.pem, key: a.key}\n",
            "files",
        ),
    ],
)
def test_with_domains_https_is_what_one_gets(text: str, mode: str) -> None:
    """Without them there is nothing that a certificate could be for. YAML's `off` is a word here."""
    config, found = check(document.parse(text))
    assert found == []
    assert config is not None
    assert config.tls_mode == mode


@pytest.mark.parametrize(
    ("tls", "said"),
    [
        ("mode: acme", "vpsdeploy.yml:2: tls: mode acme needs `domains`: a certificate is for names"),
        (
            "mode: letsencrypt",
            'vpsdeploy.yml:2: tls.mode: "letsencrypt" is not allowed; it must be acme, files or off',
        ),
        ("mode: files", "vpsdeploy.yml:2: tls: mode files needs certificate and key"),
        ("certificate: a.pem", "vpsdeploy.yml:2: tls: certificate and key are for mode: files"),
        ("email: ann", 'vpsdeploy.yml:2: tls.email: "ann" is not allowed; it must be an e-mail address'),
        (
            "directory_url: http://ca.example/dir",
            'vpsdeploy.yml:2: tls.directory_url: "http://ca.example/dir" is not allowed; it must be a URL that starts '
            "with https://",
        ),
        ("hsts_seconds: -1", "vpsdeploy.yml:2: tls.hsts_seconds: -1 is not allowed; it must be a whole number from 0"),
        ("emial: a@b.de", 'vpsdeploy.yml:2: tls.emial: unknown key; did you mean "email"?'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tls: str, said: str) -> None:
    """Before any host is reached."""
    (found,) = problems(f"app: shop\ntls: {{{tls}}}\n")
    assert found.startswith(said)
