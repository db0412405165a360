"""The user's own certificate, judged before any host is reached: whole, in time, for these domains, with its key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import AppConfig
from orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_LEAST_RSA_BITS = 2048
"""Source: Mozilla's server side TLS guideline 6.0, rsa_key_size."""


@dataclass(frozen=True, slots=True)
class Own:
    """An own certificate that is fit for use.

    Attributes:
        certificate: File with the certificate and its chain.
        key: File with its key.
        digest: SHA-256 of the first: what says that it was replaced.
    """

    certificate: Path
    key: Path
    digest: str


def checked(config: AppConfig) -> Own | None:
    """The certificate of `mode: files`; None in every other mode.

    Raises: ConfigError: everything that keeps it from serving the domains.
    """
    if config.tls_mode != "files":
        return None
    places = [_place(config, text) for text in (config.tls.certificate, config.tls.key)]
    texts: list[bytes] = []
    for key, place in zip(("certificate", "key"), places, strict=True):
        try:
            texts.append(place.read_bytes())
        except OSError as error:
            raise _refused([f"tls.{key}: {place}: {error.strerror}"]) from None
    found = list(_problems(texts[0], texts[1], config.domains, datetime.now(UTC)))
    if found:
        raise _refused([f"tls.{key}: {places[key == 'key']}: {text}" for key, text in found])
    return Own(places[0], places[1], hashlib.sha256(texts[0]).hexdigest())


def _place(config: AppConfig, text: str | None) -> Path:
    return config.project_dir / Path(text or "").expanduser()


def _refused(texts: list[str]) -> ConfigError:
    return ConfigError(
        "the certificate cannot be used", why="\n".join(texts), state="nothing was touched",
        next="put the right files there, or change `tls` in vpsdeploy.yml (docs/tls.md)",
    )  # fmt: skip


def _problems(
    certificate: bytes, key: bytes, domains: tuple[str, ...], now: datetime
) -> Iterator[tuple[str, str]]:
    """Pairs of the config's key and what is wrong with its file."""
    from cryptography import x509

    try:
        chain = x509.load_pem_x509_certificates(certificate)
    except ValueError:
        yield "certificate", "is no PEM certificate (it begins with -----BEGIN CERTIFICATE-----)"
        return
    leaf = chain[0]
    yield from (("certificate", text) for text in _in_time(leaf, now))
    if missing := [name for name in domains if not any(_covers(one, name) for one in names(leaf))]:
        yield (
            "certificate",
            f"is for {', '.join(names(leaf)) or 'no name'}, and not for {', '.join(missing)}",
        )
    yield from (("certificate", text) for text in _chained(chain))
    yield from (("key", text) for text in _fits(leaf, key))


def names(certificate: Certificate) -> list[str]:
    """DNS names of the certificate. Source: RFC 9525: the common name says nothing any more."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in found.value.get_values_for_type(x509.DNSName)]


def _covers(pattern: str, name: str) -> bool:
    """A star stands for one label, the first. Source: RFC 9525, 6.3."""
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def _in_time(leaf: Certificate, now: datetime) -> Iterator[str]:
    begin, end = (
        moment.replace(tzinfo=UTC) for moment in (leaf.not_valid_before_utc, leaf.not_valid_after_utc)
    )
    if end <= now:
        yield f"expired on {end:%Y-%m-%d at %H:%M} UTC"
    if begin > now:
        yield f"is not valid before {begin:%Y-%m-%d at %H:%M} UTC"


def _chained(chain: list[Certificate]) -> Iterator[str]:
    """Each certificate must be signed by the next; what users' programs cannot follow is no chain."""
    for n, (one, issuer) in enumerate(pairwise(chain), 1):
        try:
            one.verify_directly_issued_by(issuer)
        except Exception as error:  # noqa: BLE001 - cryptography raises what each kind of key raises; any of it is a no
            yield (
                f"has a wrong chain: certificate {n} ({_named(one)}) was issued by {_who(one)}, and certificate "
                f"{n + 1} ({_named(issuer)}) is not that ({type(error).__name__}); yours comes first, its issuer next"
            )
            return
    if len(chain) == 1 and chain[0].issuer != chain[0].subject:
        yield (
            f"has no chain: the certificate of {_who(chain[0])} must stand behind it; browsers may fetch it, "
            "programs do not"
        )


def _named(certificate: Certificate) -> str:
    return (names(certificate) or [certificate.subject.rfc4514_string() or "without a name"])[0]


def _who(certificate: Certificate) -> str:
    return certificate.issuer.rfc4514_string()


def _fits(leaf: Certificate, text: bytes) -> Iterator[str]:
    """What is wrong with a key; nothing of it is ever shown."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(text, password=None)
    except TypeError:
        yield "has a passphrase: nginx could not start without a person (openssl pkey -in KEY -out NEW takes it off)"
        return
    except (ValueError, UnsupportedAlgorithm):
        yield "is no PEM key (it begins with -----BEGIN PRIVATE KEY-----)"
        return
    if _public(key) != _public(leaf):
        yield f"is not the key of the certificate for {_named(leaf)}"
    bits = getattr(key, "key_size", _LEAST_RSA_BITS)
    if type(key).__name__.startswith("RSA") and bits < _LEAST_RSA_BITS:
        yield f"has {bits} bits; RSA keys need {_LEAST_RSA_BITS} or more"


def _public(holder: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found: bytes = holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found
