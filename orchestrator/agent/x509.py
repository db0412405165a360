"""What a certificate says, read by openssl: the standard library has no way of its own."""

from __future__ import annotations

import calendar
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.systemd import Systemd

_ASKED = ("-serial", "-issuer", "-startdate", "-enddate", "-fingerprint", "-sha256", "-ext", "subjectAltName")
_PLACEHOLDER_DAYS = "3650"


class Certificate(NamedTuple):
    """One certificate; times in seconds since the epoch.

    Attributes:
        names: DNS names; a common name says nothing any more.
        fingerprint: SHA-256 of the whole, in hex.
    """

    names: tuple[str, ...]
    issuer: str
    serial: str
    fingerprint: str
    not_before: float
    not_after: float

    def covers(self, name: str) -> bool:
        """Whether it is for a name; a star stands for one label, the first."""
        return name in self.names or f"*.{name.partition('.')[2]}" in self.names

    def part_left(self, now: float) -> float:
        """How much of its life is left: 1 when it begins, 0 and less when it has ended."""
        return (self.not_after - now) / max(1.0, self.not_after - self.not_before)

    def fields(self) -> dict[str, Any]:
        """As JSON."""
        times = {"not_before": _iso(self.not_before), "not_after": _iso(self.not_after)}
        return {**self._asdict(), "names": list(self.names), **times}


def read(systemd: Systemd, path: Path) -> Certificate | None:
    """The first certificate of a PEM file; None where there is none that openssl can read."""
    done = systemd.ask(
        ["openssl", "x509", "-in", str(path), "-noout", "-nameopt", "RFC2253,sep_comma_plus_space", *_ASKED]
    )
    return _parsed(done.output) if done.code == 0 else None


def _parsed(text: str) -> Certificate:
    fields = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    lowered = {key.strip().lower(): value.strip() for key, value in fields.items()}
    print_of = next(value for key, value in lowered.items() if key.endswith("fingerprint"))
    names = re.findall(r"DNS:([^,\s]+)", text.partition("Subject Alternative Name")[2])
    return Certificate(
        tuple(name.lower() for name in names), lowered["issuer"], lowered["serial"], print_of.replace(":", "").lower(),
        _time(lowered["notbefore"]), _time(lowered["notafter"]),
    )  # fmt: skip


def placeholder(systemd: Systemd, directory: Path, name: str) -> None:
    """A certificate for nobody, so that nginx starts; browsers refuse it, and nobody is sent to it.

    Raises: HostNotReady: openssl could not.
    """
    files = ["-keyout", str(directory / "privkey.pem"), "-out", str(directory / "fullchain.pem")]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    done = systemd.ask(
        ["openssl", "req", "-x509", *key, *files, "-days", _PLACEHOLDER_DAYS, "-subj", f"/CN={name}.invalid"]
    )
    if done.code != 0:
        raise HostNotReady("no placeholder certificate could be made", why=done.errors.strip()[-500:])
    (directory / "privkey.pem").chmod(0o600)


def _time(text: str) -> float:
    """Source: openssl-x509(1): "Jan  5 09:34:43 2026 GMT"."""
    return calendar.timegm(time.strptime(" ".join(text.split()), "%b %d %H:%M:%S %Y GMT"))


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
