"""testssl.sh judges the HTTPS of the host from outside, by its own rules."""

from __future__ import annotations

import json

import pytest

from tests.audits.conftest import OUTSIDE, SHOP, Audited

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

BAD = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")
STAYS = {
    "OCSP_stapling": "certificate authorities have given OCSP up (Let's Encrypt in 2025): nothing to staple",
    "cert_revocation": "the sandbox's authority names no list of revoked certificates; Let's Encrypt's does",
    "DNS_CAArecord": "the owner's DNS, which the sandbox does not have",
}
"""Findings that stay, each with its reason; everything else that testssl.sh finds fault with fails this test."""


def test_testssl_gives_a_plus_and_finds_nothing_but_what_stays(audited: Audited) -> None:
    """No finding from LOW on that is not in the list: no protocol, cipher or known hole among them."""
    audited.install("dnsutils", "bsdextrautils", "procps", host=OUTSIDE)
    place, version = audited.fetch("trixie", "testssl.sh", host=OUTSIDE)  # Debian 12's gives no grade
    script = (
        f"cd /root && echo '{audited.authority.root()}' > root.pem && rm -f found.json && "
        f"TESTSSL_INSTALL_DIR={place}/etc/testssl "
        f"{place}/usr/bin/testssl --quiet --color 0 --warnings off --add-ca root.pem --jsonfile found.json {SHOP} "
        ">found.txt; cat found.json"
    )
    found = json.loads(audited.on("sh", "-c", script, host=OUTSIDE))
    audited.keep("testssl.json", json.dumps(found, indent=1))
    audited.keep("testssl.txt", audited.on("cat", "/root/found.txt", host=OUTSIDE))
    said = {one["id"]: one["finding"] for one in found}
    faults = [f"{one['id']}: {one['severity']} {one['finding']}" for one in found if one["severity"] in BAD]
    audited.figure(
        "testssl",
        {
            "version": version,
            "grade": said.get("overall_grade"),
            "score": said.get("final_score"),
            "faults": faults,
        },
    )
    assert said.keys() >= {"TLS1_2", "TLS1_3", "HSTS_time", "heartbleed"}
    assert [one for one in faults if one.partition(":")[0].partition(" ")[0] not in STAYS] == []
    assert said["overall_grade"] == "A+"
