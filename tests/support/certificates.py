"""Certificates of a root of our own, as users bring them; and such that nobody should bring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Leaf:
    """A certificate with its chain behind it, and its key, as PEM."""

    certificate: str
    chain: str
    key: str


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(key: Key, password: bytes | None = None) -> str:
    """A private key as PEM."""
    way = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, way).decode()


class Root:
    """A root that signs leaves itself; clients trust `text`."""

    def __init__(self, name: str) -> None:
        self._name, self._key = _name(name), ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._signed(
            self._name, self._key, datetime.now(UTC), timedelta(days=3650), ca=True
        )
        self.text = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(
        self, *names: str, begin: datetime | None = None, days: int = 90, bits: int = 0, key: Key | None = None,
    ) -> Leaf:  # fmt: skip
        """A certificate for some names; an RSA key where `bits` is given."""
        made = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        own = key or made
        begins = begin or datetime.now(UTC) - timedelta(hours=1)
        signed = self._signed(_name(names[0]), own, begins, timedelta(days=days), names=names)
        text = signed.public_bytes(serialization.Encoding.PEM).decode()
        return Leaf(text, text + self.text, pem(own))

    def _signed(
        self, subject: x509.Name, key: Key, begin: datetime, life: timedelta, *,
        names: tuple[str, ...] = (), ca: bool = False,
    ) -> x509.Certificate:  # fmt: skip
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(begin + life)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )  # fmt: skip
        if names:
            found = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(found, critical=False)
        return builder.sign(self._key, hashes.SHA256())
