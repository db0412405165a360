"""`tls:` of vpsdeploy.yml: where the certificate comes from; project/certificate.py judges what is in its files."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchestrator.config.fields import Allowed, Switch
from orchestrator.config.section import Section

Mode = Literal["acme", "files", "off"]

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
"""Source: letsencrypt.org/docs/acme-protocol-updates."""

TWO_YEARS_SECONDS = 63_072_000
"""Source: Mozilla's server side TLS guideline 6.0, hsts_min_age."""

_LONGEST_SECONDS = 10 * 365 * 86400
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError
    return value


def _directory(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme != "https"
        or not parts.hostname
        or parts.username
        or not value.isascii()
        or any(c.isspace() or not c.isprintable() for c in value)
    ):
        raise ValueError
    return value


def _file(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError
    return value


def _word(value: Any) -> Any:
    """YAML reads a bare `off` as false."""
    return "off" if value is False else value


Email = Annotated[str, AfterValidator(_email), Allowed("an e-mail address")]
DirectoryUrl = Annotated[str, AfterValidator(_directory), Allowed("a URL that starts with https://")]
PemFile = Annotated[str, AfterValidator(_file), Allowed("the path of a PEM file")]


class TlsConfig(Section):
    """HTTPS for the domains."""

    mode: Annotated[Mode | None, BeforeValidator(_word), Allowed("acme, files or off")] = Field(
        default=None, description="Where the certificate comes from"
    )
    email: Email | None = Field(default=None, description="Whom the certificate authority writes to")
    directory_url: DirectoryUrl = Field(default=LETS_ENCRYPT, description="The ACME server")
    certificate: PemFile | None = Field(default=None, description="Own certificate with its chain (PEM)")
    key: PemFile | None = Field(default=None, description="Key of the own certificate (PEM)")
    hsts_seconds: int = Field(
        default=TWO_YEARS_SECONDS,
        ge=0,
        le=_LONGEST_SECONDS,
        description="How long browsers insist on HTTPS (seconds)",
    )
    hsts_subdomains: Switch = Field(default=False, description="Whether that goes for names below, too")

    @model_validator(mode="after")
    def _has_what_its_mode_needs(self) -> TlsConfig:
        own = (self.certificate, self.key)
        if self.mode == "files" and None in own:
            raise ValueError("mode files needs certificate and key")
        if self.mode != "files" and own != (None, None):
            raise ValueError("certificate and key are for mode: files")
        return self
