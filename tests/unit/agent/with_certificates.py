"""A load balancer that is a directory, with a certificate: openssl is real, certbot and nginx are stood in for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import acme, certificates, programs, x509
from orchestrator.agent.programs import Finished
from orchestrator.agent.systemd import Systemd
from tests.support.certificates import Leaf, Root
from tests.unit.agent.conftest import FakeSystemd, Host

SHOP, WWW = "shop.example.com", "www.shop.example.com"


class Programs(FakeSystemd):
    """What the host runs: certbot writes a certificate, or says why not."""

    def __init__(self, host: Host, root: Root) -> None:
        super().__init__()
        self.host, self.root = host, root
        self.certbot: str = ""
        self.code = 0
        self.nginx: str = ""
        self.asked: list[list[str]] = []

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """openssl itself; the rest by what the test says."""
        words = list(arguments)
        if words[0] == "openssl":
            return programs.run(words)
        if words[0] == "nginx":
            return Finished(1 if self.nginx else 0, "", self.nginx)
        if words[0] == "timeout":
            return self._certbot(words)
        return super().__call__(arguments)

    def _certbot(self, words: list[str]) -> Finished:
        self.asked.append(words)
        if self.certbot or self.code:
            return Finished(self.code or 1, "Saving debug log to x\n", self.certbot)
        names = [words[n + 1] for n, word in enumerate(words) if word == "--domain"]
        put(self.host, self.root.issue(*names))
        return Finished(0, "", "")


def put(host: Host, leaf: Leaf) -> None:
    """What certbot leaves behind."""
    live = host.layout.certbot / "live" / "shop"
    live.mkdir(parents=True, exist_ok=True)
    (live / "fullchain.pem").write_text(leaf.chain)
    (live / "privkey.pem").write_text(leaf.key)


@pytest.fixture(name="world")
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A load balancer whose names point to it; nginx serves what it was given, at once."""
    host = Host(tmp_path)
    host.provision()
    made = Programs(host, Root("test root"))
    host.systemd = made
    wish(host)
    (host.layout.tls / "shop").mkdir()
    monkeypatch.setattr(acme, "astray", lambda *_: [])
    monkeypatch.setattr(certificates, "served", lambda _: print_of(host))
    return made


def wish(host: Host, mode: str = "acme", *domains: str) -> None:
    """What the role tls writes."""
    host.layout.tls.mkdir(parents=True, exist_ok=True)
    wanted = {
        "mode": mode,
        "domains": domains or [SHOP],
        "email": "",
        "directory_url": "https://ca.example/dir",
    }
    host.app.tls_file.write_text(json.dumps(wanted))


def by_unit(host: Host, act: str) -> dict[str, Any]:
    """What a unit of the host calls."""
    request = json.dumps({"protocol": 1, "app": "shop", "act": act, "by": "timer"})
    return host.words(["certificate", "--request", request])


def state(host: Host) -> dict[str, Any]:
    """What `facts` says of it."""
    found: dict[str, Any] = host.call("facts")["tls"]
    return found


def print_of(host: Host) -> str:
    """Fingerprint of the certificate that nginx reads."""
    found = x509.read(Systemd(host.systemd), host.app.certificate / "fullchain.pem")
    return found.fingerprint if found else ""


def marked(host: Host) -> set[str]:
    """Names that nginx sends to HTTPS."""
    return {path.name for path in host.app.https_names.iterdir()}
