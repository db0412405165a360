"""The user's own certificate: what is right passes, what is wrong is refused before any host is reached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from orchestrator.config import AppConfig, load
from orchestrator.errors import ConfigError
from orchestrator.project import certificate
from tests.support.certificates import Root, pem

ROOT = Root("a root")
SHOP = "shop.example.com"
GOOD = ROOT.issue(SHOP)


def project(path: Path, chain: str, key: str, domains: str = SHOP) -> AppConfig:
    """A project with these files."""
    (path / "own.pem").write_text(chain)
    (path / "own.key").write_text(key)
    tls = "{mode: files, certificate: own.pem, key: own.key}"
    (path / "vpsdeploy.yml").write_text(f"app: shop\ndomains: [{domains}]\ntls: {tls}\n")
    return load(path)


def test_a_good_one_is_found_with_a_digest_that_says_which(tmp_path: Path) -> None:
    """Another certificate is another digest: that is how a provisioned host is known to lack it."""
    found = certificate.checked(project(tmp_path, GOOD.chain, GOOD.key))
    assert found is not None
    assert (found.certificate, found.key) == (tmp_path / "own.pem", tmp_path / "own.key")
    assert found.digest == hashlib.sha256(GOOD.chain.encode()).hexdigest()


def test_other_modes_have_none() -> None:
    """Nothing is read."""
    assert certificate.checked(AppConfig(app="shop", domains=(SHOP,))) is None


@pytest.mark.parametrize(
    ("names", "domains"), [((f"*.{SHOP}", SHOP), f"{SHOP}, www.{SHOP}"), ((SHOP, "other.example"), SHOP)]
)
def test_a_star_covers_one_label(tmp_path: Path, names: tuple[str, ...], domains: str) -> None:
    """And further names do no harm."""
    leaf = ROOT.issue(*names)
    assert certificate.checked(project(tmp_path, leaf.chain, leaf.key, domains))


def test_rsa_is_fine_too(tmp_path: Path) -> None:
    """From 2048 bits on."""
    leaf = ROOT.issue(SHOP, bits=2048)
    assert certificate.checked(project(tmp_path, leaf.chain, leaf.key))


def ended() -> tuple[str, str]:
    """Of last year."""
    leaf = ROOT.issue(SHOP, begin=datetime.now(UTC) - timedelta(days=400))
    return leaf.chain, leaf.key


def early() -> tuple[str, str]:
    """Of next week."""
    leaf = ROOT.issue(SHOP, begin=datetime.now(UTC) + timedelta(days=7))
    return leaf.chain, leaf.key


def small() -> tuple[str, str]:
    """With a key that can be broken."""
    leaf = ROOT.issue(SHOP, bits=1024)
    return leaf.chain, leaf.key


KEY = ec.generate_private_key(ec.SECP256R1())
LOCKED = ROOT.issue(SHOP, key=KEY)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            lambda: (GOOD.chain, ROOT.issue(SHOP).key),
            f"own.key: is not the key of the certificate for {SHOP}",
        ),
        (ended, "own.pem: expired on"),
        (early, "own.pem: is not valid before"),
        (small, "own.key: has 1024 bits; RSA keys need 2048 or more"),
        (lambda: ("nothing", GOOD.key), "own.pem: is no PEM certificate"),
        (lambda: (GOOD.chain, "nothing"), "own.key: is no PEM key"),
        (lambda: (LOCKED.chain, pem(KEY, b"secret")), "own.key: has a passphrase"),
        (
            lambda: (GOOD.certificate, GOOD.key),
            "own.pem: has no chain: the certificate of CN=a root must stand behind",
        ),
        (
            lambda: (GOOD.certificate + Root("a root").text, GOOD.key),
            "own.pem: has a wrong chain: certificate 1",
        ),
        (
            lambda: (GOOD.certificate + Root("another").text, GOOD.key),
            "own.pem: has a wrong chain: certificate 1",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_key(
    tmp_path: Path, files: Callable[[], tuple[str, str]], said: str
) -> None:
    """By the key of vpsdeploy.yml and the file; nothing of a key is shown."""
    with pytest.raises(ConfigError) as refused:
        certificate.checked(project(tmp_path, *files()))
    assert said in refused.value.why
    assert "PRIVATE" not in refused.value.why.replace("BEGIN PRIVATE KEY", "")
    assert refused.value.state == "nothing was touched"


def test_it_has_to_be_for_every_domain(tmp_path: Path) -> None:
    """All that is wrong is said at once."""
    config = project(tmp_path, GOOD.chain, ROOT.issue(SHOP).key, f"{SHOP}, www.{SHOP}")
    with pytest.raises(ConfigError) as refused:
        certificate.checked(config)
    assert f"is for {SHOP}, and not for www.{SHOP}" in refused.value.why
    assert "is not the key of" in refused.value.why


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what the system says."""
    config = project(tmp_path, GOOD.chain, GOOD.key)
    (tmp_path / "own.key").unlink()
    with pytest.raises(ConfigError, match="the certificate cannot be used") as refused:
        certificate.checked(config)
    assert refused.value.why == f"tls.key: {tmp_path / 'own.key'}: No such file or directory"
