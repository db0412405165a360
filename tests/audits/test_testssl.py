"""testssl.sh judges the HTTPS of a provisioned host by its own rules; its report is kept under build/audits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.workflows import sandbox
from tests.support.acme import DIRECTORY_URL, Authority
from tests.support.vps import DEBIAN, Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

REPORTS = Path(__file__).resolve().parents[2] / "build" / "audits"
NAME, SHOP = "audit-tls", "shop.test"
BAD = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")
EXPECTED = {
    "OCSP_stapling": "certificate authorities have given OCSP up (Let's Encrypt in 2025): nothing to staple",
    "cert_chain_of_trust": "the authority of the sandbox is nobody's; clients that trust it are tried end to end",
    "cert_revocation": "the sandbox's authority names no list of revoked certificates; Let's Encrypt's does",
    "cert_crlDistributionPoints": "the same",
    "DNS_CAArecord": "the owner's DNS, which the sandbox does not have",
    "overall_grade": "follows from the chain of trust: T; the grade without it is asserted below",
    "cert_trust": "the same",
    "security_headers": "the app's own",
}
"""Findings that stay, each with its reason; everything else that testssl.sh finds fault with fails this test."""


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One host with a certificate of a test authority, and testssl.sh on it."""
    config = ("app: shop", "instances: 1", f"domains: [{SHOP}]", f"tls: {{directory_url: '{DIRECTORY_URL}'}}")
    with project_on_sandbox(tmp_path_factory.mktemp("audit"), NAME, config=config) as project:
        address = sandbox.status(NAME).hosts[0].address
        authority = Authority(project, "web-1", address, ("web-1",))
        authority.install()
        authority.start()
        authority.point("web-1", SHOP, address)
        project.json("provision", "host")
        project.on(
            "web-1", "sh", "-c",
            "apt-get install -y -qq --no-install-recommends testssl.sh dnsutils bsdmainutils >/dev/null",
        )  # fmt: skip
        yield project


def test_testssl_finds_nothing_but_what_is_expected(shop: Project) -> None:
    """No finding from LOW on that is not in the list; no protocol, cipher or known hole among them."""
    script = (
        "cd /root && curl -sk https://127.0.0.1:15000/roots/0 > root.pem && rm -f found.json && "
        f"testssl --quiet --color 0 --warnings off --add-ca root.pem --jsonfile found.json {SHOP} >found.txt; "
        "cat found.json"
    )
    found = json.loads(shop.on("web-1", "sh", "-c", script))
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"testssl-debian{DEBIAN}.json").write_text(json.dumps(found, indent=1))
    (REPORTS / f"testssl-debian{DEBIAN}.txt").write_text(shop.on("web-1", "cat", "/root/found.txt"))
    assert {one["id"] for one in found} >= {"TLS1_2", "TLS1_3", "HSTS_time", "heartbleed"}
    faults = [f"{one['id']}: {one['severity']} {one['finding']}" for one in found if one["severity"] in BAD]
    assert [one for one in faults if one.partition(":")[0].partition(" ")[0] not in EXPECTED] == []
    grades = [one["finding"] for one in found if one["id"] in ("overall_grade", "final_score")]
    (REPORTS / f"testssl-debian{DEBIAN}.grade").write_text("\n".join(grades))
